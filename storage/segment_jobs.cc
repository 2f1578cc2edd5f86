// The disk jobs of a log's active segment: creation, roll, repair, preallocation.
#include <algorithm>
#include <memory>
#include <utility>

#include "proto/invariant.h"
#include "storage/log.h"
#include "storage/segment.h"
#include "storage/segment_files.h"

namespace millrace::storage {
namespace {

// A segment is busy, and worth reserving space for, from this size on.
constexpr int64_t kBusyBytes = 1 << 20;

// What was restored may have been cut since by other hands; appended to, it would have a hole.
absl::Status CheckLength(const File& file, int64_t expected) {
  const auto size = file.Size();
  if (!size.ok()) return size.status();
  if (*size >= expected) return absl::OkStatus();
  return absl::DataLossError("the active segment is shorter than it was");
}

}  // namespace

std::shared_ptr<Segment> Log::NewSegment(SegmentFiles files, Offset base) const {
  auto segment = std::make_shared<Segment>(std::move(files), base, LimitsOf(options_));
  segment->upkeep.jitter = SegmentJitter(directory_, base);
  return segment;
}

bool Log::IsReady() const { return create_directory_ == nullptr && active().files().log->IsOpen(); }

DiskJob Log::Prepare() {
  if (create_directory_ == nullptr) {
    auto run = [file = active().files().log, bytes = active().size_bytes()] {
      return CheckLength(*file, bytes);
    };
    return {.run = std::move(run), .finish = [] {}};
  }
  INVARIANT(active().is_empty());
  auto created = std::make_shared<SegmentFiles>();
  auto run = [fs = &fs_, directory = directory_, base = active().base(), created,
              create = create_directory_]() -> absl::Status {
    if (absl::Status status = create(); !status.ok()) return status;
    auto files = CreateSegmentFiles(*fs, directory, base);
    if (!files.ok()) return files.status();
    *created = *std::move(files);
    if (absl::Status status = fs->SyncDirectory(directory); !status.ok()) return status;
    return fs->SyncDirectory(ParentDirectory(directory));
  };
  auto finish = [this, created] {
    segments_.back() = NewSegment(std::move(*created), active().base());
    create_directory_ = nullptr;
  };
  return {.run = std::move(run), .finish = std::move(finish)};
}

DiskJob Log::Roll(TimestampMs now) {
  INVARIANT(!active().is_empty());
  const Offset base = log_end_;
  auto created = std::make_shared<SegmentFiles>();
  auto run = [fs = &fs_, directory = directory_, base, created, old = active().files().log,
              old_bytes = active().size_bytes()]() -> absl::Status {
    if (absl::Status status = old->Truncate(old_bytes); !status.ok()) return status;
    if (absl::Status status = old->Sync(); !status.ok()) return status;
    auto files = CreateSegmentFiles(*fs, directory, base);
    if (!files.ok()) return files.status();
    *created = *std::move(files);
    return absl::OkStatus();
  };
  auto finish = [this, base, created, now] {
    INVARIANT(log_end_ == base);
    is_as_closed_ = false;
    Segment& old = active();
    flushed_since_recovery_point_ += old.size_bytes() - old.upkeep.durable_bytes;
    old.upkeep.durable_bytes = old.size_bytes();
    old.upkeep.reserved_bytes = 0;
    old.upkeep.producers_at_end = producers_.EncodeSnapshot();
    segments_.push_back(NewSegment(std::move(*created), base));
    active().upkeep.first_append = now;
    active().upkeep.last_append = now;
    ++rolls_;
  };
  return {.run = std::move(run), .finish = std::move(finish)};
}

DiskJob Log::RepairTail() {
  auto run = [file = active().files().log, bytes = active().size_bytes()] {
    return file->Truncate(bytes);
  };
  auto finish = [this, segment = segments_.back()] {
    segment->upkeep.reserved_bytes = 0;  // truncation gave it back
    append_failure_ = absl::OkStatus();
  };
  return {.run = std::move(run), .finish = std::move(finish)};
}

std::optional<DiskJob> Log::Preallocate() {
  const std::shared_ptr<Segment>& segment = segments_.back();
  const int64_t size = segment->size_bytes();
  if (size < kBusyBytes && !options_.preallocate_segments) return std::nullopt;
  // Steps grow with the segment, so that a small one reserves little.
  const int64_t step = options_.preallocate_segments
                           ? options_.segment_bytes
                           : std::min(size, options_.preallocate_step_bytes);
  const int64_t from = std::max(size, segment->upkeep.reserved_bytes);
  const int64_t to = std::min(options_.segment_bytes, from + step);
  const bool is_enough = from - size >= step / 2;
  if (is_enough || to <= from) return std::nullopt;
  return DiskJob{
      .run = [file = segment->files().log, from, to] { return file->Preallocate(from, to - from); },
      .finish = [segment, to] { segment->upkeep.reserved_bytes = to; },
      .reserved_bytes = to - from};
}

}  // namespace millrace::storage
