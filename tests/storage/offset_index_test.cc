#include "storage/offset_index.h"

#include <catch2/catch.hpp>

#include "tests/support/fault_file_system.h"

namespace millrace::storage {
namespace {

using test::FaultFileSystem;
using test::Operation;

constexpr Offset kBase{1000};
constexpr int64_t kBytesMax = 80'000;

std::shared_ptr<File> NewFile(FaultFileSystem& fs) {
  REQUIRE(fs.CreateDirectories("/d").ok());
  auto file = fs.Open("/d/x.index", OpenMode::kCreate);
  REQUIRE(file.ok());
  return *std::move(file);
}

OffsetIndex::Entry EntryOf(int64_t i) {
  return {.offset = kBase + (3 * i + 2), .position = 100 * (i + 1)};
}

std::optional<OffsetIndex::Usable> UsableIn(const File& file, int64_t log_bytes) {
  const auto usable = OffsetIndex::UsableEntries(file, kBase, log_bytes);
  REQUIRE(usable.ok());
  return *usable;
}

void CheckFloors(const OffsetIndex& index, int64_t count) {
  CHECK_FALSE(index.Floor(kBase + 1)->has_value());
  for (int64_t i = 0; i < count; ++i) {
    for (int64_t above = 0; above < 3; ++above) {
      REQUIRE(**index.Floor(EntryOf(i).offset + above) == EntryOf(i));
    }
  }
}

}  // namespace

TEST_CASE("offset index: an impossible size or last entry makes the file unusable") {
  FaultFileSystem fs;
  auto file = NewFile(fs);
  OffsetIndex index(file, kBase, 0, kBytesMax);
  index.Append(EntryOf(0));
  index.Append(EntryOf(1));
  REQUIRE(index.entries().Unwritten().Run().ok());
  CHECK(UsableIn(*file, 201)->entries == 2);
  CHECK(UsableIn(*file, 201)->last == EntryOf(1));
  CHECK_FALSE(UsableIn(*file, 200).has_value());
  REQUIRE(file->Truncate(15).ok());
  CHECK_FALSE(UsableIn(*file, 1000).has_value());
  REQUIRE(file->Truncate(24).ok());
  CHECK_FALSE(UsableIn(*file, 1000).has_value());
}

TEST_CASE("offset index: an empty file is usable and has no entry") {
  FaultFileSystem fs;
  auto file = NewFile(fs);
  CHECK(UsableIn(*file, 0)->entries == 0);
  CHECK_FALSE(OffsetIndex(file, kBase, 0, kBytesMax).Floor(kBase + 50)->has_value());
}

TEST_CASE("offset index: a failed write keeps the entries for the next try") {
  FaultFileSystem fs;
  OffsetIndex index(NewFile(fs), kBase, 0, kBytesMax);
  fs.Inject(
      {.operation = Operation::kWrite, .status = absl::ResourceExhaustedError("full"), .times = 3});
  constexpr int64_t kCount = 700;
  int failures = 0;
  for (int64_t i = 0; i < kCount; ++i) {
    index.Append(EntryOf(i));
    if (!index.entries().WriteGathered().ok()) ++failures;
  }
  CHECK(failures == 3);
  CheckFloors(index, kCount);
}

TEST_CASE("offset index: a look-up that cannot read the file fails, one in memory does not") {
  FaultFileSystem fs;
  OffsetIndex index(NewFile(fs), kBase, 0, kBytesMax);
  for (int64_t i = 0; i < 600; ++i) {
    index.Append(EntryOf(i));
    REQUIRE(index.entries().WriteGathered().ok());
  }
  fs.Inject({.operation = Operation::kMap, .status = absl::InternalError("EIO")});
  CHECK(index.Floor(EntryOf(599).offset)->has_value());
  CHECK(index.Floor(EntryOf(480).offset)->has_value());
  CHECK(absl::IsInternal(index.Floor(EntryOf(3).offset).status()));
}

TEST_CASE("offset index: finds the last entry at or below an offset, in memory and in the file") {
  FaultFileSystem fs;
  auto file = NewFile(fs);
  OffsetIndex index(file, kBase, 0, kBytesMax);
  for (int64_t i = 0; i < 1000; ++i) {
    index.Append(EntryOf(i));
    REQUIRE(index.entries().WriteGathered().ok());
    if (i % 250 == 0) CheckFloors(index, i + 1);
  }
  CheckFloors(index, 1000);
  REQUIRE(index.entries().Unwritten().Run().ok());
  index.entries().Written(index.entries().size());
  index.entries().ReleaseMemory();
  CheckFloors(index, 1000);
  CHECK(file->Size().value() == 8000);
  const OffsetIndex again(file, kBase, UsableIn(*file, 1'000'000)->entries, kBytesMax);
  CheckFloors(again, 1000);
}

TEST_CASE("offset index: entries are Kafka's: offset and position, 32 bits each, big-endian") {
  FaultFileSystem fs;
  OffsetIndex index(NewFile(fs), kBase, 0, kBytesMax);
  index.Append({.offset = kBase + 0x01020304, .position = 0x05060708});
  const IndexWrite write = index.entries().Unwritten();
  const std::vector<std::byte> expected = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4},
                                           std::byte{5}, std::byte{6}, std::byte{7}, std::byte{8}};
  CHECK(write.bytes == expected);
  CHECK(write.position == 0);
}

TEST_CASE("offset index: is full when its size limit has no room for another entry") {
  FaultFileSystem fs;
  OffsetIndex index(NewFile(fs), kBase, 0, 20);
  index.Append(EntryOf(0));
  CHECK_FALSE(index.is_full());
  index.Append(EntryOf(1));
  CHECK(index.is_full());
}

}  // namespace millrace::storage
