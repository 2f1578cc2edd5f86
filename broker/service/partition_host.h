// The partitions' logs on this machine: opens them from the data directory (recovery included),
// keeps them in the partition table, closes and deletes them, and looks after them regularly.
//
// Threading: methods are called on one shard and hop where a partition lives.
// Errors: a log that does not open is reported and left alone; its partition is not hosted.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "broker/core/cluster_image.h"
#include "broker/core/properties.h"
#include "broker/partition/partition_table.h"
#include "broker/runtime/codec_pool.h"
#include "broker/runtime/disk_pool.h"
#include "broker/runtime/load_pool.h"
#include "broker/runtime/task_group.h"
#include "broker/service/topic_settings.h"
#include "storage/data_directory.h"
#include "storage/disk_space.h"

namespace millrace::service {

class PartitionHost {
 public:
  struct Environment {
    Shard& shard;
    DiskPool& disk_pool;
    CodecPool& codec_pool;
    LoadPool& load_pool;
    partition::PartitionTable& table;
    storage::FileSystem& file_system;
    storage::DataDirectory& data_directory;
    partition::DiskGate& disk;
    const core::Properties& properties;  // as at the start
    BrokerId self;
  };

  explicit PartitionHost(Environment environment);

  // Opens every partition of the topic that this broker has a replica of; those that are open
  // already take the settings.
  awaitable<absl::Status> Open(core::ClusterImage::TopicPtr topic, TopicSettings settings);
  // The open partitions take the settings.
  awaitable<void> Configure(core::ClusterImage::TopicPtr topic, TopicSettings settings);
  // Closes them and removes their files, the slow part in the background. Their checkpoints go,
  // too: a later topic of the same name starts anew.
  awaitable<void> Delete(std::vector<core::ClusterImage::TopicPtr> topics);
  // Syncs and closes all, writes the checkpoints. OK: the data directory may be marked clean.
  awaitable<absl::Status> CloseAll();
  // Makes durable where every log starts now. On any shard.
  awaitable<absl::Status> SaveCheckpoints() { return environment_.shard.Run(WriteCheckpoints()); }
  // What was read and checked since the start because the broker had not been stopped in order.
  int64_t recovered_bytes() const { return recovered_bytes_; }
  partition::FlushCounts::Totals flushes() const { return flushes_.totals(); }
  // The file system that the data directory lies on. On any shard.
  awaitable<absl::StatusOr<storage::DiskSpace>> MeasureDisk();

  // Retention, at once and everywhere: the disk is full.
  void MakeRoom();
  // Whether a log did not open for want of room. Asking resets it: open them again.
  bool TakeUnopened() { return std::exchange(has_unopened_, false); }

  // Writes the checkpoints of what was opened, then starts retention and checkpoints, each in its
  // interval, until StopMaintenance.
  awaitable<absl::Status> StartMaintenance();
  awaitable<void> StopMaintenance();

 private:
  struct Wanted {
    core::ClusterImage::TopicPtr topic;
    TopicSettings settings;
  };

  awaitable<void> OpenOne(const Wanted& wanted, PartitionIndex index, absl::Status& first_failure);
  awaitable<bool> ConfigureOne(partition::PartitionKey key, const TopicSettings& settings);
  awaitable<void> DeleteOne(core::ClusterImage::TopicPtr topic, PartitionIndex index);
  awaitable<void> Adopt(partition::PartitionName name, TopicSettings settings,
                        std::unique_ptr<storage::Log> log);
  awaitable<std::shared_ptr<partition::Partition>> Take(partition::PartitionKey key);
  awaitable<void> MaintainLoop();
  awaitable<void> MaintainAll();
  awaitable<void> CheckpointLoop();
  awaitable<void> CloseShard(Shard& shard, absl::Status& first_failure);
  awaitable<void> CloseOne(std::shared_ptr<partition::Partition> hosted,
                           absl::Status& first_failure);
  awaitable<absl::Status> WriteCheckpoints();
  awaitable<void> CollectCheckpoints(Shard& shard, std::vector<storage::PartitionCheckpoint>& all);
  awaitable<void> CollectClosed(Shard& shard, std::vector<storage::ManifestEntry>& all);
  void OnDiskFailure();
  awaitable<bool> Sleep(asio::steady_timer& timer, int64_t ms);

  // What is known of a partition's log before it is opened.
  storage::OpenOptions HowToOpen(const storage::FoundPartition& found, TopicId wanted) const;
  awaitable<absl::Status> OpenFound(const Wanted& wanted, PartitionIndex index,
                                    std::unique_ptr<storage::Log>& log);

  Environment environment_;
  // By directory name, as they were when the broker started.
  absl::flat_hash_map<std::string, storage::FoundPartition> found_;
  int64_t recovered_bytes_ = 0;
  partition::FlushCounts flushes_;
  bool has_unopened_ = false;
  bool making_room_ = false;
  bool stopping_ = false;
  asio::steady_timer maintenance_timer_;
  asio::steady_timer checkpoint_timer_;
  TaskGroup tasks_;
};

}  // namespace millrace::service
