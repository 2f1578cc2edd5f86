// Looking records up by time (storage/timestamp_search.cc).
#include <catch2/catch.hpp>

#include "storage/log.h"
#include "tests/storage/log_fixture.h"
#include "tests/support/fault_file_system.h"

namespace millrace::storage {
namespace {

using test::AppendOk;
using test::AppendTo;
using test::kLogDirectory;
using test::kNow;
using test::MakeBatch;
using test::MakeLogDisk;
using test::RunJob;

std::unique_ptr<Log> Open(FileSystem& fs) {
  auto log =
      Log::Open(fs, kLogDirectory,
                {.index_interval_bytes = 100, .timestamp_after_max_ms = std::nullopt}, {}, kNow);
  REQUIRE(log.ok());
  return *std::move(log);
}

std::optional<int64_t> Find(const Log& log, int64_t shift, Offset limit) {
  const auto found =
      Log::ScanForTimestamp(log.SlicesForTimestamp(kNow + shift, limit), kNow + shift, limit);
  REQUIRE(found.ok());
  if (!found->has_value()) return std::nullopt;
  return (*found)->offset.value();
}

std::optional<int64_t> FindMax(const Log& log, Offset limit) {
  const auto found = Log::ScanForMaxTimestamp(log.SlicesForMaxTimestamp(limit), limit);
  REQUIRE(found.ok());
  if (!found->has_value()) return std::nullopt;
  return (*found)->offset.value();
}

}  // namespace

TEST_CASE(
    "timestamp search: nothing is found in an empty log, beyond the newest, or at the limit") {
  auto fs = MakeLogDisk();
  auto log = Open(fs);
  CHECK_FALSE(Find(*log, 0, Offset(0)).has_value());
  CHECK_FALSE(FindMax(*log, Offset(0)).has_value());
  AppendOk(*log, {{"a", kNow}, {"b", kNow + 5}});
  CHECK_FALSE(Find(*log, 6, Offset(2)).has_value());
  CHECK_FALSE(Find(*log, 0, Offset(0)).has_value());
  CHECK_FALSE(FindMax(*log, Offset(0)).has_value());
}

TEST_CASE("timestamp search: a damaged batch is an error") {
  auto fs = MakeLogDisk();
  auto log = Open(fs);
  AppendOk(*log, {{"a"}});
  fs.FlipBit(std::string(kLogDirectory) + "/00000000000000000000.log", 65, 1);
  const auto found =
      Log::ScanForTimestamp(log->SlicesForTimestamp(kNow, Offset(1)), kNow, Offset(1));
  CHECK(absl::IsDataLoss(found.status()));
}

TEST_CASE("timestamp search: the first record at or after a time, inside batches of any codec") {
  auto fs = MakeLogDisk();
  auto log = Open(fs);
  for (int i = 0; i < 5; ++i) {
    auto batch = MakeBatch({{"a", kNow + 10 * i}, {"b", kNow + 10 * i + 4}},
                           {.codec = static_cast<record::CodecType>(i)});
    REQUIRE(AppendTo(*log, batch, kNow, LeaderEpoch(i)).ok());
  }
  CHECK(Find(*log, -100, Offset(10)) == 0);
  for (int64_t i = 0; i < 5; ++i) {
    CHECK(Find(*log, 10 * i, Offset(10)) == 2 * i);
    CHECK(Find(*log, 10 * i + 1, Offset(10)) == 2 * i + 1);
    CHECK(Find(*log, 10 * i + 4, Offset(10)) == 2 * i + 1);
  }
  const auto found =
      Log::ScanForTimestamp(log->SlicesForTimestamp(kNow + 21, Offset(10)), kNow + 21, Offset(10));
  CHECK((*found)->timestamp == kNow + 24);
  CHECK((*found)->leader_epoch == LeaderEpoch(2));
}

TEST_CASE("timestamp search: times that go back do not hide the first record that matches") {
  auto fs = MakeLogDisk();
  auto log = Open(fs);
  for (int64_t i = 0; i < 100; ++i) {
    AppendOk(*log, {{std::string(40, 'x'), kNow + (i % 2 == 0 ? i : 0)}});
    if (i % 30 == 29) RunJob(log->Roll(kNow));
  }
  for (int64_t i = 1; i < 98; ++i) CHECK(Find(*log, i, Offset(100)) == i + i % 2);
}

TEST_CASE("timestamp search: the newest record, and of equals the first") {
  auto fs = MakeLogDisk();
  auto log = Open(fs);
  const std::vector<int64_t> shifts = {3, 9, 1, 9, 4, 12, 2, 12, 0, 1};
  for (const int64_t shift : shifts) {
    if (log->log_end() == Offset(4)) RunJob(log->Roll(kNow));
    AppendOk(*log, {{std::string(60, 'x'), kNow + shift}});
  }
  const std::vector<int64_t> expected = {0, 1, 1, 1, 1, 5, 5, 5, 5, 5};
  for (size_t i = 0; i < expected.size(); ++i) {
    INFO(i);
    CHECK(FindMax(*log, Offset(static_cast<int64_t>(i) + 1)) == expected[i]);
  }
}

TEST_CASE("timestamp search: slices pin what they read") {
  auto fs = MakeLogDisk();
  auto log = Open(fs);
  AppendOk(*log, {{"a"}, {"b", kNow + 5}});
  const auto slices = log->SlicesForTimestamp(kNow + 5, Offset(2));
  log.reset();
  const auto found = Log::ScanForTimestamp(slices, kNow + 5, Offset(2));
  CHECK((*found)->offset == Offset(1));
}

}  // namespace millrace::storage
