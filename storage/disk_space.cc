#include "storage/disk_space.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "storage/posix_error.h"

namespace millrace::storage {

absl::StatusOr<DiskSpace> DiskSpaceOf(const std::string& path) {
  struct statvfs found{};
  if (::statvfs(path.c_str(), &found) != 0) return PosixError("statvfs", path, errno);
  auto block_bytes = static_cast<int64_t>(found.f_frsize);
  return DiskSpace{.total_bytes = static_cast<int64_t>(found.f_blocks) * block_bytes,
                   .usable_bytes = static_cast<int64_t>(found.f_bavail) * block_bytes};
}

}  // namespace millrace::storage
