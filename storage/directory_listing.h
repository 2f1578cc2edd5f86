// What the names in a partition's directory say about it.
//
// Blocking (one listing); changes nothing.
#pragma once

#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "proto/types.h"
#include "storage/file_system.h"

namespace millrace::storage {

struct DirectoryListing {
  std::vector<Offset> segments;     // base offsets, ascending
  std::vector<Offset> snapshots;    // of producer state, ascending
  std::vector<Offset> swaps;        // base offsets of what compaction has written, ascending
  std::vector<std::string> strays;  // names left behind by work that did not finish: to be removed
};

absl::StatusOr<DirectoryListing> ListLogDirectory(FileSystem& fs, const std::string& directory);

}  // namespace millrace::storage
