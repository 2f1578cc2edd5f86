#include "tests/support/fault_file_system.h"

#include <set>
#include <string>

#include <catch2/catch.hpp>
#include <fmt/format.h>

namespace millrace::test {
namespace {

using storage::File;
using storage::OpenMode;
using storage::ReadWholeFile;
using storage::ReplaceFile;

std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::shared_ptr<File> OpenFile(FaultFileSystem& fs, const std::string& path,
                               OpenMode mode = OpenMode::kCreate) {
  auto file = fs.Open(path, mode);
  REQUIRE(file.ok());
  return *file;
}

void Write(File& file, int64_t position, std::string_view text) {
  REQUIRE(file.WriteAt(position, AsBytes(text)).ok());
}

std::string Content(FaultFileSystem& fs, const std::string& path) {
  auto content = ReadWholeFile(fs, path);
  REQUIRE(content.ok());
  return *content;
}

// A file "/d/f" of 4 KiB of 'a', durable, its directories too.
std::shared_ptr<File> DurableFile(FaultFileSystem& fs) {
  REQUIRE(fs.CreateDirectories("/d").ok());
  auto file = OpenFile(fs, "/d/f");
  Write(*file, 0, std::string(4096, 'a'));
  fs.SyncAll();
  return file;
}

TEST_CASE("fault file system: errors have the codes of the real one") {
  FaultFileSystem fs;
  REQUIRE(fs.CreateDirectories("/d").ok());
  CHECK(absl::IsNotFound(fs.Open("/d/f", OpenMode::kReadOnly).status()));
  CHECK(absl::IsNotFound(fs.Open("/x/f", OpenMode::kCreate).status()));
  CHECK(absl::IsNotFound(fs.List("/x").status()));
  CHECK(absl::IsNotFound(fs.RemoveFile("/d/f")));
  CHECK(absl::IsNotFound(fs.RemoveTree("/d/f")));
  CHECK(absl::IsNotFound(fs.Rename("/d/f", "/d/g")));
  CHECK(absl::IsInternal(fs.RemoveFile("/d")));
  CHECK(absl::IsInternal(fs.Open("/d", OpenMode::kReadWrite).status()));
  auto file = OpenFile(fs, "/d/f");
  auto reader = OpenFile(fs, "/d/f", OpenMode::kReadOnly);
  CHECK(absl::IsInternal(reader->WriteAt(0, AsBytes("x"))));
  CHECK(absl::IsAlreadyExists(fs.CreateDirectories("/d/f")));
  CHECK(absl::IsInternal(fs.Rename("/d", "/d/f")));
}

TEST_CASE("fault file system: what is written is read back before any sync") {
  FaultFileSystem fs;
  REQUIRE(fs.CreateDirectories("/a/b").ok());
  auto file = OpenFile(fs, "/a/b/f");
  Write(*file, 3, "xyz");
  CHECK(Content(fs, "/a/b/f") == std::string("\0\0\0xyz", 6));
  REQUIRE(file->Truncate(4).ok());
  CHECK(*file->Size() == 4);
  std::byte out[8];
  CHECK(*file->ReadAt(3, out) == 1);
  CHECK(*file->ReadAt(9, out) == 0);
  CHECK(*fs.List("/a") == std::vector<std::string>{"b"});
  CHECK_FALSE(file->descriptor().has_value());
}

TEST_CASE("fault file system: a power loss takes what was not synced") {
  FaultFileSystem fs;
  auto file = DurableFile(fs);
  Write(*file, 0, "bbbb");
  Write(*file, 4096, "tail");
  REQUIRE(fs.CreateDirectories("/d/sub").ok());
  fs.Crash();
  CHECK(Content(fs, "/d/f") == std::string(4096, 'a'));
  CHECK_FALSE(fs.Exists("/d/sub"));
}

TEST_CASE("fault file system: a sync keeps the bytes and the length") {
  FaultFileSystem fs;
  auto file = DurableFile(fs);
  Write(*file, 4096, "tail");
  REQUIRE(file->Truncate(4098).ok());
  REQUIRE(file->Sync().ok());
  Write(*file, 0, "lost");
  fs.Crash();
  CHECK(Content(fs, "/d/f") == std::string(4096, 'a') + "ta");
}

TEST_CASE("fault file system: a synced file is lost when its directory was not synced") {
  FaultFileSystem fs;
  DurableFile(fs);
  auto file = OpenFile(fs, "/d/new");
  Write(*file, 0, "bytes");
  REQUIRE(file->Sync().ok());
  SECTION("lost") {
    fs.Crash();
    CHECK_FALSE(fs.Exists("/d/new"));
  }
  SECTION("kept") {
    REQUIRE(fs.SyncDirectory("/d").ok());
    fs.Crash();
    CHECK(Content(fs, "/d/new") == "bytes");
  }
}

TEST_CASE("fault file system: renames and removals are undone unless the directory was synced") {
  FaultFileSystem fs;
  DurableFile(fs);
  OpenFile(fs, "/d/g");
  fs.SyncAll();
  REQUIRE(fs.Rename("/d/f", "/d/renamed").ok());
  REQUIRE(fs.RemoveFile("/d/g").ok());
  CHECK(*fs.List("/d") == std::vector<std::string>{"renamed"});
  SECTION("undone") {
    fs.Crash();
    CHECK(*fs.List("/d") == std::vector<std::string>{"f", "g"});
  }
  SECTION("kept") {
    REQUIRE(fs.SyncDirectory("/d").ok());
    fs.Crash();
    CHECK(*fs.List("/d") == std::vector<std::string>{"renamed"});
    CHECK(Content(fs, "/d/renamed") == std::string(4096, 'a'));
  }
}

TEST_CASE("fault file system: a renamed file without a sync has its name but not its bytes") {
  FaultFileSystem fs;
  DurableFile(fs);
  auto file = OpenFile(fs, "/d/new");
  Write(*file, 0, "unsynced");
  REQUIRE(fs.Rename("/d/new", "/d/f").ok());
  REQUIRE(fs.SyncDirectory("/d").ok());
  fs.Crash();
  CHECK(Content(fs, "/d/f").empty());
}

TEST_CASE("fault file system: a seeded crash keeps whole sectors of some state since the sync") {
  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    FaultFileSystem fs;
    auto file = DurableFile(fs);
    Write(*file, 0, std::string(2048, 'b'));
    Write(*file, 1024, std::string(4096, 'c'));
    fs.Crash(seed);
    const std::string content = Content(fs, "/d/f");
    REQUIRE((content.size() == 4096 || content.size() == 5120));
    for (size_t sector = 0; sector * 512 < content.size(); ++sector) {
      const std::string bytes = content.substr(sector * 512, 512);
      REQUIRE(bytes == std::string(512, bytes[0]));
      const std::string allowed = sector < 2 ? "ab" : sector < 4 ? "abc" : "ac";
      REQUIRE((sector < 8 ? allowed : std::string("\0c", 2)).find(bytes[0]) != std::string::npos);
    }
    outcomes.insert(content);
  }
  CHECK(outcomes.size() > 50);
  CHECK(outcomes.count(std::string(4096, 'a')) == 1);                           // all lost
  CHECK(outcomes.count(std::string(1024, 'b') + std::string(4096, 'c')) == 1);  // all kept
}

TEST_CASE("fault file system: a seed decides everything, so a crash can be repeated") {
  const auto run = [](uint64_t seed) {
    FaultFileSystem fs;
    auto file = DurableFile(fs);
    for (int i = 0; i < 20; ++i)
      Write(*file, i * 700, std::string(900, static_cast<char>('b' + i)));
    fs.Crash(seed);
    return Content(fs, "/d/f");
  };
  CHECK(run(7) == run(7));
  CHECK(run(7) != run(8));
}

TEST_CASE("fault file system: a seeded crash keeps a prefix of a directory's changes") {
  std::set<size_t> kept;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    FaultFileSystem fs;
    DurableFile(fs);
    for (const char* name : {"1", "2", "3"}) OpenFile(fs, fmt::format("/d/{}", name));
    REQUIRE(fs.Rename("/d/f", "/d/4").ok());
    fs.Crash(seed);
    const auto names = *fs.List("/d");
    const std::vector<std::vector<std::string>> prefixes = {
        {"f"}, {"1", "f"}, {"1", "2", "f"}, {"1", "2", "3", "f"}, {"1", "2", "3", "4"}};
    const auto found = std::find(prefixes.begin(), prefixes.end(), names);
    REQUIRE(found != prefixes.end());
    kept.insert(static_cast<size_t>(found - prefixes.begin()));
  }
  CHECK(kept.size() == 5);
}

TEST_CASE("fault file system: files opened before a crash are dead after it") {
  FaultFileSystem fs;
  auto file = DurableFile(fs);
  SECTION("power loss") { fs.Crash(); }
  SECTION("kill") { fs.KillProcess(); }
  CHECK(absl::IsAborted(file->WriteAt(0, AsBytes("x"))));
  CHECK(absl::IsAborted(file->Sync()));
  CHECK(absl::IsAborted(file->Size().status()));
  CHECK(Content(fs, "/d/f") == std::string(4096, 'a'));
}

TEST_CASE("fault file system: a killed process loses nothing that it wrote") {
  FaultFileSystem fs;
  auto file = DurableFile(fs);
  Write(*file, 0, "bbbb");
  fs.KillProcess();
  CHECK(Content(fs, "/d/f").substr(0, 5) == "bbbba");
  fs.Crash();
  CHECK(Content(fs, "/d/f").substr(0, 5) == "aaaaa");
}

TEST_CASE("fault file system: an injected fault meets the operation that was named") {
  FaultFileSystem fs;
  auto file = DurableFile(fs);
  fs.Inject({.operation = Operation::kWrite,
             .status = absl::ResourceExhaustedError("full"),
             .path_contains = "/d/f",
             .skip = 1,
             .times = 2,
             .written_prefix = 2});
  Write(*OpenFile(fs, "/d/other"), 0, "x");
  Write(*file, 0, "1111");
  CHECK(absl::IsResourceExhausted(file->WriteAt(4, AsBytes("2222"))));
  CHECK(absl::IsResourceExhausted(file->WriteAt(8, AsBytes("3333"))));
  Write(*file, 12, "4444");
  CHECK(Content(fs, "/d/f").substr(0, 17) == "111122aa33aa4444a");
}

TEST_CASE("fault file system: what a failed sync did not write is lost for good") {
  FaultFileSystem fs;
  auto file = DurableFile(fs);
  fs.Inject({.operation = Operation::kSync, .status = absl::InternalError("EIO")});
  Write(*file, 0, "lost");
  CHECK(absl::IsInternal(file->Sync()));
  CHECK(file->Sync().ok());
  CHECK(Content(fs, "/d/f").substr(0, 5) == "losta");
  fs.Crash();
  CHECK(Content(fs, "/d/f") == std::string(4096, 'a'));
}

TEST_CASE("fault file system: a full disk takes what fits and more once there is room") {
  FaultFileSystem fs;
  auto file = DurableFile(fs);
  fs.SetCapacity(5000);
  CHECK(absl::IsResourceExhausted(file->WriteAt(4000, AsBytes(std::string(2000, 'b')))));
  CHECK(*file->Size() == 5000);
  CHECK(fs.used_bytes() == 5000);
  auto other = OpenFile(fs, "/d/other");
  CHECK(absl::IsResourceExhausted(other->Preallocate(0, 1)));
  CHECK(absl::IsResourceExhausted(other->WriteAt(0, AsBytes("x"))));
  Write(*file, 0, "overwriting needs no room");
  REQUIRE(file->Truncate(4096).ok());
  Write(*other, 0, "x");
}

TEST_CASE("fault file system: preallocated space holds blocks and keeps the size") {
  FaultFileSystem fs;
  auto file = DurableFile(fs);
  fs.SetCapacity(8192);
  REQUIRE(file->Preallocate(4096, 4096).ok());
  CHECK(*file->Size() == 4096);
  CHECK(fs.used_bytes() == 8192);
  CHECK(absl::IsResourceExhausted(OpenFile(fs, "/d/other")->WriteAt(0, AsBytes("x"))));
  Write(*file, 4096, std::string(4096, 'b'));
  REQUIRE(file->Truncate(10).ok());
  CHECK(fs.used_bytes() == 10);
}

TEST_CASE("fault file system: a stopped process changes nothing more") {
  FaultFileSystem fs;
  auto file = DurableFile(fs);
  const int64_t before = fs.change_count();
  fs.StopAfter(2);
  Write(*file, 0, "b");
  Write(*file, 1, "b");
  CHECK(absl::IsAborted(file->WriteAt(2, AsBytes("b"))));
  CHECK(absl::IsAborted(file->Sync()));
  CHECK(absl::IsAborted(fs.List("/d").status()));
  CHECK(fs.change_count() == before + 2);
  fs.KillProcess();
  CHECK(Content(fs, "/d/f").substr(0, 3) == "bba");
}

TEST_CASE("fault file system: replacing a file leaves the old or the new content at any crash") {
  int64_t changes = 0;
  for (int64_t stop = 0; changes == 0 || stop <= changes; ++stop) {
    for (uint64_t seed = 0; seed < 20; ++seed) {
      FaultFileSystem fs;
      DurableFile(fs);
      const int64_t before = fs.change_count();
      if (changes != 0) fs.StopAfter(stop);
      const bool done = ReplaceFile(fs, "/d/f", std::string(5000, 'n')).ok();
      if (changes == 0) changes = fs.change_count() - before;
      fs.Crash(seed);
      const std::string content = Content(fs, "/d/f");
      INFO("stop " << stop << " seed " << seed);
      REQUIRE((content == std::string(5000, 'n') || (!done && content == std::string(4096, 'a'))));
    }
  }
  CHECK(changes == 6);
}

TEST_CASE("fault file system: a mapping follows the file while it grows") {
  FaultFileSystem fs;
  auto file = DurableFile(fs);
  auto region = *file->Map(1 << 20);
  const std::byte* address = region->data();
  CHECK(static_cast<char>(address[4095]) == 'a');
  for (int64_t at = 4096; at < (1 << 20); at += 65536) Write(*file, at, "grown");
  CHECK(region->data() == address);
  CHECK(static_cast<char>(address[4096 + 65536 * 10]) == 'g');
  fs.FlipBit("/d/f", 0, 1);
  CHECK(static_cast<char>(address[0]) == ('a' ^ 2));
  CHECK(Content(fs, "/d/f")[0] == ('a' ^ 2));
  REQUIRE(file->Truncate(1).ok());
  Write(*file, 10, "x");
  CHECK(static_cast<char>(address[5]) == '\0');
}

TEST_CASE("fault file system: an open file outlives its name") {
  FaultFileSystem fs;
  auto file = DurableFile(fs);
  REQUIRE(fs.RemoveTree("/d").ok());
  Write(*file, 0, "still here");
  std::byte out[5];
  CHECK(*file->ReadAt(0, out) == 5);
  CHECK_FALSE(fs.Exists("/d"));
}

}  // namespace
}  // namespace millrace::test
