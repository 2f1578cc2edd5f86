#include "broker/metadata/local_store.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include "broker/runtime/clock.h"
#include "proto/invariant.h"
#include "proto/record/batch.h"
#include "proto/record/batch_builder.h"
#include "proto/record/open_batch.h"
#include "storage/metadata_names.h"

namespace millrace::metadata {

namespace {

constexpr int64_t kSnapshotEveryBytes = 4 << 20;
constexpr int64_t kReplayChunkBytes = 1 << 20;
// Transactions are written together up to about this size, and the last may be a large one.
constexpr int64_t kGroupBytes = 1 << 20;
constexpr int64_t kGroupBytesMax = 128 << 20;
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
  return fmt::format("{}/{}", directory, storage::kMetadataSnapshot);
}

storage::LogOptions MetadataLogOptions() {
  storage::LogOptions options;
  options.segment_ms = INT64_MAX;
  options.retention_bytes = 0;  // whole segments go as soon as a snapshot covers them
  options.timestamp_after_max_ms = std::nullopt;
  options.max_message_bytes = 64 << 20;
  return options;
}

// False, and nothing is noted, when it has a key in common with those before it.
bool Touch(const Transaction& transaction, absl::flat_hash_set<std::string_view>& keys) {
  std::vector<std::string_view> own;
  for (const Condition& condition : transaction.conditions) own.push_back(condition.key);
  for (const Mutation& mutation : transaction.mutations) own.push_back(mutation.key);
  auto is_known = [&](std::string_view key) { return keys.contains(key); };
  bool is_apart = std::none_of(own.begin(), own.end(), is_known);
  if (is_apart) keys.insert(own.begin(), own.end());
  return is_apart;
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
  Pending pending{.transaction = transaction, .outcome = CommitOutcome{}};
  waiting_.push_back(&pending);
  while (!pending.is_done) {
    if (busy_) {
      co_await idle_.Wait();
      continue;
    }
    busy_ = true;
    co_await CommitFront();
    busy_ = false;
    idle_.Notify();
  }
  co_return std::move(pending.outcome);
}

awaitable<void> LocalStore::CommitFront() {
  std::vector<Pending*> group;
  absl::Status written = broken_;
  if (written.ok()) written = co_await Settle();
  if (written.ok()) written = co_await WriteFront(group);
  if (!written.ok()) {
    group.assign(waiting_.begin(), waiting_.end());
    waiting_.clear();
  }
  Finish(group, written);
  if (written.ok()) written = co_await SnapshotIfLarge();
  // A full disk passes; every other failure is final.
  if (!written.ok() && !absl::IsResourceExhausted(written)) broken_ = written;
}

// What a full disk has left undone: the tail is cut, and changes that are in the log are made
// durable and applied. Who asked for them has got an error: they may have happened or not.
awaitable<absl::Status> LocalStore::Settle() {
  if (needs_repair_) {
    absl::Status repaired = co_await RunJob(log_->RepairTail());
    if (!repaired.ok()) co_return repaired;
    needs_repair_ = false;
  }
  co_return co_await SyncAndApply();
}

awaitable<absl::Status> LocalStore::SyncAndApply() {
  if (unsynced_.empty()) co_return absl::OkStatus();
  absl::Status synced = co_await RunJob(log_->Flush());
  if (!synced.ok()) co_return synced;
  for (const Change& change : std::exchange(unsynced_, {})) {
    map_.Apply(change);
    for (Watcher& watcher : watchers_) watcher(change);
  }
  co_return absl::OkStatus();
}

// After a failure nobody of the group has an answer, and it stands at the front again.
awaitable<absl::Status> LocalStore::WriteFront(std::vector<Pending*>& group) {
  TimestampMs now = WallNow();
  if (log_->NeedsRoll(kGroupBytesMax, now)) {
    absl::Status rolled = co_await RunJob(log_->Roll(now));
    if (!rolled.ok()) co_return rolled;
  }
  const int64_t bytes_before = log_->size_bytes();
  Revision revision = map_.revision();
  absl::flat_hash_set<std::string_view> touched;
  absl::Status written;
  while (written.ok() && !waiting_.empty()) {
    Pending& pending = *waiting_.front();
    if (!Touch(pending.transaction, touched)) break;
    if (log_->size_bytes() - bytes_before >= kGroupBytes) break;
    if (map_.Holds(pending.transaction.conditions)) {
      revision = revision + 1;
      pending.outcome = CommitOutcome{true, revision};
      written = Write(Change{revision, pending.transaction.mutations}, now);
    }
    waiting_.pop_front();
    group.push_back(&pending);
  }
  if (written.ok()) written = co_await SyncAndApply();
  if (!written.ok()) waiting_.insert(waiting_.begin(), group.begin(), group.end());
  co_return written;
}

absl::Status LocalStore::Write(Change change, TimestampMs now) {
  auto batch = Wrap(EncodeChange(change), now);
  if (!batch.ok()) return batch.status();
  auto appended = log_->Append(*batch, {.leader_epoch = LeaderEpoch(0), .now = now});
  if (!appended.ok()) {
    needs_repair_ = true;
    return appended.status();
  }
  INVARIANT(appended->error == ErrorCode::kNone);
  INVARIANT(appended->base_offset.value() + 1 == static_cast<int64_t>(change.revision.value()));
  unsynced_.push_back(std::move(change));
  return absl::OkStatus();
}

void LocalStore::Finish(const std::vector<Pending*>& group, const absl::Status& written) {
  for (Pending* pending : group) {
    pending->is_done = true;
    if (!written.ok()) pending->outcome = written;
  }
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

// After a sync that failed the kernel answers the next one of the file with success.
absl::Status LocalStore::Close() { return broken_.ok() ? log_->Close() : broken_; }

}  // namespace millrace::metadata
