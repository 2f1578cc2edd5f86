// One data directory of a broker: who it belongs to, what it holds, and whether it was left in
// order.
//
//   auto directory = DataDirectory::Open(fs, "millrace-data", {.broker_id = BrokerId(1), ...});
//   for (const FoundPartition& found : (*directory)->partitions()) ...restore or open its Log...
//   (*directory)->WriteCheckpoints(checkpoints);   // now and then
//   (*directory)->CloseInOrder(checkpoints);       // every Log is closed
//
// Everything blocks. Open on any thread; of the rest, one call at a time. The FileSystem must
// outlive the directory. While the object lives no other broker can open the same directory.
// Errors of Open say which directory, what is wrong and what to do about it.
// Formats: docs/formats/checkpoints.md (all of them Kafka's).
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "proto/types.h"
#include "storage/directory_lock.h"
#include "storage/file_system.h"
#include "storage/manifest.h"
#include "storage/meta_properties.h"

namespace millrace::storage {

struct DataDirectoryOptions {
  // The cluster that the directory must belong to; none: the one it names, or a new one.
  std::optional<std::string> cluster_id;
  BrokerId broker_id;
  // Random bytes for ids that have to be made.
  std::array<std::byte, 16> cluster_id_seed;
  std::array<std::byte, 16> directory_id_seed;
  // A directory that is there whenever partitions are; empty: not looked for.
  std::string metadata_directory = {};
};

struct PartitionCheckpoint {
  std::string topic;
  PartitionIndex partition;
  Offset recovery_point;
  Offset log_start_offset;
  std::optional<Offset> cleaned_until = {};  // none: it was never compacted
};

struct FoundPartition {
  std::string topic;
  PartitionIndex partition;
  std::optional<TopicId> topic_id;  // none: its creation was cut short, or see `fault`
  std::string fault;                // why partition.metadata cannot be read
  // The log as it was closed: Log::Restore() may have it back. Null after a crash.
  std::unique_ptr<ClosedLog> closed;
  // From the checkpoints; 0 where they do not name the partition.
  Offset recovery_point;
  Offset log_start_offset;
  // Likewise; a damaged checkpoint says nothing, for a log may always be compacted again.
  Offset cleaned_until{0};
};

class DataDirectory {
 public:
  // Prepare and Begin in one.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Open(FileSystem& fs, std::string path,
                                                             const DataDirectoryOptions& options);
  // Creates what is missing, takes the lock and reads what the directory says of itself. Who stops
  // here leaves it as clean as it was.
  static absl::StatusOr<std::unique_ptr<DataDirectory>> Prepare(
      FileSystem& fs, std::string path, const DataDirectoryOptions& options);
  // Removes the clean-shutdown marker for good: before the first log is opened.
  absl::Status Begin();

  const std::string& path() const { return path_; }
  const std::string& cluster_id() const { return identity_.cluster_id; }
  const std::string& directory_id() const { return *identity_.directory_id; }
  // The last broker here closed everything in order: Log::Open may trust the indexes.
  bool was_clean() const { return was_clean_; }
  // As they were found at Open, sorted by name.
  const std::vector<FoundPartition>& partitions() const { return partitions_; }
  // The same, for who keeps them.
  std::vector<FoundPartition> TakePartitions() { return std::move(partitions_); }
  // Paths of directories that wait to be removed with FileSystem::RemoveTree.
  const std::vector<std::string>& leftovers() const { return leftovers_; }
  std::string PathOf(std::string_view topic, PartitionIndex partition) const;

  // Replaces the checkpoint files; each is the old one or the new one after a crash.
  absl::Status WriteCheckpoints(const std::vector<PartitionCheckpoint>& checkpoints);
  // The last call, after every log was closed: checkpoints and manifest, then the clean-shutdown
  // marker. `logs` are those that can be restored; the others are opened.
  absl::Status CloseInOrder(const std::vector<PartitionCheckpoint>& checkpoints,
                            const std::vector<ManifestEntry>& logs);

 private:
  DataDirectory(FileSystem& fs, std::string path, DirectoryLock lock)
      : fs_(fs), path_(std::move(path)), lock_(std::move(lock)) {}

  absl::Status Load(const DataDirectoryOptions& options);
  absl::Status LoadIdentity(const DataDirectoryOptions& options,
                            const std::vector<std::string>& names);
  absl::Status FindPartitions(const std::vector<std::string>& names);
  std::vector<ManifestEntry> LoadManifest() const;
  std::string FilePath(std::string_view name) const;

  FileSystem& fs_;
  std::string path_;
  DirectoryLock lock_;
  MetaProperties identity_;
  bool was_clean_ = false;
  std::vector<FoundPartition> partitions_;
  std::vector<std::string> leftovers_;
};

}  // namespace millrace::storage
