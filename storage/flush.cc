#include "storage/flush.h"

#include <algorithm>
#include <utility>

#include "proto/invariant.h"
#include "storage/log.h"
#include "storage/segment_files.h"

namespace millrace::storage {
namespace {

constexpr int64_t kRecoveryPointStepBytes = 64 << 20;
// Alone, so that a later sync finds little; beside one, so that the disk has what comes next while
// the file system commits what it has.
constexpr int64_t kWriteBackBytes = 8 << 20;
constexpr int64_t kWriteBackBytesBesideFlush = 512 << 10;

}  // namespace

absl::Status FlushWork::Run() {
  // The checkpoint of leader epochs comes first: it must not be older than durable batches.
  if (epochs.has_value()) {
    const std::string path = directory + "/" + std::string(kLeaderEpochFile);
    if (absl::Status status = ReplaceFile(*fs, path, *epochs); !status.ok()) return status;
  }
  for (const Dirty& file : dirty) {
    if (absl::Status status = file.log->Sync(); !status.ok()) return status;
  }
  if (sync_directory) {
    if (absl::Status status = fs->SyncDirectory(directory); !status.ok()) return status;
  }
  absl::Status status = Seal();
  // The records are safe without: the next flush tries again.
  return absl::IsResourceExhausted(status) ? absl::OkStatus() : status;
}

absl::Status FlushWork::Seal() {
  for (const Rolled& segment : rolled) {
    if (absl::Status status = segment.seal.Run(); !status.ok()) return status;
    absl::Status status = ReplaceFile(*fs, segment.snapshot_path, segment.snapshot);
    if (!status.ok()) return status;
    ++sealed;
  }
  return absl::OkStatus();
}

DiskJob Log::Flush() {
  auto work = std::make_shared<FlushWork>(CollectFlush());
  return {.run = [work] { return work->Run(); }, .finish = [this, work] { OnFlushed(*work); }};
}

FlushWork Log::CollectFlush() {
  FlushWork work{.fs = &fs_,
                 .directory = directory_,
                 .end = log_end_,
                 .sync_directory = rolls_synced_ < rolls_,
                 .epoch_changes = epoch_changes_,
                 .rolls = rolls_};
  if (epoch_changes_written_ < epoch_changes_) work.epochs = epochs_.Encode();
  // What is neither durable nor sealed stands together at the end.
  size_t first = segments_.size() - 1;
  while (first > 0 && !segments_[first - 1]->is_sealed()) --first;
  for (size_t i = first; i < segments_.size(); ++i) {
    const std::shared_ptr<Segment>& segment = segments_[i];
    if (segment->upkeep.durable_bytes < segment->size_bytes()) {
      work.dirty.push_back(
          {.segment = segment, .log = segment->files().log, .bytes = segment->size_bytes()});
      segment->upkeep.write_back_bytes = segment->size_bytes();
    }
    if (i + 1 == segments_.size()) break;
    const Offset next = segments_[i + 1]->base();
    work.rolled.push_back({.segment = segment,
                           .seal = segment->Seal(),
                           .snapshot_path = SegmentFilePath(directory_, next, kSnapshotSuffix),
                           .snapshot = segment->upkeep.producers_at_end});
  }
  return work;
}

void Log::OnFlushed(const FlushWork& work) {
  for (const FlushWork::Dirty& file : work.dirty) OnFileSynced(*file.segment, file.bytes);
  for (size_t i = 0; i < work.sealed; ++i) {
    const FlushWork::Rolled& rolled = work.rolled[i];
    rolled.segment->Sealed();
    rolled.segment->upkeep.producers_at_end = {};
  }
  epoch_changes_written_ = work.epoch_changes;
  rolls_synced_ = work.rolls;
  AdvanceDurableEnd(work.end);
  // Below the recovery point indexes are trusted.
  if (work.sealed == work.rolled.size()) AdvanceRecoveryPoint(!work.rolled.empty());
}

std::optional<Log::Tail> Log::UnsyncedTail() const {
  const bool only_appended = rolls_synced_ == rolls_ && epoch_changes_written_ == epoch_changes_;
  const size_t count = segments_.size();
  if (!only_appended || (count > 1 && !segments_[count - 2]->is_sealed())) return std::nullopt;
  const std::shared_ptr<Segment>& segment = segments_.back();
  return Tail{.file = segment->files().log,
              .segment = segment,
              .bytes = segment->size_bytes(),
              .end = log_end_};
}

void Log::OnSyncBegun(const Tail& tail) {
  int64_t& written_back = tail.segment->upkeep.write_back_bytes;
  written_back = std::max(written_back, tail.bytes);
}

void Log::OnSynced(const Tail& tail) {
  OnFileSynced(*tail.segment, tail.bytes);
  AdvanceDurableEnd(tail.end);
  AdvanceRecoveryPoint(false);
}

void Log::OnFileSynced(Segment& segment, int64_t bytes) {
  int64_t& durable = segment.upkeep.durable_bytes;
  // A roll may have synced more in the meantime.
  if (bytes <= durable) return;
  flushed_since_recovery_point_ += bytes - durable;
  durable = bytes;
}

void Log::AdvanceDurableEnd(Offset end) {
  INVARIANT(end >= durable_end_);
  INVARIANT(end <= log_end_);
  durable_end_ = end;
}

void Log::AdvanceRecoveryPoint(bool at_once) {
  if (!at_once && flushed_since_recovery_point_ < kRecoveryPointStepBytes) return;
  recovery_point_ = durable_end_;
  flushed_since_recovery_point_ = 0;
}

std::optional<DiskJob> Log::EarlyWriteBack(bool beside_flush) {
  const std::shared_ptr<Segment>& segment = segments_.back();
  Segment::Upkeep& upkeep = segment->upkeep;
  const int64_t from = std::max(upkeep.write_back_bytes, upkeep.durable_bytes);
  const int64_t length = segment->size_bytes() - from;
  if (length < (beside_flush ? kWriteBackBytesBesideFlush : kWriteBackBytes)) return std::nullopt;
  upkeep.write_back_bytes = segment->size_bytes();
  return DiskJob{.run = [file = segment->files().log, from,
                         length] { return file->StartWriteBack(from, length); },
                 .finish = [] {}};
}

absl::Status Log::Close() {
  if (create_directory_ != nullptr || is_as_closed_) return absl::OkStatus();
  Segment& last = active();
  FlushWork work = CollectFlush();
  if (absl::Status status = work.Run(); !status.ok()) return status;
  OnFlushed(work);
  if (work.sealed < work.rolled.size()) {
    return absl::ResourceExhaustedError(directory_ + ": no room for the indexes");
  }
  const SealWork seal = last.Seal();
  if (absl::Status status = seal.Run(); !status.ok()) return status;
  last.Sealed();
  recovery_point_ = durable_end_;
  absl::Status written = ReplaceFile(fs_, SegmentFilePath(directory_, log_end_, kSnapshotSuffix),
                                     producers_.EncodeSnapshot());
  is_as_closed_ = written.ok();
  return written;
}

}  // namespace millrace::storage
