#include "storage/time_index.h"

#include <catch2/catch.hpp>

#include "tests/support/fault_file_system.h"

namespace millrace::storage {
namespace {

using test::FaultFileSystem;

constexpr Offset kBase{1000};
constexpr int64_t kBytesMax = 120'000;

std::shared_ptr<File> NewFile(FaultFileSystem& fs) {
  REQUIRE(fs.CreateDirectories("/d").ok());
  auto file = fs.Open("/d/x.timeindex", OpenMode::kCreate);
  REQUIRE(file.ok());
  return *std::move(file);
}

TimeIndex NewIndex(FaultFileSystem& fs) {
  return TimeIndex(NewFile(fs), kBase, 0, std::nullopt, kBytesMax);
}

TimeIndex::Entry EntryOf(int64_t i) {
  return {.timestamp = TimestampMs(50'000 + 10 * i), .offset = kBase + 7 * i};
}

}  // namespace

TEST_CASE("time index: an impossible size or last entry makes the file unusable") {
  FaultFileSystem fs;
  auto file = NewFile(fs);
  TimeIndex index(file, kBase, 0, std::nullopt, kBytesMax);
  for (int64_t i = 0; i < 3; ++i) index.MaybeAppend(EntryOf(i));
  REQUIRE(index.entries().Unwritten().Run().ok());
  CHECK((*TimeIndex::UsableEntries(*file, kBase))->entries == 3);
  CHECK((*TimeIndex::UsableEntries(*file, kBase))->last == EntryOf(2));
  REQUIRE(file->Truncate(35).ok());
  CHECK_FALSE(TimeIndex::UsableEntries(*file, kBase)->has_value());
  REQUIRE(file->Truncate(48).ok());
  CHECK_FALSE(TimeIndex::UsableEntries(*file, kBase)->has_value());
}

TEST_CASE("time index: an entry that is not newer, or not behind the last, is left out") {
  FaultFileSystem fs;
  TimeIndex index = NewIndex(fs);
  index.MaybeAppend(EntryOf(5));
  index.MaybeAppend({.timestamp = EntryOf(5).timestamp, .offset = EntryOf(6).offset});
  index.MaybeAppend({.timestamp = EntryOf(4).timestamp, .offset = EntryOf(6).offset});
  index.MaybeAppend({.timestamp = EntryOf(6).timestamp, .offset = EntryOf(5).offset});
  CHECK(index.entries().size() == 1);
  CHECK(index.last() == EntryOf(5));
}

TEST_CASE("time index: finds the last entry below a time and before an offset") {
  FaultFileSystem fs;
  TimeIndex index = NewIndex(fs);
  constexpr int64_t kCount = 700;
  for (int64_t i = 0; i < kCount; ++i) {
    index.MaybeAppend(EntryOf(i));
    REQUIRE(index.entries().WriteGathered().ok());
  }
  CHECK_FALSE(index.Below(EntryOf(0).timestamp)->has_value());
  CHECK_FALSE(index.BeforeOffset(kBase)->has_value());
  for (int64_t i = 0; i < kCount; ++i) {
    REQUIRE(**index.Below(EntryOf(i).timestamp + 1) == EntryOf(i));
    REQUIRE(**index.Below(EntryOf(i).timestamp + 10) == EntryOf(i));
    REQUIRE(**index.BeforeOffset(EntryOf(i).offset + 1) == EntryOf(i));
    REQUIRE(**index.BeforeOffset(EntryOf(i).offset + 7) == EntryOf(i));
  }
}

TEST_CASE("time index: entries are Kafka's: 64 bits of time, 32 of offset, big-endian") {
  FaultFileSystem fs;
  TimeIndex index = NewIndex(fs);
  index.MaybeAppend({.timestamp = TimestampMs(0x0102030405060708), .offset = kBase + 0x090A0B0C});
  std::vector<std::byte> expected;
  for (int i = 1; i <= 12; ++i) expected.push_back(static_cast<std::byte>(i));
  CHECK(index.entries().Unwritten().bytes == expected);
}

TEST_CASE("time index: is full when only the entry for the seal has room") {
  FaultFileSystem fs;
  TimeIndex index(NewFile(fs), kBase, 0, std::nullopt, 36);
  index.MaybeAppend(EntryOf(0));
  CHECK_FALSE(index.is_full());
  index.MaybeAppend(EntryOf(1));
  CHECK(index.is_full());
}

}  // namespace millrace::storage
