// The partitions' logs on this machine: opens them from the log directories (recovery included),
// keeps them in the partition table, closes and deletes them, and looks after them regularly.
//
// Threading: methods are called on one shard and hop where a partition lives.
// Errors: a log that does not open is reported and left alone; its partition is not hosted.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "broker/core/cluster_image.h"
#include "broker/core/properties.h"
#include "broker/partition/partition_table.h"
#include "broker/runtime/codec_pool.h"
#include "broker/runtime/disk_pool.h"
#include "broker/runtime/load_pool.h"
#include "broker/runtime/task_group.h"
#include "broker/service/log_directories.h"
#include "broker/service/topic_settings.h"
#include "storage/data_directory.h"
#include "storage/disk_space.h"

namespace millrace::service {

struct LogDirectoryState {
  std::string path;
  bool is_online = false;
  std::optional<storage::DiskSpace> space;    // none: it could not be measured
  const partition::DiskGate* gate = nullptr;  // null: away since the start
};

class PartitionHost {
 public:
  struct Environment {
    Shard& shard;
    DiskPool& disk_pool;
    CodecPool& codec_pool;
    LoadPool& load_pool;
    partition::PartitionTable& table;
    storage::FileSystem& file_system;
    LogDirectories& directories;
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
  // Syncs and closes all, writes the checkpoints, and marks the directories clean that are. An
  // error: one that has not failed before could not be closed in order, or all have failed.
  awaitable<absl::Status> CloseAll();
  // Makes durable where every log starts now. On any shard.
  awaitable<absl::Status> SaveCheckpoints() { return environment_.shard.Run(WriteCheckpoints()); }
  // What was read and checked since the start because the broker had not been stopped in order.
  int64_t recovered_bytes() const { return recovered_bytes_; }
  partition::FlushCounts::Totals flushes() const { return flushes_.totals(); }
  // The log directories and their disks, as they are now. On any shard.
  awaitable<std::vector<LogDirectoryState>> Describe() {
    return environment_.shard.Run(DescribeHere());
  }

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

  // What is written about a log directory.
  struct Written {
    std::vector<storage::PartitionCheckpoint> checkpoints;
    std::vector<storage::ManifestEntry> logs;
    absl::Status failure;  // why it is not in order
  };
  using WrittenByDirectory = std::vector<Written>;

  awaitable<void> OpenOne(const Wanted& wanted, PartitionIndex index, absl::Status& first_failure);
  awaitable<bool> ConfigureOne(partition::PartitionKey key, const TopicSettings& settings);
  awaitable<void> DeleteOne(core::ClusterImage::TopicPtr topic, PartitionIndex index);
  awaitable<void> Adopt(partition::PartitionName name, TopicSettings settings,
                        LogDirectory& directory, std::unique_ptr<storage::Log> log);
  awaitable<std::shared_ptr<partition::Partition>> Take(partition::PartitionKey key);
  awaitable<absl::Status> OpenFound(const Wanted& wanted, PartitionIndex index,
                                    LogDirectory& directory, std::unique_ptr<storage::Log>& log);

  // What is done regularly, and at the end (partition_upkeep.cc).
  awaitable<void> MaintainLoop();
  awaitable<void> MaintainAll();
  awaitable<void> CheckpointLoop();
  awaitable<void> CloseShard(Shard& shard, WrittenByDirectory& written);
  awaitable<void> CloseOne(std::shared_ptr<partition::Partition> hosted, absl::Status& failure);
  awaitable<absl::Status> CloseDirectory(LogDirectory& directory, const Written& written);
  // Of every directory that is online; the first failure.
  awaitable<absl::Status> WriteCheckpoints();
  awaitable<absl::Status> WriteFirstCheckpoints();
  awaitable<WrittenByDirectory> CollectAll();
  awaitable<absl::Status> WriteOne(LogDirectory& directory, const Written& written);
  awaitable<void> CollectCheckpoints(Shard& shard, WrittenByDirectory& all);
  awaitable<void> CollectClosed(Shard& shard, WrittenByDirectory& all);
  void RemoveLeftovers();
  awaitable<std::vector<LogDirectoryState>> DescribeHere();
  void OnDiskFailure(LogDirectory& directory);
  awaitable<void> FailHere(size_t log_directory);
  awaitable<void> StopUsing(LogDirectory& directory);
  awaitable<bool> Sleep(asio::steady_timer& timer, int64_t ms);

  Environment environment_;
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
