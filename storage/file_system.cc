#include "storage/file_system.h"

#include <utility>

namespace millrace::storage {
namespace {

absl::Status WriteAndSync(FileSystem& fs, const std::string& path, std::string_view content) {
  absl::StatusOr<std::shared_ptr<File>> file = fs.Open(path, OpenMode::kCreate);
  if (!file.ok()) return file.status();
  // A crash may have left an older and longer one.
  if (absl::Status cut = (*file)->Truncate(0); !cut.ok()) return cut;
  const auto bytes = std::as_bytes(std::span(content.data(), content.size()));
  if (absl::Status written = (*file)->WriteAt(0, bytes); !written.ok()) return written;
  return (*file)->Sync();
}

}  // namespace

std::string ParentDirectory(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::StatusOr<std::shared_ptr<const File>> PinFile(std::shared_ptr<const File> file) {
  auto pinned = file->Pin();
  if (!pinned.ok() || *pinned != nullptr) return pinned;
  return file;
}

absl::StatusOr<std::string> ReadWholeFile(FileSystem& fs, const std::string& path) {
  absl::StatusOr<std::shared_ptr<File>> file = fs.Open(path, OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  absl::StatusOr<int64_t> size = (*file)->Size();
  if (!size.ok()) return size.status();
  std::string content(static_cast<size_t>(*size), '\0');
  absl::StatusOr<size_t> read = (*file)->ReadAt(0, std::as_writable_bytes(std::span(content)));
  if (!read.ok()) return read.status();
  content.resize(*read);
  return content;
}

absl::Status ReplaceFile(FileSystem& fs, const std::string& path, std::string_view content) {
  const std::string temporary = path + ".tmp";
  absl::Status status = WriteAndSync(fs, temporary, content);
  if (status.ok()) status = fs.Rename(temporary, path);
  if (!status.ok()) {
    // On a full disk the leftover would hold space; what failed first is what is reported.
    fs.RemoveFile(temporary).IgnoreError();
    return status;
  }
  return fs.SyncDirectory(ParentDirectory(path));
}

}  // namespace millrace::storage
