#include "broker/partition/cold_readers.h"

#include <memory>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/support/fault_file_system.h"

namespace millrace::partition {
namespace {

using storage::FileSlice;

constexpr int64_t kMiB = 1 << 20;
constexpr MonotonicMs kNow{1'000'000};

struct Files {
  Files() {
    REQUIRE(fs.CreateDirectories("/d").ok());
    for (auto* file : {&one, &other}) {
      auto opened = fs.Open(file == &one ? "/d/1" : "/d/2", storage::OpenMode::kCreate);
      REQUIRE(opened.ok());
      *file = *std::move(opened);
    }
  }
  FileSlice Slice(int64_t position, int64_t size = kMiB) const { return {one, position, size}; }

  test::FaultFileSystem fs;
  std::shared_ptr<storage::File> one, other;
};

bool IsSlice(const FileSlice& slice, int64_t position, int64_t size) {
  return slice.position == position && slice.size == size;
}

// None of the first bytes of the file was in memory when its first reader came.
void AllCold(ColdReaders& readers, const std::shared_ptr<storage::File>& file, int64_t bytes) {
  readers.OnSurvey(readers.Unknown(file, 0), {{file, 0, bytes}}, kNow);
}

TEST_CASE("cold readers: what was in memory is asked once, and for what is before it") {
  Files files;
  ColdReaders readers;
  CHECK(readers.empty());
  FileSlice asked = readers.Unknown(files.one, 5 * kMiB);
  CHECK(asked.position == 5 * kMiB);
  CHECK(asked.size > 1000 * kMiB);
  readers.OnSurvey(asked, {}, kNow);
  CHECK_FALSE(readers.empty());
  CHECK(readers.Unknown(files.one, 5 * kMiB).size == 0);
  CHECK(readers.Unknown(files.one, 9 * kMiB).size == 0);
  CHECK(IsSlice(readers.Unknown(files.one, kMiB), kMiB, 4 * kMiB));
  CHECK(readers.Unknown(files.other, 9 * kMiB).size > 0);
}

TEST_CASE("cold readers: a first fetch reads nothing ahead, the next ones more and more") {
  Files files;
  ColdReaders readers;
  AllCold(readers, files.one, 100 * kMiB);
  CHECK(readers.OnRead(files.Slice(0), false, kNow).ahead.size == 0);
  CHECK(IsSlice(readers.OnRead(files.Slice(kMiB), false, kNow).ahead, 2 * kMiB, kMiB));
  CHECK(IsSlice(readers.OnRead(files.Slice(2 * kMiB), false, kNow).ahead, 3 * kMiB, 2 * kMiB));
  // More than half of the window is still ahead: nothing is asked for.
  int64_t ahead_to = 5 * kMiB;
  for (int64_t at = 3 * kMiB; at < 40 * kMiB; at += kMiB) {
    const FileSlice ahead = readers.OnRead(files.Slice(at), false, kNow).ahead;
    if (ahead.size == 0) continue;
    CHECK(ahead.position == ahead_to);
    ahead_to += ahead.size;
    CHECK(ahead_to <= at + kMiB + 8 * kMiB);
  }
  CHECK(ahead_to >= 44 * kMiB);
}

TEST_CASE("cold readers: a fetch that begins inside the last slice comes from the same reader") {
  Files files;
  ColdReaders readers;
  AllCold(readers, files.one, 100 * kMiB);
  readers.OnRead(files.Slice(0), false, kNow);
  // The last batch of the slice was cut, and is fetched again.
  CHECK(readers.OnRead(files.Slice(kMiB - 5000), false, kNow).ahead.size > 0);
}

TEST_CASE("cold readers: jumps through a file are not read ahead of, nor is what is in memory") {
  Files files;
  ColdReaders readers;
  AllCold(readers, files.one, 100 * kMiB);
  for (int64_t at : {0, 50, 10, 90, 30}) {
    CHECK(readers.OnRead(files.Slice(at * kMiB), false, kNow).ahead.size == 0);
  }
  for (int64_t at : {0, 1, 2, 3}) {
    CHECK(readers.OnRead({files.other, at * kMiB, kMiB}, false, kNow).ahead.size == 0);
  }
}

TEST_CASE("cold readers: what was cold is released when its reader has passed it") {
  Files files;
  ColdReaders readers;
  AllCold(readers, files.one, 2 * kMiB);
  CHECK(readers.OnRead(files.Slice(0), false, kNow).behind.empty());
  auto behind = readers.OnRead(files.Slice(kMiB), false, kNow).behind;
  REQUIRE(behind.size() == 1);
  CHECK(IsSlice(behind[0], 0, kMiB));
  behind = readers.OnRead(files.Slice(2 * kMiB), false, kNow).behind;
  REQUIRE(behind.size() == 1);
  CHECK(IsSlice(behind[0], kMiB, kMiB));
  // What follows was in memory before: it stays.
  CHECK(readers.OnRead(files.Slice(3 * kMiB), false, kNow).behind.empty());
}

TEST_CASE("cold readers: what was loaded and is not read yet stays") {
  Files files;
  ColdReaders readers;
  AllCold(readers, files.one, 2 * kMiB);
  CHECK(readers.OnRead({files.other, 0, kMiB}, false, kNow).behind.empty());
}

TEST_CASE("cold readers: a reader further back keeps what it will want") {
  Files files;
  ColdReaders readers;
  AllCold(readers, files.one, 10 * kMiB);
  readers.OnRead(files.Slice(0), false, kNow);
  CHECK(readers.OnRead(files.Slice(3 * kMiB), false, kNow).behind.empty());
  CHECK(readers.OnRead(files.Slice(4 * kMiB), false, kNow).behind.empty());
  auto behind = readers.OnRead(files.Slice(kMiB), false, kNow).behind;
  REQUIRE(behind.size() == 1);
  CHECK(IsSlice(behind[0], 0, kMiB));
}

TEST_CASE("cold readers: a reader that has gone holds nothing back for ever") {
  Files files;
  ColdReaders readers;
  AllCold(readers, files.one, 50 * kMiB);
  AllCold(readers, files.other, 50 * kMiB);
  readers.OnRead(files.Slice(0), false, kNow);
  readers.OnRead({files.other, 0, kMiB}, false, kNow);
  auto behind = readers.OnRead({files.other, 0, kMiB}, false, kNow + 30'001).behind;
  REQUIRE(behind.size() == 1);
  CHECK(behind[0].file == files.one);
  CHECK(IsSlice(behind[0], 0, kMiB));  // what was loaded, and no more
  CHECK(readers.Unknown(files.one, 0).size > 0);
}

TEST_CASE("cold readers: the segment that is appended to keeps its pages") {
  Files files;
  ColdReaders readers;
  AllCold(readers, files.one, 2 * kMiB);
  CHECK(readers.OnRead(files.Slice(0), true, kNow).behind.empty());
  CHECK(readers.OnRead(files.Slice(kMiB), true, kNow).behind.empty());
  CHECK(readers.OnRead(files.Slice(2 * kMiB), false, kNow).behind.size() == 1);
}

TEST_CASE("cold readers: of many readers the oldest are forgotten") {
  Files files;
  ColdReaders readers;
  AllCold(readers, files.one, 100'000 * kMiB);
  for (int64_t i = 0; i < 1000; ++i) {
    readers.OnRead(files.Slice(i * 10 * kMiB), false, kNow + i);
  }
  // The last one is known still.
  CHECK(readers.OnRead(files.Slice((999 * 10 + 1) * kMiB), false, kNow + 1000).ahead.size > 0);
}

TEST_CASE("cold readers: no file is kept open, and one that is closed is forgotten") {
  Files files;
  ColdReaders readers;
  AllCold(readers, files.one, kMiB);
  readers.OnRead(files.Slice(0), false, kNow);
  CHECK(files.one.use_count() == 1);
  files.one.reset();
  CHECK(readers.OnRead({files.other, 0, kMiB}, false, kNow).behind.empty());
}

}  // namespace
}  // namespace millrace::partition
