// The lock that keeps a second broker out of a data directory: the one on its `.lock` file that
// Kafka's broker takes too. It holds against other processes and within this one, and ends with the
// object or with the process, however that dies.
//
// A file that is not the kernel's (no descriptor) has nobody to lock out; taking its lock succeeds.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include <absl/status/statusor.h>

#include "storage/file_system.h"

namespace millrace::storage {

class DirectoryLock {
 public:
  // FailedPreconditionError when somebody else holds it; the message says what to do.
  static absl::StatusOr<DirectoryLock> Take(FileSystem& fs, const std::string& directory);

 private:
  explicit DirectoryLock(std::shared_ptr<File> file) : file_(std::move(file)) {}

  std::shared_ptr<File> file_;  // the lock is its descriptor's and goes when that is closed
};

// Whether somebody holds the lock at this moment, for those who only look: neither takes it nor
// creates its file. Any thread.
absl::StatusOr<bool> IsDirectoryLocked(FileSystem& fs, const std::string& directory);

}  // namespace millrace::storage
