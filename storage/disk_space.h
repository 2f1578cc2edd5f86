// How large a file system is.
#pragma once

#include <cstdint>
#include <string>

#include <absl/status/statusor.h>

namespace millrace::storage {

struct DiskSpace {
  int64_t total_bytes = 0;
  int64_t usable_bytes = 0;  // by a process without special rights
};

// Of the file system that holds `path`. May block; any thread.
absl::StatusOr<DiskSpace> DiskSpaceOf(const std::string& path);

}  // namespace millrace::storage
