#include <algorithm>
#include <atomic>
#include <cerrno>
#include <dirent.h>
#include <fcntl.h>
#include <filesystem>
#include <sys/mman.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "proto/invariant.h"
#include "storage/file_system.h"
#include "storage/page_cache.h"
#include "storage/posix_error.h"

namespace millrace::storage {
namespace {

// What the broker creates is for its own user and group, as log files may hold anything.
constexpr mode_t kFileMode = 0640;
constexpr mode_t kDirectoryMode = 0750;

// Repeats a system call that a signal interrupted before it did anything.
template <class Call>
auto Uninterrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class PosixMappedRegion final : public MappedRegion {
 public:
  PosixMappedRegion(void* address, size_t length) : address_(address), length_(length) {}
  PosixMappedRegion(const PosixMappedRegion&) = delete;
  PosixMappedRegion& operator=(const PosixMappedRegion&) = delete;
  ~PosixMappedRegion() override { ::munmap(address_, length_); }

  const std::byte* data() const override { return static_cast<const std::byte*>(address_); }

 private:
  void* address_;
  size_t length_;
};

class PosixFile final : public File {
 public:
  PosixFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {
    INVARIANT(descriptor_ >= 0);
  }
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;
  ~PosixFile() override { ::close(descriptor_); }

  absl::StatusOr<size_t> ReadAt(int64_t position, std::span<std::byte> out) const override;
  absl::Status WriteAt(int64_t position, std::span<const std::byte> bytes) override;
  absl::Status Sync() override;
  absl::Status StartWriteBack(int64_t position, int64_t length) override;
  absl::Status Truncate(int64_t size) override;
  absl::Status Preallocate(int64_t position, int64_t length) override;
  absl::StatusOr<int64_t> Size() const override;
  absl::StatusOr<std::unique_ptr<MappedRegion>> Map(int64_t length) const override;
  bool IsResident(int64_t position, int64_t length) const override;
  bool IsCached(int64_t position, int64_t length) const override {
    return AskPageCache(descriptor_, position, length).value_or(false);
  }
  absl::Status Load(int64_t position, int64_t length) const override;
  void Release(int64_t position, int64_t length) const override;
  std::optional<int> descriptor() const override { return descriptor_; }
  uint64_t identity() const override;

 private:
  int descriptor_;
  std::string path_;  // as it was opened; a rename does not change it
  mutable std::atomic<bool> was_loaded_ = false;
};

absl::StatusOr<size_t> PosixFile::ReadAt(int64_t position, std::span<std::byte> out) const {
  size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = Uninterrupted([&] {
      return ::pread(descriptor_, out.data() + done, out.size() - done,
                     position + static_cast<int64_t>(done));
    });
    if (n < 0) return PosixError("pread", path_, errno);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

absl::Status PosixFile::WriteAt(int64_t position, std::span<const std::byte> bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = Uninterrupted([&] {
      return ::pwrite(descriptor_, bytes.data() + done, bytes.size() - done,
                      position + static_cast<int64_t>(done));
    });
    if (n < 0) return PosixError("pwrite", path_, errno);
    // A device that takes nothing and reports no error would otherwise be asked for ever.
    if (n == 0) return PosixError("pwrite", path_, EIO);
    done += static_cast<size_t>(n);
  }
  return absl::OkStatus();
}

absl::Status PosixFile::Sync() {
  if (Uninterrupted([&] { return ::fdatasync(descriptor_); }) != 0) {
    return SyncError("fdatasync", path_, errno);
  }
  return absl::OkStatus();
}

absl::Status PosixFile::StartWriteBack(int64_t position, int64_t length) {
  const int result = Uninterrupted(
      [&] { return ::sync_file_range(descriptor_, position, length, SYNC_FILE_RANGE_WRITE); });
  // Where the kernel cannot start early, Sync() does all of the work.
  if (result != 0 && errno != EOPNOTSUPP && errno != ENOSYS) {
    return PosixError("sync_file_range", path_, errno);
  }
  return absl::OkStatus();
}

absl::Status PosixFile::Truncate(int64_t size) {
  if (Uninterrupted([&] { return ::ftruncate(descriptor_, size); }) != 0) {
    return PosixError("ftruncate", path_, errno);
  }
  return absl::OkStatus();
}

absl::Status PosixFile::Preallocate(int64_t position, int64_t length) {
  const int result = Uninterrupted(
      [&] { return ::fallocate(descriptor_, FALLOC_FL_KEEP_SIZE, position, length); });
  // Preallocation only makes later appends cheaper; a file system may be without it.
  if (result != 0 && errno != EOPNOTSUPP && errno != ENOSYS) {
    return PosixError("fallocate", path_, errno);
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> PosixFile::Size() const {
  struct stat info{};
  if (::fstat(descriptor_, &info) != 0) return PosixError("fstat", path_, errno);
  return int64_t{info.st_size};
}

uint64_t PosixFile::identity() const {
  struct stat info{};
  return ::fstat(descriptor_, &info) == 0 ? uint64_t{info.st_ino} : 0;
}

absl::StatusOr<std::unique_ptr<MappedRegion>> PosixFile::Map(int64_t length) const {
  // The kernel refuses to map nothing, but an empty file is an ordinary thing to look at.
  const auto mapped = static_cast<size_t>(std::max<int64_t>(length, 1));
  void* address = ::mmap(nullptr, mapped, PROT_READ, MAP_SHARED, descriptor_, 0);
  if (address == MAP_FAILED) return PosixError("mmap", path_, errno);
  return std::make_unique<PosixMappedRegion>(address, mapped);
}

// The pages of a load that is under way stand in the cache before their bytes do. Only files that
// were ever loaded pay for the difference.
bool PosixFile::IsResident(int64_t position, int64_t length) const {
  if (length <= 0) return true;
  if (!IsInPageCache(descriptor_, position, length)) return false;
  if (!was_loaded_.load(std::memory_order_relaxed)) return true;
  return IsReadable(descriptor_, position, length);
}

absl::Status PosixFile::Load(int64_t position, int64_t length) const {
  was_loaded_.store(true, std::memory_order_relaxed);
  const int error = LoadIntoPageCache(descriptor_, position, length);
  return error == 0 ? absl::OkStatus() : PosixError("read", path_, error);
}

// Advice: where the kernel does not take it, the pages stay until it needs the memory.
void PosixFile::Release(int64_t position, int64_t length) const {
  ::posix_fadvise(descriptor_, position, length, POSIX_FADV_DONTNEED);
}

class PosixFiles final : public FileSystem {
 public:
  absl::StatusOr<std::shared_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  absl::Status CreateDirectories(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status RemoveFile(const std::string& path) override;
  absl::Status RemoveTree(const std::string& path) override;
  bool Exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }
  absl::Status SyncDirectory(const std::string& path) override;
};

int OpenFlags(OpenMode mode) {
  switch (mode) {
    case OpenMode::kReadOnly:
      return O_RDONLY | O_CLOEXEC;
    case OpenMode::kReadWrite:
      return O_RDWR | O_CLOEXEC;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT | O_CLOEXEC;
  }
  INVARIANT(false);
}

absl::StatusOr<std::shared_ptr<File>> PosixFiles::Open(const std::string& path, OpenMode mode) {
  const int descriptor =
      Uninterrupted([&] { return ::open(path.c_str(), OpenFlags(mode), kFileMode); });
  if (descriptor < 0) return PosixError("open", path, errno);
  return std::make_shared<PosixFile>(descriptor, path);
}

absl::StatusOr<std::vector<std::string>> PosixFiles::List(const std::string& directory) {
  DIR* stream = ::opendir(directory.c_str());
  if (stream == nullptr) return PosixError("opendir", directory, errno);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(stream)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
    errno = 0;  // readdir tells the end from an error by errno alone
  }
  const int error = errno;
  ::closedir(stream);
  if (error != 0) return PosixError("readdir", directory, error);
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status CreateOneDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), kDirectoryMode) == 0) return absl::OkStatus();
  const int error = errno;
  struct stat info{};
  // Read-only and automounted parents answer mkdir with other errors than EEXIST.
  if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return absl::OkStatus();
  return PosixError("mkdir", path, error);
}

absl::Status PosixFiles::CreateDirectories(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    if (absl::Status made = CreateOneDirectory(path.substr(0, slash)); !made.ok()) return made;
  }
  return CreateOneDirectory(path);
}

absl::Status PosixFiles::Rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) {
    return PosixError("rename", fmt::format("{} to {}", from, to), errno);
  }
  return absl::OkStatus();
}

absl::Status PosixFiles::RemoveFile(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return PosixError("unlink", path, errno);
  return absl::OkStatus();
}

absl::Status PosixFiles::RemoveTree(const std::string& path) {
  std::error_code error;
  const auto removed = std::filesystem::remove_all(path, error);
  if (error) return PosixError("unlink", path, error.value());
  if (removed == 0) return PosixError("unlink", path, ENOENT);
  return absl::OkStatus();
}

absl::Status PosixFiles::SyncDirectory(const std::string& path) {
  const int descriptor =
      Uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (descriptor < 0) return PosixError("open", path, errno);
  const int result = Uninterrupted([&] { return ::fsync(descriptor); });
  const int error = errno;
  ::close(descriptor);
  if (result != 0) return SyncError("fsync", path, error);
  return absl::OkStatus();
}

}  // namespace

FileSystem& PosixFileSystem() {
  static PosixFiles files;
  return files;
}

}  // namespace millrace::storage
