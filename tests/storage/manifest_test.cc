#include "storage/manifest.h"

#include <catch2/catch.hpp>

#include "storage/log.h"
#include "storage/segment_files.h"
#include "tests/storage/log_fixture.h"
#include "tests/support/fault_file_system.h"

namespace millrace::storage {
namespace {

using test::AppendOk;
using test::kLogDirectory;
using test::kNow;
using test::MakeLogDisk;
using test::ReadAll;

constexpr LogOptions kOptions{.segment_bytes = 600, .index_interval_bytes = 100};

std::unique_ptr<Log> OpenLog(FileSystem& fs) {
  auto log = Log::Open(fs, kLogDirectory, kOptions, {}, kNow);
  REQUIRE(log.ok());
  return *std::move(log);
}

std::vector<test::TestRecord> Records(int count) {
  std::vector<test::TestRecord> records;
  for (int i = 0; i < count; ++i) {
    records.push_back({"record " + std::to_string(i), kNow + 10 * i});
  }
  return records;
}

void AppendAll(Log& log, const std::vector<test::TestRecord>& records) {
  for (const auto& record : records) AppendOk(log, {record}, kNow + 10'000);
}

ClosedLog ThroughManifest(const Log& log) {
  auto closed = log.Closed();
  REQUIRE(closed.has_value());
  TopicId id;
  id.bytes[3] = std::byte{7};
  std::vector<ManifestEntry> entries;
  entries.push_back({"orders", PartitionIndex(3), id, *std::move(closed)});
  auto decoded = DecodeManifest(EncodeManifest(entries));
  REQUIRE(decoded.ok());
  REQUIRE(decoded->size() == 1);
  CHECK(decoded->front().topic == "orders");
  CHECK(decoded->front().partition == PartitionIndex(3));
  CHECK(decoded->front().topic_id == id);
  return std::move(decoded->front().log);
}

TEST_CASE("manifest: bytes that are no manifest are refused") {
  CHECK(absl::IsDataLoss(DecodeManifest("no manifest at all").status()));
  ManifestEntry no_segments{"orders", PartitionIndex(0), TopicId{}, {}};
  CHECK(absl::IsDataLoss(DecodeManifest(EncodeManifest({no_segments})).status()));
  ManifestEntry gap{"orders", PartitionIndex(0), TopicId{}, {}};
  gap.log.segments.push_back({.base = Offset(0), .bytes = 10, .next_offset = Offset(5)});
  gap.log.segments.push_back({.base = Offset(6), .bytes = 10, .next_offset = Offset(9)});
  CHECK(absl::IsDataLoss(DecodeManifest(EncodeManifest({gap})).status()));
  ManifestEntry beyond{"orders", PartitionIndex(0), TopicId{}, {}};
  beyond.log.segments.push_back({.base = Offset(0), .bytes = 10, .next_offset = Offset(5)});
  beyond.log.log_start = Offset(6);
  CHECK(absl::IsDataLoss(DecodeManifest(EncodeManifest({beyond})).status()));
}

TEST_CASE("manifest: a log comes back from it without a file operation, and reads the same") {
  test::FaultFileSystem fs = MakeLogDisk();
  const auto records = Records(40);
  ClosedLog closed;
  {
    auto log = OpenLog(fs);
    AppendAll(*log, records);
    CHECK_FALSE(log->Closed().has_value());
    REQUIRE(log->Close().ok());
    closed = ThroughManifest(*log);
  }
  CHECK(closed.segments.size() > 2);
  auto log = Log::Restore(fs, kLogDirectory, kOptions, std::move(closed), kNow + 20'000);
  REQUIRE(log.ok());
  CHECK((*log)->log_end() == Offset(40));
  CHECK((*log)->durable_end() == Offset(40));
  CHECK((*log)->latest_epoch() == test::kEpoch);
  CHECK(ReadAll(**log, Offset(0)) == records);
  // It goes on as the log that was closed would have.
  const auto more = Records(7);
  for (const auto& record : more) AppendOk(**log, {record}, kNow + 30'000);
  auto all = records;
  all.insert(all.end(), more.begin(), more.end());
  CHECK(ReadAll(**log, Offset(0)) == all);
  REQUIRE((*log)->Close().ok());
  const auto reopened = Log::Open(fs, kLogDirectory, kOptions, {.clean = true}, kNow + 40'000);
  REQUIRE(reopened.ok());
  CHECK(ReadAll(**reopened, Offset(0)) == all);
  CHECK((*reopened)->recovery_report().rebuilt_indexes == 0);
}

TEST_CASE("manifest: what is restored and not used is as closed as it was") {
  test::FaultFileSystem fs = MakeLogDisk();
  ClosedLog closed;
  {
    auto log = OpenLog(fs);
    AppendAll(*log, Records(20));
    log->AdvanceLogStart(Offset(0));
    REQUIRE(log->Close().ok());
    closed = ThroughManifest(*log);
  }
  auto log = Log::Restore(fs, kLogDirectory, kOptions, std::move(closed), kNow + 20'000);
  REQUIRE(log.ok());
  const int64_t changes = fs.change_count();
  REQUIRE((*log)->Close().ok());
  CHECK(fs.change_count() == changes);
  CHECK((*log)->Closed().has_value());
}

TEST_CASE("manifest: retention goes on counting from when the batches were appended") {
  test::FaultFileSystem fs = MakeLogDisk();
  LogOptions options = kOptions;
  options.retention_ms = 60'000;
  ClosedLog closed;
  {
    auto log = OpenLog(fs);
    // They claim to be from the future; they are no newer than their append.
    for (int i = 0; i < 40; ++i) AppendOk(*log, {{"record", kNow + 3'000'000}}, kNow);
    REQUIRE(log->Close().ok());
    closed = ThroughManifest(*log);
  }
  auto log = Log::Restore(fs, kLogDirectory, options, std::move(closed), kNow + 61'000);
  REQUIRE(log.ok());
  CHECK((*log)->DeleteOldSegments(kNow + 59'000, Offset(40)) == std::nullopt);
  CHECK((*log)->DeleteOldSegments(kNow + 61'000, Offset(40)) != std::nullopt);
}

TEST_CASE("manifest: an active segment that somebody cut is found before it is appended to") {
  test::FaultFileSystem fs = MakeLogDisk();
  ClosedLog closed;
  {
    auto log = OpenLog(fs);
    AppendAll(*log, Records(3));
    REQUIRE(log->Close().ok());
    closed = ThroughManifest(*log);
  }
  auto file = fs.Open(SegmentFilePath(kLogDirectory, Offset(0), kLogSuffix), OpenMode::kReadWrite);
  REQUIRE(file.ok());
  REQUIRE((*file)->Truncate(50).ok());
  auto log = Log::Restore(fs, kLogDirectory, kOptions, std::move(closed), kNow);
  REQUIRE(log.ok());
  CHECK(absl::IsDataLoss((*log)->Prepare().run()));
}

TEST_CASE("log: a fresh one has no files until it is prepared") {
  test::FaultFileSystem fs = MakeLogDisk();
  const std::string directory = "/data/later-0";
  auto log =
      Log::Fresh(fs, directory, kOptions, [&] { return fs.CreateDirectories(directory); }, kNow);
  CHECK_FALSE(log->IsReady());
  CHECK(log->log_end() == Offset(0));
  CHECK(log->Read({.from = Offset(0), .limit = Offset(0)})->slice.size == 0);
  CHECK(log->SlicesForTimestamp(kNow, Offset(1)).empty());
  CHECK(log->SlicesForMaxTimestamp(Offset(1)).empty());
  CHECK_FALSE(log->DeleteOldSegments(kNow, Offset(0)).has_value());
  CHECK_FALSE(log->ActiveExpired(kNow));
  CHECK_FALSE(log->Closed().has_value());
  test::RunJob(log->Flush());
  CHECK_FALSE(fs.Exists(directory));

  test::RunJob(log->Prepare());
  CHECK(log->IsReady());
  AppendOk(*log, {{"first"}});
  test::RunJob(log->Flush());
  fs.Crash();
  const auto reopened = Log::Open(fs, directory, kOptions, {}, kNow);
  REQUIRE(reopened.ok());
  CHECK(ReadAll(**reopened, Offset(0)) == std::vector<test::TestRecord>{{"first"}});
}

TEST_CASE("log: a fresh one that is closed leaves nothing behind") {
  test::FaultFileSystem fs = MakeLogDisk();
  auto log = Log::Fresh(
      fs, "/data/later-0", kOptions, [&] { return fs.CreateDirectories("/data/later-0"); }, kNow);
  REQUIRE(log->Close().ok());
  CHECK_FALSE(fs.Exists("/data/later-0"));
}

TEST_CASE("log: a fresh one whose files could not be made is prepared again") {
  test::FaultFileSystem fs = MakeLogDisk();
  const std::string directory = "/data/later-0";
  auto log =
      Log::Fresh(fs, directory, kOptions, [&] { return fs.CreateDirectories(directory); }, kNow);
  fs.Inject({.operation = test::Operation::kOpen,
             .status = absl::ResourceExhaustedError("no space"),
             .path_contains = ".timeindex"});
  CHECK(absl::IsResourceExhausted(log->Prepare().run()));
  CHECK_FALSE(log->IsReady());
  test::RunJob(log->Prepare());
  AppendOk(*log, {{"first"}});
  CHECK(ReadAll(*log, Offset(0)) == std::vector<test::TestRecord>{{"first"}});
}

}  // namespace
}  // namespace millrace::storage
