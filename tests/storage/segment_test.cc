#include "storage/segment.h"

#include <catch2/catch.hpp>

#include "tests/storage/log_fixture.h"
#include "tests/support/fault_file_system.h"

namespace millrace::storage {
namespace {

using test::FaultFileSystem;
using test::kLogDirectory;
using test::kNow;
using test::MakeBatch;
using test::MakeLogDisk;
using test::Operation;

constexpr Offset kBase{40};
constexpr Segment::Limits kLimits{.index_bytes_max = 4000, .index_interval_bytes = 300};

Segment NewSegment(FaultFileSystem& fs, const Segment::Limits& limits = kLimits) {
  auto files = CreateSegmentFiles(fs, kLogDirectory, kBase);
  REQUIRE(files.ok());
  return Segment(*std::move(files), kBase, limits);
}

// Batches of three records; returns the position of each.
std::vector<int64_t> Fill(Segment& segment, int batches) {
  std::vector<int64_t> positions;
  for (int i = 0; i < batches; ++i) {
    const auto batch =
        MakeBatch({{"a", kNow + i}, {"b"}, {"c"}}, {.base_offset = segment.next_offset()});
    positions.push_back(segment.size_bytes());
    REQUIRE(segment.Append(batch).ok());
  }
  return positions;
}

void CheckLocate(const Segment& segment, const std::vector<int64_t>& positions) {
  for (size_t i = 0; i < positions.size(); ++i) {
    for (int64_t in_batch = 0; in_batch < 3; ++in_batch) {
      const auto spot = segment.Locate(kBase + (3 * static_cast<int64_t>(i) + in_batch));
      REQUIRE(spot.ok());
      REQUIRE(spot->has_value());
      REQUIRE((*spot)->position == positions[i]);
      REQUIRE((*spot)->base_offset == kBase + 3 * static_cast<int64_t>(i));
    }
  }
}

}  // namespace

TEST_CASE("segment: a failed write changes nothing that is known") {
  auto fs = MakeLogDisk();
  Segment segment = NewSegment(fs);
  Fill(segment, 2);
  const int64_t size = segment.size_bytes();
  fs.Inject({.operation = Operation::kWrite,
             .status = absl::ResourceExhaustedError("full"),
             .written_prefix = 50});
  const auto batch = MakeBatch({{"x"}}, {.base_offset = segment.next_offset()});
  CHECK(absl::IsResourceExhausted(segment.Append(batch)));
  CHECK(segment.size_bytes() == size);
  CHECK(segment.next_offset() == kBase + 6);
  REQUIRE(segment.Append(batch).ok());
  CHECK(segment.next_offset() == kBase + 7);
}

TEST_CASE("segment: an offset at or beyond its end is nowhere") {
  auto fs = MakeLogDisk();
  Segment segment = NewSegment(fs);
  CHECK_FALSE(segment.Locate(kBase)->has_value());
  Fill(segment, 1);
  CHECK_FALSE(segment.Locate(kBase + 3)->has_value());
  CHECK(*segment.PositionOfLimit(kBase + 3) == segment.size_bytes());
  CHECK(*segment.PositionOfLimit(kBase + 99) == segment.size_bytes());
}

TEST_CASE("segment: damaged bytes under a look-up are an error, not a wrong answer") {
  auto fs = MakeLogDisk();
  Segment segment = NewSegment(fs);
  Fill(segment, 200);
  auto seal = segment.Seal();
  REQUIRE(seal.Run().ok());
  segment.Sealed();
  for (int64_t at = 0; at < 17; ++at)
    fs.FlipBit(std::string(kLogDirectory) + "/00000000000000000040.log", at, 7);
  CHECK(absl::IsDataLoss(segment.Locate(kBase).status()));
}

TEST_CASE("segment: recent batches are found without reading the file") {
  auto fs = MakeLogDisk();
  Segment segment = NewSegment(fs);
  const auto positions = Fill(segment, 200);
  fs.Inject({.operation = Operation::kRead, .status = absl::InternalError("EIO"), .times = 1000});
  fs.Inject({.operation = Operation::kMap, .status = absl::InternalError("EIO"), .times = 1000});
  for (int64_t i = 140; i < 200; ++i) {
    const auto spot = segment.Locate(kBase + 3 * i + 1);
    REQUIRE(spot.ok());
    CHECK((*spot)->position == positions[static_cast<size_t>(i)]);
    CHECK(*segment.PositionOfLimit(kBase + 3 * i + 1) == positions[static_cast<size_t>(i)]);
  }
  CHECK_FALSE(segment.Locate(kBase).ok());
}

TEST_CASE("segment: every offset is found, before and after the seal, with any index") {
  auto fs = MakeLogDisk();
  const int64_t interval = GENERATE(0, 300, 1'000'000);
  Segment segment = NewSegment(fs, {.index_bytes_max = 1 << 20, .index_interval_bytes = interval});
  const auto positions = Fill(segment, 300);
  CheckLocate(segment, positions);
  const SealWork seal = segment.Seal();
  REQUIRE(seal.Run().ok());
  segment.Sealed();
  CheckLocate(segment, positions);
}

TEST_CASE("segment: a batch has an index entry when more than the interval came before it") {
  auto fs = MakeLogDisk();
  const auto batch_bytes = static_cast<int64_t>(MakeBatch({{"a"}, {"b"}, {"c"}}).size());
  const int64_t shorter = GENERATE(0, 1);
  Segment segment =
      NewSegment(fs, {.index_bytes_max = 4000, .index_interval_bytes = 2 * batch_bytes - shorter});
  for (int i = 0; i < 7; ++i) {
    const auto batch = MakeBatch({{"a"}, {"b"}, {"c"}}, {.base_offset = segment.next_offset()});
    REQUIRE(segment.Append(batch).ok());
  }
  REQUIRE(segment.Seal().Run().ok());
  const auto entries = OffsetIndex::UsableEntries(*segment.files().index, kBase, 1'000'000);
  CHECK((*entries)->entries == (shorter == 0 ? 2 : 3));
  CHECK((*entries)->last->position == 6 * batch_bytes);
}

TEST_CASE("segment: an index that is full stops growing and look-ups still work") {
  auto fs = MakeLogDisk();
  Segment segment = NewSegment(fs, {.index_bytes_max = 48, .index_interval_bytes = 0});
  const auto positions = Fill(segment, 100);
  CHECK(segment.indexes_full());
  CheckLocate(segment, positions);
}

TEST_CASE("segment: knows its newest timestamp and the first batch that holds it") {
  auto fs = MakeLogDisk();
  Segment segment = NewSegment(fs);
  CHECK_FALSE(segment.newest().has_value());
  for (const int64_t shift : {5, 9, 2, 9}) {
    const auto batch =
        MakeBatch({{"a", kNow + shift}, {"b"}}, {.base_offset = segment.next_offset()});
    REQUIRE(segment.Append(batch).ok());
  }
  CHECK(segment.newest()->timestamp == kNow + 9);
  CHECK(segment.newest()->offset == kBase + 3);
}

TEST_CASE("segment: the seal gives space back and ends the time index with the newest timestamp") {
  auto fs = MakeLogDisk();
  Segment segment = NewSegment(fs);
  Fill(segment, 20);
  REQUIRE(segment.files().log->Preallocate(0, 1 << 20).ok());
  REQUIRE(segment.Seal().Run().ok());
  segment.Sealed();
  CHECK(segment.is_sealed());
  CHECK(fs.used_bytes() < 64 << 10);
  const auto times = TimeIndex::UsableEntries(*segment.files().time_index, kBase);
  REQUIRE(times.ok());
  CHECK((*times)->last->timestamp == kNow + 19);
  CHECK((*times)->last->offset == kBase + 59);
}

}  // namespace millrace::storage
