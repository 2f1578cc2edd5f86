// The metadata store of a single machine: a log of transactions (ours, the same as a partition's)
// and, now and then, a snapshot of the whole map, so that a start replays little.
//
// Threading: Open blocks and is called before the shard runs; then everything on that shard.
// Durability: a commit is answered after its record is synced. After a disk error every further
// commit fails with that error.
// Format: docs/formats/metadata.md.
#pragma once

#include <memory>
#include <string>
#include <vector>

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
  awaitable<absl::StatusOr<CommitOutcome>> CommitAlone(const Transaction& transaction);
  awaitable<absl::Status> Write(const Change& change);
  awaitable<absl::Status> RunJob(storage::DiskJob job);
  awaitable<absl::Status> SnapshotIfLarge();

  Environment environment_;
  std::string directory_;
  std::unique_ptr<storage::Log> log_;
  KeyValueMap map_;
  absl::Status broken_;
  bool busy_ = false;
  Signal idle_;
  std::vector<Watcher> watchers_;
};

}  // namespace millrace::metadata
