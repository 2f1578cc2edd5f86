// The log directories of this broker (log.dirs): which are in use, which have failed, and in which
// one each partition lies. The first one also holds the metadata.
//
//   auto directories = LogDirectories::Open({fs, {"/disk1/data", "/disk2/data"}, self});
//   (*directories)->Place(topic.partitions);        // new ones, before they are recorded
//   LogDirectory* where = (*directories)->Find(partition);
//
// Where a partition lies is recorded with its topic (core::PartitionImage), by the directory's id:
// a partition whose directory is away is offline, and never begun anew elsewhere.
//
// Threading: Open blocks and is called before the shards run; after that one shard, but for paths
// and gates, which any thread may use. Lifetime: outlives the partitions and what watches the
// disks. Why: docs/decisions/0018-several-log-directories.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "broker/core/cluster_image.h"
#include "broker/service/disk_watch.h"
#include "storage/data_directory.h"

namespace millrace::service {

struct LogDirectory {
  // A partition as it was found at the start.
  struct Found {
    storage::FoundPartition partition;
    // It was recorded in another directory: what this one says of its own shutdown is not about it.
    bool was_moved = false;
  };

  size_t index = 0;                              // in the order of log.dirs
  std::string path;                              // absolute
  std::unique_ptr<storage::DataDirectory> data;  // null: it could not be opened
  std::unique_ptr<DiskWatch> watch;              // null likewise
  DirectoryId id;                                // zero likewise
  // By directory name. Small: there may be very many, and they stay.
  absl::flat_hash_map<std::string, std::unique_ptr<Found>> found = {};
  int64_t partitions = 0;  // that are placed here
  bool is_online = false;

  std::string PathOf(const storage::FoundPartition& partition) const {
    return data->PathOf(partition.topic, partition.partition);
  }
};

class LogDirectories {
 public:
  struct Options {
    storage::FileSystem& file_system;
    std::vector<std::string> paths;
    BrokerId self;
  };

  // A directory that cannot be opened is offline, and reported; but not the first, nor one that is
  // another broker's, or damaged.
  static absl::StatusOr<std::unique_ptr<LogDirectories>> Open(const Options& options);

  // Every directory that was opened gets a watch like this one, for its own path.
  void Watch(const DiskWatch::Environment& like);
  awaitable<void> StartWatching();
  awaitable<void> StopWatching();

  LogDirectory& metadata() { return *all_.front(); }
  const LogDirectory& metadata() const { return *all_.front(); }
  std::span<const std::unique_ptr<LogDirectory>> all() const { return all_; }

  // Gives each of the new partitions the online directory with the fewest. False: all are offline.
  bool Place(std::span<core::PartitionImage> partitions);
  // They are no more, or never came to be.
  void Release(std::span<const core::PartitionImage> partitions);
  // Where a partition was found goes before where it was recorded; one that was neither lies in the
  // first directory, unless it could be in one that could not be opened. True: the topic's
  // partitions have changed, and their record is to follow.
  bool Settle(core::TopicImage& topic);
  // Counts the partitions of each directory; reports those that are offline for want of theirs, and
  // what lies there and belongs to no topic. Once, when all topics are settled.
  void TakeStock(const core::ClusterImage& image);
  // Null: not known, or away since the start.
  LogDirectory* Find(const core::PartitionImage& partition);
  // Nothing is written there any more. False: it was offline already.
  bool TakeOffline(LogDirectory& directory);

 private:
  explicit LogDirectories(BrokerId self) : self_(self) {}

  absl::Status OpenNext(storage::FileSystem& fs, const std::string& path);
  absl::Status Begin();
  LogDirectory* FindById(const DirectoryId& id);
  LogDirectory::Found* FindOnDisk(const core::TopicImage& topic, PartitionIndex index,
                                  LogDirectory*& where);
  bool IsAnyUnopened() const;
  std::string OfflinePaths() const;
  void ReportStrays(const core::ClusterImage& image, const LogDirectory& directory) const;

  BrokerId self_;
  std::vector<std::unique_ptr<LogDirectory>> all_;
};

}  // namespace millrace::service
