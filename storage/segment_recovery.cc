#include "storage/segment_recovery.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "proto/record/message_set.h"
#include "storage/batch_walk.h"

namespace millrace::storage {
namespace {

// Larger than any broker took; what claims more is damage.
constexpr int64_t kLegacyMessageBytesMax = 128 << 20;
constexpr int64_t kSegmentBytesMax = std::numeric_limits<int32_t>::max();

// Whether the batch can stand at the end of what is known of the segment.
bool Continues(const Segment& segment, Offset first, Offset last) {
  return first >= segment.next_offset() &&
         last - segment.base() <= std::numeric_limits<int32_t>::max();
}

absl::StatusOr<int64_t> FileBytes(const SegmentFiles& files, Offset base) {
  const absl::StatusOr<int64_t> size = files.log->Size();
  if (!size.ok()) return size;
  if (*size > kSegmentBytesMax) {
    return absl::DataLossError(
        fmt::format("segment {} has {} bytes, more than the format allows", base.value(), *size));
  }
  return size;
}

struct TrustedIndexes {
  OffsetIndex::Usable offsets;
  TimeIndex::Usable times;
};

absl::StatusOr<std::optional<TrustedIndexes>> LoadIndexes(const SegmentFiles& files, Offset base,
                                                          int64_t file_bytes) {
  const auto offsets = OffsetIndex::UsableEntries(*files.index, base, file_bytes);
  if (!offsets.ok()) return offsets.status();
  const auto times = TimeIndex::UsableEntries(*files.time_index, base);
  if (!times.ok()) return times.status();
  if (!offsets->has_value() || !times->has_value()) return std::nullopt;
  return TrustedIndexes{.offsets = **offsets, .times = **times};
}

// Notes the batches behind the last index entry by their headers. None when an index does not agree
// with the batches.
absl::StatusOr<std::shared_ptr<Segment>> WalkBehind(const SegmentFiles& files, Offset base,
                                                    const Segment::Limits& limits,
                                                    const TrustedIndexes& indexes,
                                                    int64_t file_bytes) {
  auto segment = std::make_shared<Segment>(files, base, limits, indexes.offsets, indexes.times);
  std::optional<OffsetIndex::Entry> named = indexes.offsets.last;
  HeaderWalk walk(*files.log, segment->size_bytes(), file_bytes);
  while (segment->size_bytes() < file_bytes) {
    const auto spot = walk.Next();
    if (absl::IsDataLoss(spot.status())) break;
    if (!spot.ok()) return spot.status();
    if (!Continues(*segment, (*spot)->base_offset, (*spot)->last_offset)) break;
    if (named.has_value() && (*spot)->last_offset != named->offset) return nullptr;
    named.reset();
    segment->Note(walk.header());
  }
  if (named.has_value()) return nullptr;
  if (indexes.times.last.has_value()) {
    const auto newest = segment->Locate(indexes.times.last->offset);
    if (absl::IsDataLoss(newest.status())) return nullptr;
    if (!newest.ok()) return newest.status();
    if (!newest->has_value() || (*newest)->max_timestamp != indexes.times.last->timestamp) {
      return nullptr;
    }
  }
  return segment;
}

}  // namespace

absl::StatusOr<OpenedSegment> ResumeSegment(const SegmentFiles& files, Offset base,
                                            const Segment::Limits& limits) {
  const auto file_bytes = FileBytes(files, base);
  if (!file_bytes.ok()) return file_bytes.status();
  const auto trusted = LoadIndexes(files, base, *file_bytes);
  if (!trusted.ok()) return trusted.status();
  if (trusted->has_value()) {
    auto segment = WalkBehind(files, base, limits, **trusted, *file_bytes);
    if (!segment.ok()) return segment.status();
    if (*segment != nullptr) {
      const bool was_missing = (*trusted)->offsets.entries == 0 && (*segment)->has_index_entries();
      return OpenedSegment{.segment = *std::move(segment),
                           .file_bytes = *file_bytes,
                           .indexes_rebuilt = was_missing};
    }
  }
  auto segment = WalkBehind(files, base, limits, {}, *file_bytes);
  if (!segment.ok()) return segment.status();
  return OpenedSegment{
      .segment = *std::move(segment), .file_bytes = *file_bytes, .indexes_rebuilt = true};
}

absl::StatusOr<OpenedSegment> ScanSegment(const SegmentFiles& files, Offset base,
                                          const Segment::Limits& limits,
                                          const LoadHook& load_ahead) {
  const auto file_bytes = FileBytes(files, base);
  if (!file_bytes.ok()) return file_bytes.status();
  auto segment = std::make_shared<Segment>(files, base, limits);
  LoadAhead ahead(load_ahead, files.log, *file_bytes);
  BatchScan scan(*files.log, 0, *file_bytes);
  while (true) {
    ahead.Reached(scan.position());
    const auto bytes = scan.Next();
    if (!bytes.ok()) return bytes.status();
    if (!bytes->has_value()) break;
    const record::BatchView batch(**bytes);
    if (!Continues(*segment, batch.base_offset(), batch.last_offset())) break;
    segment->Note(batch);
  }
  return OpenedSegment{.segment = std::move(segment),
                       .file_bytes = *file_bytes,
                       .indexes_rebuilt = true,
                       .verified = true};
}

absl::StatusOr<bool> HoldsLegacyMessage(const File& file, int64_t position, int64_t end) {
  std::array<std::byte, record::kMessageBytesMin> head;
  if (end - position < static_cast<int64_t>(head.size())) return false;
  auto read = file.ReadAt(position, head);
  if (!read.ok()) return read.status();
  if (*read < head.size()) return false;
  const std::optional<int64_t> size = record::ClaimedMessageSize(head);
  if (!size.has_value() || *size > std::min(end - position, kLegacyMessageBytesMax)) return false;
  std::vector<std::byte> bytes(static_cast<size_t>(*size));
  read = file.ReadAt(position, bytes);
  if (!read.ok()) return read.status();
  return *read == bytes.size() && record::MessageReader(bytes).Next().has_value();
}

}  // namespace millrace::storage
