#include "storage/directory_lock.h"

#include <cerrno>
#include <fcntl.h>
#include <optional>

#include <fmt/format.h>

#include "storage/posix_error.h"

namespace millrace::storage {
namespace {

std::string PathOfLock(const std::string& directory) { return directory + "/.lock"; }

struct flock WholeFile() {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

// "process 123", as far as the kernel knows: of a lock like ours it does not.
std::string HolderOf(int descriptor) {
  struct flock lock = WholeFile();
  const bool known = ::fcntl(descriptor, F_OFD_GETLK, &lock) == 0 && lock.l_pid > 0;
  return known ? fmt::format("process {}", lock.l_pid) : "another broker";
}

}  // namespace

absl::StatusOr<DirectoryLock> DirectoryLock::Take(FileSystem& fs, const std::string& directory) {
  const std::string path = PathOfLock(directory);
  absl::StatusOr<std::shared_ptr<File>> file = fs.Open(path, OpenMode::kCreate);
  if (!file.ok()) return file.status();
  if (const std::optional<int> descriptor = (*file)->descriptor()) {
    // A lock of the open file, not of the process: closing another descriptor of the same file does
    // not lose it, and a second broker in this process is refused. Kafka's conflicts with it.
    struct flock lock = WholeFile();
    if (::fcntl(*descriptor, F_OFD_SETLK, &lock) != 0) {
      const int error = errno;
      if (error != EAGAIN && error != EACCES) return PosixError("fcntl", path, error);
      return absl::FailedPreconditionError(fmt::format(
          "{} is in use: {} holds {}. Stop it, or give this broker a directory of its own.",
          directory, HolderOf(*descriptor), path));
    }
  }
  return DirectoryLock(*std::move(file));
}

absl::StatusOr<bool> IsDirectoryLocked(FileSystem& fs, const std::string& directory) {
  const std::string path = PathOfLock(directory);
  const absl::StatusOr<std::shared_ptr<File>> file = fs.Open(path, OpenMode::kReadOnly);
  if (absl::IsNotFound(file.status())) return false;
  if (!file.ok()) return file.status();
  const std::optional<int> descriptor = (*file)->descriptor();
  if (!descriptor.has_value()) return false;
  struct flock lock = WholeFile();
  if (::fcntl(*descriptor, F_OFD_GETLK, &lock) != 0) return PosixError("fcntl", path, errno);
  return lock.l_type != F_UNLCK;
}

}  // namespace millrace::storage
