// The metadata store of a single machine: a log of transactions (ours, the same as a partition's)
// and, now and then, a snapshot of the whole map, so that a start replays little.
//
// Threading: Open blocks and is called before the shard runs; then everything on that shard.
// Durability: a commit is answered after its record is synced; one sync covers all that wait. After
// a disk error every further commit fails with that error. Format: docs/formats/metadata.md.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/metadata/change.h"
#include "broker/metadata/key_value_map.h"
#include "broker/metadata/store.h"
#include "broker/runtime/disk_pool.h"
#include "broker/runtime/task_group.h"
#include "storage/log.h"

namespace millrace::metadata {

class LocalStore final : public MetadataStore {
 public:
  struct Environment {
    Shard& shard;
    DiskPool& disk_pool;
    storage::FileSystem& file_system;
  };

  static absl::StatusOr<std::unique_ptr<LocalStore>> Open(Environment environment,
                                                          std::string directory, TimestampMs now);

  awaitable<absl::StatusOr<CommitOutcome>> Commit(Transaction transaction) override;
  awaitable<absl::StatusOr<Listing>> List(std::string prefix) override;
  void Watch(Revision revision, Watcher watcher) override;

  // Blocking; after the shard has stopped.
  absl::Status Close();

 private:
  LocalStore(Environment environment, std::string directory, std::unique_ptr<storage::Log> log)
      : environment_(environment),
        directory_(std::move(directory)),
        log_(std::move(log)),
        idle_(environment.shard) {}

  static absl::StatusOr<KeyValueMap> LoadSnapshot(storage::FileSystem& fs,
                                                  const std::string& directory);
  absl::Status Replay();
  absl::Status ReplayBatches(std::span<const std::byte> bytes);
  // A commit that waits for its turn.
  struct Pending {
    const Transaction& transaction;
    absl::StatusOr<CommitOutcome> outcome;  // holds once is_done
    bool is_done = false;
  };
  // Those at the front that touch different keys, with one sync for all of them.
  awaitable<void> CommitFront();
  awaitable<absl::Status> WriteFront(std::vector<Pending*>& group);
  absl::Status Write(Change change, TimestampMs now);
  awaitable<absl::Status> Settle();
  awaitable<absl::Status> SyncAndApply();
  static void Finish(const std::vector<Pending*>& group, const absl::Status& written);
  awaitable<absl::Status> RunJob(storage::DiskJob job);
  awaitable<absl::Status> SnapshotIfLarge();

  Environment environment_;
  std::string directory_;
  std::unique_ptr<storage::Log> log_;
  KeyValueMap map_;
  absl::Status broken_;
  bool needs_repair_ = false;     // an append found no room
  std::vector<Change> unsynced_;  // in the log, not yet durable nor applied
  bool busy_ = false;
  std::deque<Pending*> waiting_;
  Signal idle_;
  std::vector<Watcher> watchers_;
};

}  // namespace millrace::metadata
