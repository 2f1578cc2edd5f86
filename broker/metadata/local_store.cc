#include "broker/metadata/local_store.h"

#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "broker/runtime/clock.h"
#include "proto/invariant.h"
#include "proto/record/batch.h"
#include "proto/record/batch_builder.h"
#include "proto/record/open_batch.h"

namespace millrace::metadata {

namespace {

constexpr std::string_view kSnapshotName = "metadata.snapshot";
constexpr int64_t kSnapshotEveryBytes = 4 << 20;
constexpr int64_t kReplayChunkBytes = 1 << 20;
constexpr size_t kRecordBytesMax = size_t{1} << 31;

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view ValueOf(const record::RecordView& one) {
  return one.value.has_value() ? AsText(*one.value) : std::string_view();
}

// A batch with one record, whose checksum guards `value`.
absl::StatusOr<std::vector<std::byte>> Wrap(std::string_view value, TimestampMs now) {
  record::BatchBuilder builder({});
  builder.Add({.timestamp = now, .value = std::as_bytes(std::span(value))});
  return std::move(builder).Build();
}

std::string SnapshotPath(const std::string& directory) {
  return fmt::format("{}/{}", directory, kSnapshotName);
}

storage::LogOptions MetadataLogOptions() {
  storage::LogOptions options;
  options.segment_ms = INT64_MAX;
  options.retention_bytes = 0;  // whole segments go as soon as a snapshot covers them
  options.timestamp_after_max_ms = std::nullopt;
  options.max_message_bytes = 64 << 20;
  return options;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalStore>> LocalStore::Open(Environment environment,
                                                             std::string directory,
                                                             TimestampMs now) {
  // Always as after a crash: the log is small, and everything in it is then known to be whole.
  auto log = storage::Log::Open(environment.file_system, directory, MetadataLogOptions(), {}, now);
  if (!log.ok()) return log.status();
  auto snapshot = LoadSnapshot(environment.file_system, directory);
  if (!snapshot.ok()) return snapshot.status();
  auto store = std::unique_ptr<LocalStore>(
      new LocalStore(environment, std::move(directory), *std::move(log)));
  store->map_ = *std::move(snapshot);
  absl::Status replayed = store->Replay();
  if (!replayed.ok()) return replayed;
  return store;
}

absl::StatusOr<KeyValueMap> LocalStore::LoadSnapshot(storage::FileSystem& fs,
                                                     const std::string& directory) {
  if (!fs.Exists(SnapshotPath(directory))) return KeyValueMap();
  auto bytes = storage::ReadWholeFile(fs, SnapshotPath(directory));
  if (!bytes.ok()) return bytes.status();
  std::span<const std::byte> batch = std::as_bytes(std::span(*bytes));
  if (!record::IsIntact(batch)) return absl::DataLossError("the metadata snapshot is damaged");
  absl::StatusOr<KeyValueMap> map = absl::DataLossError("the metadata snapshot is empty");
  absl::Status walked =
      record::ForEachRecord(batch, kRecordBytesMax, [&map](const record::RecordView& one) {
        map = KeyValueMap::DecodeSnapshot(ValueOf(one));
        return record::Walk::kStop;
      });
  if (!walked.ok()) return walked;
  return map;
}

// The log's offsets are revisions less one, so replay starts where the snapshot ends.
absl::Status LocalStore::Replay() {
  for (;;) {
    Offset next(static_cast<int64_t>(map_.revision().value()));
    if (next >= log_->log_end()) return absl::OkStatus();
    auto read =
        log_->Read({.from = next, .limit = log_->log_end(), .max_bytes = kReplayChunkBytes});
    if (!read.ok()) return read.status();
    if (read->error != ErrorCode::kNone) {
      return absl::DataLossError(fmt::format(
          "{}: the metadata log does not reach back to revision {}", directory_, next.value() + 1));
    }
    std::vector<std::byte> bytes(static_cast<size_t>(read->slice.size));
    auto got = read->slice.file->ReadAt(read->slice.position, bytes);
    if (!got.ok()) return got.status();
    absl::Status replayed = ReplayBatches(std::span(bytes).first(*got));
    if (!replayed.ok()) return replayed;
  }
}

absl::Status LocalStore::ReplayBatches(std::span<const std::byte> bytes) {
  absl::Status status;
  auto apply = [this, &status](const record::RecordView& one) {
    auto change = DecodeChange(ValueOf(one));
    if (!change.ok()) {
      status = change.status();
    } else if (change->revision == map_.revision() + 1) {
      map_.Apply(*change);
    }
    return status.ok() ? record::Walk::kGoOn : record::Walk::kStop;
  };
  while (record::IsIntact(bytes)) {
    auto size = static_cast<size_t>(record::BatchView(bytes).size_bytes());
    absl::Status walked = record::ForEachRecord(bytes.first(size), kRecordBytesMax, apply);
    if (!walked.ok()) return walked;
    if (!status.ok()) return status;
    bytes = bytes.subspan(size);
  }
  return absl::OkStatus();
}

void LocalStore::Watch(Revision revision, Watcher watcher) {
  INVARIANT(revision == map_.revision());
  watchers_.push_back(std::move(watcher));
}

awaitable<absl::StatusOr<Listing>> LocalStore::List(std::string prefix) {
  co_return Listing{map_.revision(), map_.List(prefix)};
}

awaitable<absl::StatusOr<CommitOutcome>> LocalStore::Commit(Transaction transaction) {
  while (busy_) co_await idle_.Wait();
  busy_ = true;
  absl::StatusOr<CommitOutcome> outcome = co_await CommitAlone(transaction);
  busy_ = false;
  idle_.Notify();
  co_return outcome;
}

awaitable<absl::StatusOr<CommitOutcome>> LocalStore::CommitAlone(const Transaction& transaction) {
  if (!broken_.ok()) co_return broken_;
  if (!map_.Holds(transaction.conditions)) co_return CommitOutcome{};
  Change change{map_.revision() + 1, transaction.mutations};
  absl::Status written = co_await Write(change);
  if (!written.ok()) {
    broken_ = written;
    co_return broken_;
  }
  map_.Apply(change);
  for (Watcher& watcher : watchers_) watcher(change);
  absl::Status snapshot = co_await SnapshotIfLarge();
  if (!snapshot.ok()) broken_ = snapshot;
  co_return CommitOutcome{true, change.revision};
}

awaitable<absl::Status> LocalStore::Write(const Change& change) {
  TimestampMs now = WallNow();
  auto batch = Wrap(EncodeChange(change), now);
  if (!batch.ok()) co_return batch.status();
  if (log_->NeedsRoll(static_cast<int64_t>(batch->size()), now)) {
    absl::Status rolled = co_await RunJob(log_->Roll(now));
    if (!rolled.ok()) co_return rolled;
  }
  auto appended = log_->Append(*batch, {.leader_epoch = LeaderEpoch(0), .now = now});
  if (!appended.ok()) co_return appended.status();
  INVARIANT(appended->error == ErrorCode::kNone);
  INVARIANT(appended->base_offset.value() + 1 == static_cast<int64_t>(change.revision.value()));
  co_return co_await RunJob(log_->Flush());
}

awaitable<absl::Status> LocalStore::RunJob(storage::DiskJob job) {
  absl::Status status = co_await environment_.disk_pool.Run(std::move(job.run));
  if (status.ok() && job.finish) job.finish();
  co_return status;
}

awaitable<absl::Status> LocalStore::SnapshotIfLarge() {
  if (log_->size_bytes() < kSnapshotEveryBytes) co_return absl::OkStatus();
  TimestampMs now = WallNow();
  auto batch = Wrap(map_.EncodeSnapshot(), now);
  if (!batch.ok()) co_return batch.status();
  absl::Status saved = co_await environment_.disk_pool.Run([this, &batch] {
    return storage::ReplaceFile(environment_.file_system, SnapshotPath(directory_), AsText(*batch));
  });
  if (!saved.ok()) co_return saved;
  absl::Status rolled = co_await RunJob(log_->Roll(now));
  if (!rolled.ok()) co_return rolled;
  auto deletion = log_->DeleteOldSegments(now, log_->log_end());
  if (!deletion.has_value()) co_return absl::OkStatus();
  absl::Status deleted = co_await RunJob(*std::move(deletion));
  if (!deleted.ok()) co_return deleted;
  auto unlinking = log_->UnlinkDeleted();
  co_return unlinking.has_value() ? co_await RunJob(*std::move(unlinking)) : absl::OkStatus();
}

absl::Status LocalStore::Close() { return log_->Close(); }

}  // namespace millrace::metadata
