#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "storage/file_system.h"
#include "storage/posix_error.h"
#include "tests/support/temporary_directory.h"

namespace millrace::storage {
namespace {

using test::TemporaryDirectory;

std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::shared_ptr<File> Create(const std::string& path) {
  auto file = PosixFileSystem().Open(path, OpenMode::kCreate);
  REQUIRE(file.ok());
  return *file;
}

TEST_CASE("posix file system: an errno becomes the status that callers act on") {
  CHECK(absl::IsResourceExhausted(PosixError("pwrite", "/f", ENOSPC)));
  CHECK(absl::IsResourceExhausted(PosixError("pwrite", "/f", EDQUOT)));
  CHECK(absl::IsNotFound(PosixError("open", "/f", ENOENT)));
  CHECK(absl::IsPermissionDenied(PosixError("open", "/f", EACCES)));
  CHECK(absl::IsPermissionDenied(PosixError("open", "/f", EROFS)));
  CHECK(absl::IsAlreadyExists(PosixError("mkdir", "/f", EEXIST)));
  CHECK(absl::IsInternal(PosixError("fdatasync", "/f", EIO)));
  CHECK(PosixError("pwrite", "/f", ENOSPC).message() ==
        "/f: pwrite failed: No space left on device");
}

TEST_CASE("posix error: a sync that fails is never only a full disk") {
  CHECK(absl::IsInternal(SyncError("fdatasync", "/f", ENOSPC)));
  CHECK(absl::IsInternal(SyncError("fsync", "/f", EIO)));
}

TEST_CASE("posix file system: what is missing or in the way is an error that names the path") {
  const TemporaryDirectory directory;
  FileSystem& fs = PosixFileSystem();
  const std::string path = directory.path() + "/missing";
  const absl::Status opened = fs.Open(path, OpenMode::kReadWrite).status();
  CHECK(absl::IsNotFound(opened));
  CHECK(std::string(opened.message()).find(path + ": open failed") == 0);
  CHECK(absl::IsNotFound(fs.List(path).status()));
  CHECK(absl::IsNotFound(fs.RemoveFile(path)));
  CHECK(absl::IsNotFound(fs.RemoveTree(path)));
  CHECK(absl::IsNotFound(fs.Rename(path, path + "2")));
  CHECK(absl::IsNotFound(fs.SyncDirectory(path)));
  CHECK_FALSE(fs.Exists(path));
  Create(path);
  CHECK(absl::IsAlreadyExists(fs.CreateDirectories(path)));
  CHECK(absl::IsInternal(fs.List(path).status()));
  auto reader = *fs.Open(path, OpenMode::kReadOnly);
  CHECK(absl::IsInternal(reader->WriteAt(0, AsBytes("x"))));
}

TEST_CASE("posix file system: a full device is told from other failures") {
  auto full = PosixFileSystem().Open("/dev/full", OpenMode::kReadWrite);
  REQUIRE(full.ok());
  CHECK(absl::IsResourceExhausted((*full)->WriteAt(0, AsBytes("x"))));
}

TEST_CASE("posix file system: bytes are written and read at positions") {
  const TemporaryDirectory directory;
  auto file = Create(directory.path() + "/f");
  REQUIRE(file->WriteAt(3, AsBytes("abcdef")).ok());
  CHECK(*file->Size() == 9);
  std::string out(20, '?');
  CHECK(*file->ReadAt(0, std::as_writable_bytes(std::span(out))) == 9);
  CHECK(out.substr(0, 10) == std::string("\0\0\0abcdef?", 10));
  CHECK(*file->ReadAt(9, std::as_writable_bytes(std::span(out))) == 0);
  REQUIRE(file->Truncate(5).ok());
  CHECK(*file->Size() == 5);
  CHECK(file->Sync().ok());
  CHECK(file->StartWriteBack(0, 5).ok());
}

TEST_CASE("posix file system: preallocation keeps the size and holds blocks") {
  const TemporaryDirectory directory;
  const std::string path = directory.path() + "/f";
  auto file = Create(path);
  REQUIRE(file->Preallocate(0, 1 << 20).ok());
  CHECK(*file->Size() == 0);
  REQUIRE(file->WriteAt(0, AsBytes("x")).ok());
  CHECK(*file->Size() == 1);
}

TEST_CASE("posix file system: a mapping shows what the file gains later") {
  const TemporaryDirectory directory;
  auto file = Create(directory.path() + "/f");
  auto region = file->Map(1 << 20);
  REQUIRE(region.ok());
  CHECK(file->Map(0).ok());
  REQUIRE(file->WriteAt(100'000, AsBytes("later")).ok());
  CHECK(std::string_view(reinterpret_cast<const char*>((*region)->data()) + 100'000, 5) == "later");
}

TEST_CASE(
    "posix file system: files and directories are closed to others, descriptors to children") {
  const TemporaryDirectory directory;
  const mode_t old_mask = ::umask(0);
  REQUIRE(PosixFileSystem().CreateDirectories(directory.path() + "/a/b//c/").ok());
  auto file = Create(directory.path() + "/a/b/c/f");
  ::umask(old_mask);
  struct stat info{};
  REQUIRE(::stat((directory.path() + "/a/b").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0750);
  REQUIRE(::stat((directory.path() + "/a/b/c/f").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0640);
  REQUIRE(file->descriptor().has_value());
  CHECK((::fcntl(*file->descriptor(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("posix file system: directories are listed in order, renamed and removed whole") {
  const TemporaryDirectory directory;
  FileSystem& fs = PosixFileSystem();
  const std::string root = directory.path() + "/root";
  REQUIRE(fs.CreateDirectories(root + "/z/deep").ok());
  REQUIRE(fs.CreateDirectories(root).ok());
  Create(root + "/.hidden");
  Create(root + "/b");
  CHECK(*fs.List(root) == std::vector<std::string>{".hidden", "b", "z"});
  REQUIRE(fs.Rename(root + "/z", root + "/a").ok());
  REQUIRE(fs.RemoveFile(root + "/b").ok());
  CHECK(*fs.List(root) == std::vector<std::string>{".hidden", "a"});
  CHECK(fs.SyncDirectory(root).ok());
  REQUIRE(fs.RemoveTree(root).ok());
  CHECK_FALSE(fs.Exists(root));
}

TEST_CASE("posix file system: a relative path is created like any other") {
  const TemporaryDirectory directory;
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(directory.path());
  const absl::Status created = PosixFileSystem().CreateDirectories("data/deep");
  const absl::Status replaced = ReplaceFile(PosixFileSystem(), "plain", "content");
  std::filesystem::current_path(before);
  CHECK(created.ok());
  CHECK(replaced.ok());
  CHECK(PosixFileSystem().Exists(directory.path() + "/data/deep"));
}

TEST_CASE("posix file system: replacing a file leaves the new content and nothing else") {
  const TemporaryDirectory directory;
  FileSystem& fs = PosixFileSystem();
  const std::string path = directory.path() + "/f";
  CHECK(absl::IsNotFound(ReadWholeFile(fs, path).status()));
  REQUIRE(Create(path + ".tmp")->WriteAt(0, AsBytes("left by a crash, and longer")).ok());
  REQUIRE(ReplaceFile(fs, path, "one").ok());
  REQUIRE(ReplaceFile(fs, path, "").ok());
  CHECK(ReadWholeFile(fs, path)->empty());
  REQUIRE(ReplaceFile(fs, path, "two").ok());
  CHECK(*ReadWholeFile(fs, path) == "two");
  CHECK(*fs.List(directory.path()) == std::vector<std::string>{"f"});
  CHECK(absl::IsNotFound(ReplaceFile(fs, directory.path() + "/no/f", "x")));
}

}  // namespace
}  // namespace millrace::storage
