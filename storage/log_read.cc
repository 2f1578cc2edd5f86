// Log::Read: from an offset to bytes of a file.
#include <algorithm>
#include <utility>

#include "proto/invariant.h"
#include "storage/log.h"
#include "storage/page_probe.h"
#include "storage/segment.h"

namespace millrace::storage {

namespace {

using Missing = std::optional<ReadResult>;

// What the probe has found missing, where that is why a look-up failed.
Missing MissingBy(const std::optional<PageProbe>& probe, const absl::Status& status,
                  const Segment& segment) {
  if (!probe.has_value() || !absl::IsUnavailable(status)) return std::nullopt;
  return ReadResult{.log = segment.files().log, .missing = probe->missing()};
}

// Opening the file may wait for the disk, too: loading something of it does that elsewhere.
ReadResult Reopened(const Segment& segment, const BatchSpot& spot) {
  const auto& log = segment.files().log;
  return {.log = log, .missing = {.file = log, .position = spot.position, .size = spot.size}};
}

}  // namespace

absl::StatusOr<ReadResult> Log::Read(const ReadOptions& options) const {
  if (options.from < log_start_ || options.from > log_end_) {
    return ReadResult{.error = ErrorCode::kOffsetOutOfRange};
  }
  const Offset limit = std::min(options.limit, log_end_);
  if (options.from >= limit) return ReadResult{};
  // What compaction left may end before the next segment begins: then that one has the next batch.
  for (size_t i = SegmentOf(options.from); i < segments_.size(); ++i) {
    const Segment& segment = *segments_[i];
    if (segment.base() >= limit) break;
    std::optional<PageProbe> probe;
    if (options.resident_bytes.has_value()) probe.emplace(segment.files(), *options.resident_bytes);
    PageProbe* asked = probe.has_value() ? &*probe : nullptr;
    const auto spot = segment.Locate(options.from, asked);
    if (auto missing = MissingBy(probe, spot.status(), segment)) return *std::move(missing);
    if (!spot.ok()) return spot.status();
    if (!spot->has_value()) continue;
    const auto end = segment.PositionOfLimit(limit, asked);
    if (auto missing = MissingBy(probe, end.status(), segment)) return *std::move(missing);
    if (!end.ok()) return end.status();
    if (asked != nullptr && !segment.files().log->IsOpen()) return Reopened(segment, **spot);
    auto result = SliceFrom(segment, **spot, *end, options);
    if (result.ok() && asked != nullptr) {
      result->is_resident = IsResident(segment, result->slice, *asked, options);
    }
    return result;
  }
  return ReadResult{};
}

absl::StatusOr<ReadResult> Log::SliceFrom(const Segment& segment, const BatchSpot& spot,
                                          int64_t end, const ReadOptions& options) const {
  // Part of a batch alone is of no use, and clients take it for a broker that makes no progress.
  if (spot.size > options.max_bytes && !options.at_least_one_batch) return ReadResult{};
  const int64_t wanted = std::max(options.max_bytes, spot.size);
  const int64_t size = std::clamp<int64_t>(end - spot.position, 0, wanted);
  auto file = PinFile(segment.files().log);
  if (!file.ok()) return file.status();
  return ReadResult{.slice = {.file = *std::move(file), .position = spot.position, .size = size},
                    .first_batch_bytes = spot.size,
                    .log = segment.files().log,
                    .is_active = &segment == &active()};
}

// What no sync has covered yet is dirty, and so in memory.
bool Log::IsResident(const Segment& segment, const FileSlice& slice, PageProbe& probe,
                     const ReadOptions& options) const {
  if (slice.size == 0 || slice.position >= segment.upkeep.durable_bytes) return true;
  const int64_t asked = std::min(slice.size, *options.resident_bytes);
  return probe.AllowsLog(slice.position, asked, slice.position + slice.size);
}

// The segment with the largest base offset <= `offset`, else the first.
size_t Log::SegmentOf(Offset offset) const {
  if (offset >= active().base()) return segments_.size() - 1;
  const auto above = std::upper_bound(segments_.begin(), segments_.end(), offset,
                                      [](Offset wanted, const std::shared_ptr<Segment>& segment) {
                                        return wanted < segment->base();
                                      });
  return above == segments_.begin() ? 0 : static_cast<size_t>(above - segments_.begin()) - 1;
}

}  // namespace millrace::storage
