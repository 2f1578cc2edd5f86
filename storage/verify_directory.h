// Verifies a whole data directory of a broker, or a single partition's directory in one.
//
//   auto summary = VerifyDirectory(PosixFileSystem(), "/srv/millrace", {}, {
//       .found = [&](Finding finding) { ... }, .read = [&](int64_t bytes) { ... }});
//   if (!summary.ok()) ...there was nothing to look at...
//
// Synchronous and read-only, also while a broker runs: what it is writing, and what it takes away
// meanwhile, is then reported as such. Any thread; the FileSystem must outlive the call.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "storage/file_system.h"
#include "storage/verify_partition.h"

namespace millrace::storage {

struct DirectoryReport {
  bool is_in_use = false;
  bool was_closed = false;
  std::vector<PartitionSummary> partitions;
};

// Fails where the directory cannot be looked at, or is neither of the two.
absl::StatusOr<DirectoryReport> VerifyDirectory(FileSystem& fs, const std::string& path,
                                                const VerifyOptions& options, VerifySinks sinks);

// How many bytes VerifyDirectory will report as read, more or less. What cannot be read counts for
// nothing.
int64_t LogBytesOf(FileSystem& fs, const std::string& path);

}  // namespace millrace::storage
