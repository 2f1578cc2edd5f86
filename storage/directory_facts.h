// What a data directory says about itself, for those who only look: nothing is created, locked or
// removed, unlike DataDirectory::Open().
//
// Synchronous; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

#include "proto/types.h"
#include "storage/file_system.h"
#include "storage/finding.h"

namespace millrace::storage {

using PartitionOffsets = std::map<std::pair<std::string, PartitionIndex>, Offset>;

// A file of checkpoints that the directory holds.
struct FoundCheckpoint {
  std::string_view name;
  PartitionOffsets offsets;
};

struct DirectoryFacts {
  std::vector<std::string> names;  // of everything in it, sorted
  bool is_in_use = false;          // by a broker that runs
  bool was_closed = false;         // in order, and nobody has used it since
  bool has_identity = false;       // there is a meta.properties
  std::vector<FoundCheckpoint> checkpoints;

  // What the checkpoint file says of the partition; none where it says nothing.
  std::optional<Offset> OffsetOf(std::string_view checkpoint, const std::string& topic,
                                 PartitionIndex partition) const;
};

// The files that name partitions and offsets.
bool IsCheckpointName(std::string_view name);

// Fails where the directory cannot be listed, or the lock not be asked for. What is wrong with its
// files goes to `found`.
absl::StatusOr<DirectoryFacts> LookAtDirectory(FileSystem& fs, const std::string& path,
                                               FindingSink found);

}  // namespace millrace::storage
