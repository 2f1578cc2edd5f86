// Log::Read: from an offset to bytes of a file.
#include <algorithm>

#include "proto/invariant.h"
#include "storage/log.h"
#include "storage/segment.h"

namespace millrace::storage {

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
    const auto spot = segment.Locate(options.from);
    if (!spot.ok()) return spot.status();
    if (!spot->has_value()) continue;
    const auto end = segment.PositionOfLimit(limit);
    if (!end.ok()) return end.status();
    const int64_t position = (*spot)->position;
    const int64_t first = (*spot)->size;
    // Part of a batch alone is of no use, and clients take it for a broker that makes no progress.
    if (first > options.max_bytes && !options.at_least_one_batch) return ReadResult{};
    const int64_t wanted = std::max(options.max_bytes, first);
    const int64_t size = std::clamp<int64_t>(*end - position, 0, wanted);
    auto file = PinFile(segment.files().log);
    if (!file.ok()) return file.status();
    return ReadResult{.slice = {.file = *std::move(file), .position = position, .size = size},
                      .first_batch_bytes = first};
  }
  return ReadResult{};
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
