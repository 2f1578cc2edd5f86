#include "broker/partition/descriptor_cache.h"

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/support/fault_file_system.h"
#include "tests/support/temporary_directory.h"

namespace millrace::partition {
namespace {

using storage::OpenMode;
using test::FaultFileSystem;

struct Files {
  explicit Files(size_t open_max, size_t mappings_max = 10)
      : cache(disk, {.open_max = open_max, .mappings_max = mappings_max}) {
    REQUIRE(disk.CreateDirectories("/data").ok());
  }

  std::shared_ptr<storage::File> Make(const std::string& name) {
    auto file = cache.Open("/data/" + name, OpenMode::kCreate);
    REQUIRE(file.ok());
    Write(**file, name);
    return *std::move(file);
  }
  static void Write(storage::File& file, const std::string& text) {
    REQUIRE(file.WriteAt(0, std::as_bytes(std::span(text))).ok());
  }
  static std::string Read(const storage::File& file) {
    std::string text(5, '?');
    const auto read = file.ReadAt(0, std::as_writable_bytes(std::span(text)));
    REQUIRE(read.ok());
    text.resize(*read);
    return text;
  }

  FaultFileSystem disk;
  DescriptorCache cache;
};

TEST_CASE("descriptor cache: files beyond the limit are closed and opened again when used") {
  Files files(2);
  const auto a = files.Make("a");
  const auto b = files.Make("b");
  const auto c = files.Make("c");
  CHECK(files.cache.open_count() == 2);
  CHECK(Files::Read(*a) == "a");
  CHECK(Files::Read(*b) == "b");
  CHECK(Files::Read(*c) == "c");
  CHECK(files.cache.open_count() == 2);
  CHECK(files.cache.reopened() > 0);
}

TEST_CASE("descriptor cache: a closed file is not in memory until it is loaded") {
  Files files(1);
  const auto a = files.Make("a");
  CHECK(a->IsResident(0, 1));
  const auto b = files.Make("b");
  REQUIRE_FALSE(a->IsOpen());
  CHECK_FALSE(a->IsResident(0, 1));
  CHECK(a->IsResident(0, 0));
  CHECK(a->Load(0, 1).ok());
  CHECK(a->IsResident(0, 1));
  CHECK_FALSE(b->IsResident(0, 1));
}

TEST_CASE("descriptor cache: a file that is used again and again is spared") {
  Files files(3);
  const auto busy = files.Make("busy");
  for (int i = 0; i < 20; ++i) {
    const auto other = files.Make("other" + std::to_string(i));
    CHECK(busy->IsOpen());
    CHECK(Files::Read(*busy) == "busy");
  }
}

TEST_CASE("descriptor cache: after a sync that failed there is none of that file any more") {
  Files files(1);
  const auto a = files.Make("a");
  files.disk.Inject({.operation = test::Operation::kSync, .status = absl::InternalError("EIO")});
  CHECK(absl::IsInternal(a->Sync()));
  const auto b = files.Make("b");
  REQUIRE_FALSE(a->IsOpen());
  CHECK(absl::IsInternal(a->Sync()));
  CHECK(b->Sync().ok());
}

TEST_CASE("descriptor cache: of two that sync one file at a time none misses that it failed") {
  Files files(2);
  const auto a = files.Make("a");
  std::promise<void> begun;
  std::promise<void> go_on;
  std::atomic<int> syncs = 0;
  files.disk.Before(test::Operation::kSync, [&] {
    if (++syncs > 1) return;
    begun.set_value();
    go_on.get_future().wait();
  });
  files.disk.Inject({.operation = test::Operation::kSync, .status = absl::InternalError("EIO")});
  auto first = std::async(std::launch::async, [&] { return a->Sync(); });
  begun.get_future().wait();
  auto second = std::async(std::launch::async, [&] { return a->Sync(); });
  go_on.set_value();
  CHECK(absl::IsInternal(first.get()));
  CHECK(absl::IsInternal(second.get()));
  CHECK(syncs == 1);
}

TEST_CASE("descriptor cache: what is pinned stays readable when its name is another's") {
  Files files(1);
  const auto old = files.Make("old");
  const auto pinned = storage::PinFile(old);
  REQUIRE(pinned.ok());
  const auto other = files.Make("other");
  REQUIRE(files.disk.Rename("/data/other", "/data/old").ok());
  CHECK(Files::Read(**pinned) == "old");
  // As long as it is pinned, the file itself finds it, too.
  CHECK(Files::Read(*old) == "old");
}

TEST_CASE("descriptor cache: a pinned file counts as open, and others make room for it") {
  Files files(2);
  const auto a = files.Make("a");
  auto pinned = storage::PinFile(a);
  REQUIRE(pinned.ok());
  for (const char* name : {"b", "c", "d", "e"}) {
    const auto other = files.Make(name);
    CHECK(a->IsOpen());
    CHECK(files.cache.open_count() <= 2);
  }
  const auto b = files.Make("f");
  files.cache.SetOpenMax(1);
  CHECK(a->IsOpen());
  CHECK_FALSE(b->IsOpen());
  CHECK(files.cache.open_count() == 1);
  pinned = std::shared_ptr<const storage::File>();
  CHECK(Files::Read(*b) == "f");
  CHECK_FALSE(a->IsOpen());
}

TEST_CASE("descriptor cache: a file whose name is another's is not taken for that one") {
  Files files(1);
  const auto old = files.Make("old");
  const auto other = files.Make("other");
  CHECK_FALSE(old->IsOpen());
  REQUIRE(files.disk.Rename("/data/other", "/data/old").ok());
  std::string text(5, '?');
  const auto read = old->ReadAt(0, std::as_writable_bytes(std::span(text)));
  CHECK(absl::IsDataLoss(read.status()));
}

TEST_CASE("descriptor cache: a file that cannot be opened again says why, and works once it can") {
  Files files(1);
  const auto a = files.Make("a");
  const auto b = files.Make("b");
  files.disk.Inject({.operation = test::Operation::kOpen,
                     .status = absl::ResourceExhaustedError("too many open files")});
  std::string text(1, '?');
  CHECK(absl::IsResourceExhausted(a->ReadAt(0, std::as_writable_bytes(std::span(text))).status()));
  CHECK(Files::Read(*a) == "a");
}

TEST_CASE("descriptor cache: mappings are counted, and refused beyond their limit") {
  Files files(4, 1);
  const auto a = files.Make("a");
  auto first = a->Map(1);
  REQUIRE(first.ok());
  CHECK(absl::IsResourceExhausted(a->Map(1).status()));
  first->reset();
  CHECK(files.cache.mapping_count() == 0);
  CHECK(a->Map(1).ok());
}

TEST_CASE("descriptor cache: with less than before, files are closed at once and can be used") {
  Files files(4, 1);
  std::vector<std::shared_ptr<storage::File>> made;
  for (const char* name : {"a", "b", "c", "d"}) made.push_back(files.Make(name));
  CHECK(files.cache.open_count() == 4);
  files.cache.SetOpenMax(2);
  CHECK(files.cache.open_count() == 2);
  for (const auto& file : made) CHECK(file->Size().ok());
  CHECK(files.cache.open_count() == 2);
  files.cache.SetOpenMax(4);
  for (const auto& file : made) CHECK(file->Size().ok());
  CHECK(files.cache.open_count() == 4);
}

TEST_CASE("descriptor cache: several threads use more files than may be open") {
  test::TemporaryDirectory directory;
  DescriptorCache cache(storage::PosixFileSystem(), {.open_max = 3, .mappings_max = 1});
  std::vector<std::shared_ptr<storage::File>> shared;
  for (int i = 0; i < 8; ++i) {
    auto file = cache.Open(directory.path() + "/" + std::to_string(i), OpenMode::kCreate);
    REQUIRE(file.ok());
    Files::Write(**file, std::to_string(i));
    shared.push_back(*std::move(file));
  }
  std::atomic<int> wrong = 0;
  auto work = [&](size_t seed) {
    for (size_t i = 0; i < 4000; ++i) {
      const size_t which = (i * (seed + 1)) % shared.size();
      std::byte byte{};
      const auto read = shared[which]->ReadAt(0, {&byte, 1});
      if (!read.ok() || *read != 1 || byte != static_cast<std::byte>('0' + which)) ++wrong;
    }
  };
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) threads.emplace_back(work, t);
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  // While all that is open is in use, one more may be.
  CHECK(cache.open_count() <= 3 + 4);
}

}  // namespace
}  // namespace millrace::partition
