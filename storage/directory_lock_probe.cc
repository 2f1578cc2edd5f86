#include "storage/directory_lock_probe.h"

#include <cerrno>
#include <fcntl.h>
#include <memory>
#include <optional>

#include <absl/status/status.h>

#include "storage/posix_error.h"

namespace millrace::storage {

absl::StatusOr<bool> IsDirectoryLocked(FileSystem& fs, const std::string& directory) {
  const std::string path = directory + "/.lock";
  const absl::StatusOr<std::shared_ptr<File>> file = fs.Open(path, OpenMode::kReadOnly);
  if (absl::IsNotFound(file.status())) return false;
  if (!file.ok()) return file.status();
  const std::optional<int> descriptor = (*file)->descriptor();
  if (!descriptor.has_value()) return false;
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(*descriptor, F_OFD_GETLK, &lock) != 0) return PosixError("fcntl", path, errno);
  return lock.l_type != F_UNLCK;
}

}  // namespace millrace::storage
