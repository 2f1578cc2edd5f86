// Whether a broker has a data directory, for those who only look: neither takes the lock
// (directory_lock.h) nor creates its file. Any thread.
#pragma once

#include <string>

#include <absl/status/statusor.h>

#include "storage/file_system.h"

namespace millrace::storage {

// At this moment; files that are not the kernel's (no descriptor) are nobody's.
absl::StatusOr<bool> IsDirectoryLocked(FileSystem& fs, const std::string& directory);

}  // namespace millrace::storage
