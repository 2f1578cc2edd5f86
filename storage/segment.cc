#include "storage/segment.h"

#include <utility>

#include "proto/invariant.h"

namespace millrace::storage {

absl::Status SealWork::Run() const {
  // Also what a failed append left behind the end must stay cut.
  if (absl::Status status = log->Truncate(log_bytes); !status.ok()) return status;
  if (absl::Status status = log->Sync(); !status.ok()) return status;
  for (const IndexWrite* write : {&offset_entries, &time_entries}) {
    if (absl::Status status = write->Run(); !status.ok()) return status;
    if (absl::Status status = write->file->Sync(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

Segment::Segment(SegmentFiles files, Offset base, const Limits& limits)
    : Segment(std::move(files), base, limits, {}, {}) {}

Segment::Segment(SegmentFiles files, Offset base, const Limits& limits,
                 const OffsetIndex::Usable& offsets, const TimeIndex::Usable& times)
    : files_(std::move(files)),
      base_(base),
      limits_(limits),
      offsets_(files_.index, base, offsets.entries, limits.index_bytes_max),
      times_(files_.time_index, base, times.entries, times.last, limits.index_bytes_max),
      size_(offsets.last.has_value() ? offsets.last->position : 0),
      next_offset_(base),
      last_entry_(offsets.last),
      newest_(times.last) {}

Segment::Segment(SegmentFiles files, const Limits& limits, const ClosedSegment& closed)
    : Segment(std::move(files), closed.base, limits, closed.offsets, closed.times) {
  size_ = closed.bytes;
  next_offset_ = closed.next_offset;
  newest_ = closed.newest;
  bytes_since_entry_ = closed.bytes_since_entry;
  upkeep.first_append = closed.first_append;
  upkeep.last_append = closed.last_append;
  upkeep.durable_bytes = size_;
  upkeep.write_back_bytes = size_;
}

ClosedSegment Segment::AsClosed() const {
  return {.base = base_,
          .bytes = size_,
          .next_offset = next_offset_,
          .newest = newest_,
          .offsets = {.entries = offsets_.entries().size(), .last = last_entry_},
          .times = {.entries = times_.entries().size(), .last = times_.last()},
          .bytes_since_entry = bytes_since_entry_,
          .first_append = upkeep.first_append,
          .last_append = upkeep.last_append};
}

absl::Status Segment::Append(std::span<const std::byte> batch) {
  INVARIANT(!sealed_);
  if (absl::Status status = files_.log->WriteAt(size_, batch); !status.ok()) return status;
  Note(record::BatchView(batch));
  // Indexes are caches: what could not be written now stays in memory until the next entry.
  offsets_.entries().WriteGathered().IgnoreError();
  times_.entries().WriteGathered().IgnoreError();
  return absl::OkStatus();
}

void Segment::Note(const record::BatchView& batch) {
  const BatchSpot spot = SpotOf(batch, size_);
  INVARIANT(spot.base_offset >= next_offset_);
  INVARIANT(spot.last_offset >= spot.base_offset);
  if (spot.max_timestamp.value() >= 0) {
    if (!newest_.has_value() || spot.max_timestamp > newest_->timestamp) {
      newest_ = {.timestamp = spot.max_timestamp, .offset = spot.last_offset};
    }
  }
  if (bytes_since_entry_ > limits_.index_interval_bytes && !indexes_full()) {
    last_entry_ = {.offset = spot.last_offset, .position = spot.position};
    offsets_.Append(*last_entry_);
    if (newest_.has_value()) times_.MaybeAppend(*newest_);
    bytes_since_entry_ = 0;
  }
  bytes_since_entry_ += spot.size;
  size_ += spot.size;
  next_offset_ = spot.last_offset + 1;
  Remember(spot);
}

void Segment::Remember(const BatchSpot& spot) {
  if (recent_.size() < kRecentMax) {
    recent_.push_back(spot);
    return;
  }
  recent_[recent_begin_] = spot;
  recent_begin_ = (recent_begin_ + 1) % kRecentMax;
}

std::optional<BatchSpot> Segment::LocateRecent(Offset target) const {
  if (recent_.empty() || target < Recent(0).base_offset) return std::nullopt;
  size_t low = 0;
  size_t high = recent_.size();
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    if (Recent(middle).last_offset < target) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  INVARIANT(low < recent_.size());
  return Recent(low);
}

absl::StatusOr<std::optional<BatchSpot>> Segment::Locate(Offset target, PageProbe* probe) const {
  if (target >= next_offset_) return std::nullopt;
  if (auto spot = LocateRecent(target)) return spot;
  auto spot = WalkFromIndex(target, probe);
  if (!spot.ok() || spot->has_value()) return spot;
  // The index had nothing, or not the truth: an index is never believed.
  HeaderWalk walk(*files_.log, 0, size_, probe);
  while (true) {
    spot = walk.Next();
    if (!spot.ok() || !spot->has_value() || (*spot)->last_offset >= target) return spot;
  }
}

// None when the index has no entry for the target, or one that does not name the batch it points
// to.
absl::StatusOr<std::optional<BatchSpot>> Segment::WalkFromIndex(Offset target,
                                                                PageProbe* probe) const {
  if (probe != nullptr && !probe->AllowsIndex(files_.index, offsets_.entries().written_bytes())) {
    return PageProbe::Missing();
  }
  const auto entry = offsets_.Floor(target);
  if (!entry.ok()) return entry.status();
  if (!entry->has_value()) return std::nullopt;
  const int64_t position = (*entry)->position;
  if (position < 0 || position >= size_) return std::nullopt;
  HeaderWalk walk(*files_.log, position, size_, probe);
  auto spot = walk.Next();
  if (absl::IsUnavailable(spot.status())) return spot;
  if (!spot.ok() || (*spot)->last_offset != (*entry)->offset) return std::nullopt;
  while (spot.ok() && spot->has_value() && (*spot)->last_offset < target) spot = walk.Next();
  return spot;
}

absl::StatusOr<int64_t> Segment::PositionOfLimit(Offset limit, PageProbe* probe) const {
  const auto spot = Locate(limit, probe);
  if (!spot.ok()) return spot.status();
  return spot->has_value() ? (*spot)->position : size_;
}

bool Segment::MayReadTimes(PageProbe* probe) const {
  return probe == nullptr ||
         probe->AllowsIndex(files_.time_index, times_.entries().written_bytes());
}

std::optional<Offset> Segment::OlderUpTo(TimestampMs target, PageProbe* probe) const {
  if (!MayReadTimes(probe)) return std::nullopt;
  return Confirmed(times_.Below(target), probe);
}

std::optional<Offset> Segment::NewestBefore(Offset limit, PageProbe* probe) const {
  if (!MayReadTimes(probe)) return std::nullopt;
  return Confirmed(times_.BeforeOffset(limit), probe);
}

std::optional<Offset> Segment::Confirmed(const TimeEntry& entry, PageProbe* probe) const {
  if (!entry.ok() || !entry->has_value()) return std::nullopt;
  const auto spot = Locate((*entry)->offset, probe);
  if (!spot.ok() || !spot->has_value()) return std::nullopt;
  if ((*spot)->max_timestamp != (*entry)->timestamp) return std::nullopt;
  return (*spot)->last_offset;
}

absl::Status Segment::WriteIndexes() {
  for (IndexFile* index : {&offsets_.entries(), &times_.entries()}) {
    if (absl::Status status = index->Unwritten().Run(); !status.ok()) return status;
    index->Written(index->size());
  }
  return absl::OkStatus();
}

SealWork Segment::Seal() {
  INVARIANT(!sealed_);
  if (newest_.has_value()) times_.MaybeAppend(*newest_);
  return {.log = files_.log,
          .log_bytes = size_,
          .offset_entries = offsets_.entries().Unwritten(),
          .time_entries = times_.entries().Unwritten()};
}

void Segment::ReleaseIdle() {
  offsets_.entries().ReleaseIdleMapping();
  times_.entries().ReleaseIdleMapping();
}

void Segment::Sealed() {
  offsets_.entries().Written(offsets_.entries().size());
  times_.entries().Written(times_.entries().size());
  offsets_.entries().ReleaseMemory();
  times_.entries().ReleaseMemory();
  recent_ = {};
  recent_begin_ = 0;
  sealed_ = true;
}

}  // namespace millrace::storage
