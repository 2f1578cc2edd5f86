// The seam between the log and the disk. `PosixFileSystem()` is the real one; tests use
// tests/support/fault_file_system.h, which loses unsynced bytes, tears writes and fails on demand.
//
// Threading: a FileSystem and its Files may be used from several threads at once; calls on one File
// that touch the same bytes must be ordered by the caller. Everything here may block, except
// ReadAt on resident pages, IsResident, and WriteAt into the page cache.
//
// Errors: absl::ResourceExhaustedError for a full disk (ENOSPC, EDQUOT) and for descriptors or
// memory that have run out (EMFILE, ENFILE, ENOMEM), NotFoundError for a missing file,
// PermissionDeniedError for EACCES and EROFS, AlreadyExistsError for EEXIST,
// InternalError for any other failure of the device. The message names the path and the system
// call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace millrace::storage {

// A read-only view of a file's bytes; valid until destroyed. Bytes that the file gains later, up to
// the length asked for, become readable without mapping again.
class MappedRegion {
 public:
  virtual ~MappedRegion() = default;
  // Reading past the file's current end is the caller's bug (SIGBUS on the real file system).
  virtual const std::byte* data() const = 0;
};

class File {
 public:
  virtual ~File() = default;

  // Fills `out` from `position` on; returns fewer bytes only at the end of the file.
  virtual absl::StatusOr<size_t> ReadAt(int64_t position, std::span<std::byte> out) const = 0;
  // Writes all of `bytes`. After an error an unknown part of them may have been written.
  virtual absl::Status WriteAt(int64_t position, std::span<const std::byte> bytes) = 0;
  // fdatasync: the bytes and the length are on stable storage when it returns OK. After an error
  // the caller must never call it again on this file and never acknowledge what it covered. Never
  // ResourceExhaustedError: what was written is lost then, and more room does not bring it back.
  virtual absl::Status Sync() = 0;
  // Starts writing dirty pages of the range back, without waiting (sync_file_range).
  virtual absl::Status StartWriteBack(int64_t position, int64_t length) = 0;
  virtual absl::Status Truncate(int64_t size) = 0;
  // Reserves blocks without changing the file's size (fallocate KEEP_SIZE).
  virtual absl::Status Preallocate(int64_t position, int64_t length) = 0;
  virtual absl::StatusOr<int64_t> Size() const = 0;
  virtual absl::StatusOr<std::unique_ptr<MappedRegion>> Map(int64_t length) const = 0;
  // Whether the range can be read without waiting for the disk: all of it is in the page cache. Yes
  // where that cannot be known. Cheap and never blocks; what is there may be gone a moment later.
  // The kernel takes the question for a read, and may begin to read ahead.
  virtual bool IsResident(int64_t position, int64_t length) const = 0;
  // Whether all of it is in the page cache or on its way there. Only asked: nothing is begun. No
  // where that cannot be known.
  virtual bool IsCached(int64_t position, int64_t length) const {
    return IsResident(position, length);
  }
  // Brings the range, as far as the file goes, into the page cache and waits until it is there.
  virtual absl::Status Load(int64_t position, int64_t length) const = 0;
  // Tells the kernel that nobody will read the range soon: what is clean leaves the page cache.
  virtual void Release(int64_t position, int64_t length) const = 0;
  // The descriptor for sendfile; none where the file is not the kernel's, or may be closed between
  // two uses (see Pin()).
  virtual std::optional<int> descriptor() const = 0;
  // The file that stays open as long as it is held; null: this one does.
  virtual absl::StatusOr<std::shared_ptr<const File>> Pin() const { return nullptr; }
  // Whether a use need not open the file first, which may block.
  virtual bool IsOpen() const { return true; }
  // Differs between files that stood under one name after each other.
  virtual uint64_t identity() const { return 0; }
};

// Bytes of a file, for sendfile or ReadAt. Keeps the file open (and its bytes) while it lives.
struct FileSlice {
  std::shared_ptr<const File> file;
  int64_t position = 0;
  int64_t size = 0;
};

enum class OpenMode { kReadOnly, kReadWrite, kCreate /* read-write, created when missing */ };

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual absl::StatusOr<std::shared_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;
  // A file that exists, for reading and writing, to be opened at its first use where the file
  // system can do that: what is wrong with it shows then.
  virtual absl::StatusOr<std::shared_ptr<File>> OpenLater(const std::string& path) {
    return Open(path, OpenMode::kReadWrite);
  }
  // Names (not paths) of the entries of a directory, sorted, without "." and "..".
  virtual absl::StatusOr<std::vector<std::string>> List(const std::string& directory) = 0;
  // Creates the directory and its missing parents.
  virtual absl::Status CreateDirectories(const std::string& path) = 0;
  virtual absl::Status Rename(const std::string& from, const std::string& to) = 0;
  virtual absl::Status RemoveFile(const std::string& path) = 0;
  // Removes a directory and everything below it.
  virtual absl::Status RemoveTree(const std::string& path) = 0;
  virtual bool Exists(const std::string& path) = 0;
  // Makes creations, renames and removals in this directory survive power loss. Errors as Sync().
  virtual absl::Status SyncDirectory(const std::string& path) = 0;
};

// The kernel's file system; lives for the whole process.
FileSystem& PosixFileSystem();

// The directory that holds `path`: "." for a plain name, "/" for what stands in the root.
std::string ParentDirectory(const std::string& path);

// The file itself where it stays open anyway, else what keeps it open.
absl::StatusOr<std::shared_ptr<const File>> PinFile(std::shared_ptr<const File> file);

// Whole small files (checkpoints, snapshots, markers).
absl::StatusOr<std::string> ReadWholeFile(FileSystem& fs, const std::string& path);
// Replaces the file's content so that a crash leaves the old or the new content, never a mixture:
// written to `path`.tmp, synced, renamed, directory synced.
absl::Status ReplaceFile(FileSystem& fs, const std::string& path, std::string_view content);

}  // namespace millrace::storage
