#include <catch2/catch.hpp>

#include "storage/log.h"
#include "storage/segment_files.h"
#include "tests/storage/compaction_fixture.h"

namespace millrace::storage {
namespace {

using test::AppendKeyed;
using test::AppendTo;
using test::CompactionAt;
using test::CompactOk;
using test::FaultFileSystem;
using test::KeyedBatch;
using test::KeyedRecord;
using test::kLogDirectory;
using test::kNow;
using test::MakeLogDisk;
using test::MarkerBatch;
using test::ReadKeyed;
using test::ReadLog;
using test::RollAndSeal;
using test::RunCompaction;
using test::RunJob;
using test::WriteAtEnd;

constexpr int64_t kDeleteRetentionMs = 10'000;

LogOptions CompactOptions() {
  LogOptions options{.segment_bytes = 1 << 20, .index_interval_bytes = 100};
  options.timestamp_after_max_ms.reset();
  options.require_keys = true;
  options.compaction = CompactionSettings{.delete_retention_ms = kDeleteRetentionMs};
  return options;
}

std::unique_ptr<Log> OpenLog(FaultFileSystem& fs, const LogOptions& options = CompactOptions(),
                             const OpenOptions& how = {}) {
  auto log = Log::Open(fs, kLogDirectory, options, how, kNow);
  INFO(log.status().ToString());
  REQUIRE(log.ok());
  return *std::move(log);
}

KeyedRecord Put(std::string key, std::string value) { return {std::move(key), std::move(value)}; }
KeyedRecord Tombstone(std::string key) { return {std::move(key), std::nullopt}; }

std::vector<Offset> OffsetsOf(const ReadLog& read) {
  std::vector<Offset> offsets;
  for (const auto& [offset, record] : read.records) offsets.push_back(offset);
  return offsets;
}

std::vector<Offset> Offsets(std::initializer_list<int64_t> values) {
  std::vector<Offset> offsets;
  for (int64_t value : values) offsets.emplace_back(value);
  return offsets;
}

// A batch as it stands, behind the log's end, and the log opened again as after kill -9.
std::unique_ptr<Log> AppendRaw(FaultFileSystem& fs, std::unique_ptr<Log> log,
                               std::span<const std::byte> batch) {
  RunJob(log->Flush());
  const OpenOptions how{.recovery_point = Offset(0), .cleaned_until = log->cleaned_until()};
  log.reset();
  WriteAtEnd(fs, batch);
  return OpenLog(fs, CompactOptions(), how);
}

}  // namespace

TEST_CASE("compaction: nothing is due without dirty segments that are sealed and below the limit") {
  FaultFileSystem fs = MakeLogDisk();
  auto log = OpenLog(fs);
  CHECK_FALSE(log->MeasureCompaction(log->log_end(), kNow).is_due);
  AppendKeyed(*log, {Put("a", "1")});
  CHECK(log->MeasureCompaction(log->log_end(), kNow).dirty_bytes == 0);
  RunJob(log->Roll(kNow));
  CHECK(log->MeasureCompaction(log->log_end(), kNow).dirty_bytes == 0);
  CHECK(log->MeasureCompaction(log->log_end(), kNow).must_flush);
  RunJob(log->Flush());
  CHECK_FALSE(log->MeasureCompaction(log->log_end(), kNow).must_flush);
  CHECK(log->MeasureCompaction(Offset(0), kNow).dirty_bytes == 0);
  CHECK(log->MeasureCompaction(log->log_end(), kNow).is_due);
  LogOptions not_compacted = CompactOptions();
  not_compacted.compaction.reset();
  log->SetOptions(not_compacted);
  CHECK_FALSE(log->MeasureCompaction(log->log_end(), kNow).is_due);
}

TEST_CASE("compaction: the last record of each key stays, at its offset") {
  FaultFileSystem fs = MakeLogDisk();
  auto log = OpenLog(fs);
  AppendKeyed(*log, {Put("a", "1"), Put("b", "1"), Put("a", "2")});
  AppendKeyed(*log, {Put("b", "2")});
  RollAndSeal(*log);
  AppendKeyed(*log, {Put("c", "1"), Put("b", "3")});
  RollAndSeal(*log);
  AppendKeyed(*log, {Put("a", "3")});
  const CompactionReport report = CompactOk(*log);
  CHECK(report.segments_before == 2);
  CHECK(report.segments_after == 1);
  CHECK(report.end == Offset(6));
  CHECK(log->cleaned_until() == Offset(6));
  CHECK(OffsetsOf(ReadKeyed(*log)) == Offsets({2, 4, 5, 6}));
  CHECK(log->log_end() == Offset(7));
  CHECK(log->MeasureCompaction(log->log_end(), kNow).dirty_bytes == 0);
  CHECK(log->MeasureCompaction(log->log_end(), kNow).clean_bytes == report.bytes_after);
  RunJob(*log->UnlinkDeleted());
  for (const std::string& name : test::LogFiles(fs)) {
    CHECK_FALSE(name.ends_with(kDeletedSuffix));
  }
}

TEST_CASE("compaction: a segment that ends with removed records still meets the next one") {
  FaultFileSystem fs = MakeLogDisk();
  auto log = OpenLog(fs);
  AppendKeyed(*log, {Put("a", "1")});
  AppendKeyed(*log, {Put("b", "1"), Put("b", "2")});
  RollAndSeal(*log);
  AppendKeyed(*log, {Put("b", "3"), Put("c", std::string(300, 'x'))});
  RollAndSeal(*log);
  LogOptions options = CompactOptions();
  options.segment_bytes = 100;  // nothing fits together
  log->SetOptions(options);
  CompactOk(*log);
  const ReadLog read = ReadKeyed(*log);
  CHECK(OffsetsOf(read) == Offsets({0, 3, 4}));
  CHECK(read.empties == Offsets({1}));
  log.reset();
  log = OpenLog(fs, options);
  CHECK(log->log_end() == Offset(5));
  CHECK(OffsetsOf(ReadKeyed(*log)) == Offsets({0, 3, 4}));
  // Looking up by time passes over what has no records.
  const auto found =
      Log::ScanForTimestamp(log->SlicesForTimestamp(kNow, log->log_end()), kNow, log->log_end());
  REQUIRE(found.ok());
  CHECK((*found)->offset == Offset(0));
}

TEST_CASE("compaction: a tombstone removes older values at once and goes after its retention") {
  FaultFileSystem fs = MakeLogDisk();
  auto log = OpenLog(fs);
  AppendKeyed(*log, {Put("a", "1"), Put("b", "1")});
  AppendKeyed(*log, {Tombstone("a")});
  RollAndSeal(*log);
  CompactOk(*log);
  CHECK(OffsetsOf(ReadKeyed(*log)) == Offsets({1, 2}));
  // Not before the horizon, whatever is cleaned meanwhile.
  TimestampMs now = kNow + kDeleteRetentionMs - 1;
  AppendKeyed(*log, {Put("c", "1")}, {}, now);
  RollAndSeal(*log, now);
  CompactOk(*log, now);
  CHECK(OffsetsOf(ReadKeyed(*log)) == Offsets({1, 2, 3}));
  now = kNow + kDeleteRetentionMs;
  AppendKeyed(*log, {Put("c", "2")}, {}, now);
  RollAndSeal(*log, now);
  CompactOk(*log, now);
  CHECK(OffsetsOf(ReadKeyed(*log)) == Offsets({1, 4}));
}

TEST_CASE("compaction: a full map covers a part, and the next cleaning goes on there") {
  FaultFileSystem fs = MakeLogDisk();
  auto log = OpenLog(fs);
  for (int i = 0; i < 40; ++i) {
    AppendKeyed(*log, {Put("old" + std::to_string(i), "1"), Put("key" + std::to_string(i), "1")});
  }
  for (int i = 0; i < 40; ++i) AppendKeyed(*log, {Put("key" + std::to_string(i), "2")});
  RollAndSeal(*log);
  CompactionRequest request = CompactionAt(*log);
  request.map_bytes = 24 * 20;
  Offset until(0);
  for (int round = 0; round < 20 && log->cleaned_until() < Offset(120); ++round) {
    const CompactionReport report = RunCompaction(*log, request);
    REQUIRE(report.status.ok());
    REQUIRE(report.keys <= 19);
    REQUIRE(log->cleaned_until() > until);
    until = log->cleaned_until();
    // What is not covered is all there.
    const ReadLog read = ReadKeyed(*log);
    for (Offset offset = until; offset < Offset(120); offset = offset + 1) {
      REQUIRE(read.records.contains(offset));
    }
  }
  CHECK(log->cleaned_until() == Offset(120));
  CHECK(ReadKeyed(*log).records.size() == 80);
}

TEST_CASE("compaction: data of aborted transactions goes, and its marker after it") {
  FaultFileSystem fs = MakeLogDisk();
  auto log = OpenLog(fs);
  const auto in_transaction = [](int32_t sequence) {
    return record::BatchBuilderOptions{
        .producer = record::ProducerStamp{ProducerId(5), ProducerEpoch(0), sequence},
        .transactional = true};
  };
  AppendKeyed(*log, {Put("a", "0")});
  AppendKeyed(*log, {Put("a", "aborted")}, in_transaction(0));
  log = AppendRaw(fs, std::move(log), MarkerBatch(ProducerId(5), false, Offset(2)));
  AppendKeyed(*log, {Put("b", "committed")}, in_transaction(1));
  log = AppendRaw(fs, std::move(log), MarkerBatch(ProducerId(5), true, Offset(4)));
  RollAndSeal(*log);
  AppendKeyed(*log, {Put("open", "1")}, in_transaction(2));
  RollAndSeal(*log);
  CompactOk(*log);
  // The segment with the open transaction is not touched.
  CHECK(log->cleaned_until() == Offset(5));
  ReadLog read = ReadKeyed(*log);
  CHECK(OffsetsOf(read) == Offsets({0, 3, 5}));
  CHECK(read.markers == Offsets({2, 4}));
  // The transaction ends behind what a cleaning may reach; its data is gone, the markers stay on.
  log = AppendRaw(fs, std::move(log), MarkerBatch(ProducerId(5), false, Offset(6)));
  CompactOk(*log, kNow + 1);
  read = ReadKeyed(*log);
  CHECK(OffsetsOf(read) == Offsets({0, 3}));
  CHECK(read.markers == Offsets({2, 4, 6}));
  // The last batch of the producer stays without records: its sequence is still known.
  CHECK(read.empties == Offsets({5}));
  // The first aborted marker's data was gone at the second cleaning: now its horizon has passed.
  RollAndSeal(*log);
  const TimestampMs later = kNow + 1 + kDeleteRetentionMs;
  CompactOk(*log, later);
  read = ReadKeyed(*log);
  CHECK(OffsetsOf(read) == Offsets({0, 3}));
  CHECK(read.markers == Offsets({4, 6}));
  REQUIRE(log->ActiveProducers().size() == 1);
  CHECK(log->ActiveProducers()[0].last_sequence == 2);
}

TEST_CASE("compaction: a producer that is remembered goes on where it was, also after a crash") {
  FaultFileSystem fs = MakeLogDisk();
  auto log = OpenLog(fs);
  const auto from = [](int32_t sequence) {
    return record::BatchBuilderOptions{
        .producer = record::ProducerStamp{ProducerId(9), ProducerEpoch(1), sequence}};
  };
  AppendKeyed(*log, {Put("a", "1"), Put("a", "2")}, from(0));
  AppendKeyed(*log, {Put("a", "3")}, from(2));
  AppendKeyed(*log, {Put("a", "4")});
  RollAndSeal(*log);
  CompactOk(*log);
  const ReadLog read = ReadKeyed(*log);
  CHECK(OffsetsOf(read) == Offsets({3}));
  CHECK(read.empties == Offsets({2}));
  log.reset();
  for (const std::string& name : test::LogFiles(fs)) {
    if (name.ends_with(kSnapshotSuffix)) {
      REQUIRE(fs.RemoveFile(std::string(kLogDirectory) + "/" + name).ok());
    }
  }
  log = OpenLog(fs);
  auto again = KeyedBatch({Put("a", "3")}, from(2));
  const auto result = AppendTo(*log, again);
  REQUIRE(result.ok());
  CHECK(result->duplicate);
  CHECK(result->base_offset == Offset(2));
  AppendKeyed(*log, {Put("a", "5")}, from(3));
}

TEST_CASE("compaction: what cannot be opened stays, and no tombstone behind it is removed") {
  FaultFileSystem fs = MakeLogDisk();
  auto log = OpenLog(fs);
  const std::string zeros(100'000, '\0');
  AppendKeyed(*log, {Put("big", zeros)}, {.codec = record::CodecType::kZstd});
  AppendKeyed(*log, {Tombstone("big"), Put("a", "1")});
  AppendKeyed(*log, {Put("a", "2")});
  RollAndSeal(*log);
  CompactionRequest request = CompactionAt(*log);
  request.opened_bytes_max = 1000;
  CompactionReport report = RunCompaction(*log, request);
  REQUIRE(report.status.ok());
  CHECK(report.unopened_batches == 1);
  CHECK(OffsetsOf(ReadKeyed(*log)) == Offsets({0, 1, 3}));
  request.now = kNow + kDeleteRetentionMs;
  AppendKeyed(*log, {Put("c", "2")});
  RollAndSeal(*log);
  request.limit = log->durable_end();
  REQUIRE(RunCompaction(*log, request).status.ok());
  CHECK(OffsetsOf(ReadKeyed(*log)) == Offsets({0, 1, 3, 4}));
}

TEST_CASE("compaction: records without a key go, for nothing could ever supersede them") {
  FaultFileSystem fs = MakeLogDisk();
  LogOptions options = CompactOptions();
  options.require_keys = false;
  auto log = OpenLog(fs, options);
  AppendKeyed(*log, {{std::nullopt, "x"}, Put("a", "1")});
  RollAndSeal(*log);
  CHECK(CompactOk(*log).keyless_records == 1);
  CHECK(OffsetsOf(ReadKeyed(*log)) == Offsets({1}));
}

TEST_CASE("compaction: young records wait for min.compaction.lag.ms, old ones for nothing") {
  FaultFileSystem fs = MakeLogDisk();
  LogOptions options = CompactOptions();
  options.compaction->min_lag_ms = 1000;
  options.compaction->max_lag_ms = 5000;
  options.compaction->min_dirty_ratio = 1;
  auto log = OpenLog(fs, options);
  AppendKeyed(*log, {Put("a", "1")});
  RollAndSeal(*log);
  AppendKeyed(*log, {Put("a", "2")}, {}, kNow + 10);
  CHECK(log->MeasureCompaction(log->log_end(), kNow + 999).dirty_bytes == 0);
  CompactionNeed need = log->MeasureCompaction(log->log_end(), kNow + 1000);
  CHECK(need.dirty_bytes > 0);
  CHECK_FALSE(need.is_due);
  CHECK_FALSE(need.must_roll);
  need = log->MeasureCompaction(log->log_end(), kNow + 5001);
  CHECK(need.is_due);
  CHECK_FALSE(need.must_roll);
  CHECK(log->MeasureCompaction(log->log_end(), kNow + 5011).must_roll);
  // The age counts on over a restart.
  REQUIRE(log->Close().ok());
  log.reset();
  auto reopened = Log::Open(fs, kLogDirectory, options, {.clean = true}, kNow + 4000);
  REQUIRE(reopened.ok());
  CHECK((*reopened)->MeasureCompaction((*reopened)->log_end(), kNow + 5001).is_due);
}

TEST_CASE("compaction: a reader that has begun goes on with the old file") {
  FaultFileSystem fs = MakeLogDisk();
  auto log = OpenLog(fs);
  AppendKeyed(*log, {Put("a", "1")});
  AppendKeyed(*log, {Put("a", "2")});
  RollAndSeal(*log);
  const auto read = log->Read({.from = Offset(0), .limit = log->log_end(), .max_bytes = 1 << 20});
  REQUIRE(read.ok());
  const auto before = test::BytesOf(read->slice);
  CompactOk(*log);
  RunJob(*log->UnlinkDeleted());
  CHECK(test::BytesOf(read->slice) == before);
  // From an offset that is gone, reading goes on with what comes next.
  CHECK(OffsetsOf(ReadKeyed(*log)) == Offsets({1}));
}

TEST_CASE("compaction: retention waits while a cleaning is in flight") {
  FaultFileSystem fs = MakeLogDisk();
  LogOptions options = CompactOptions();
  options.retention_ms = 1000;
  auto log = OpenLog(fs, options);
  AppendKeyed(*log, {Put("a", "1")});
  RollAndSeal(*log);
  CompactionJob cleaning = log->Compact(CompactionAt(*log));
  CHECK_FALSE(log->DeleteOldSegments(kNow + 5000, log->durable_end()).has_value());
  CHECK_FALSE(log->MeasureCompaction(log->durable_end(), kNow).is_due);
  RunJob(std::move(cleaning.job));
  CHECK(log->DeleteOldSegments(kNow + 5000, log->durable_end()).has_value());
  CHECK(log->log_start_offset() == Offset(1));
}

TEST_CASE("compaction: a damaged batch ends the cleaning, and nothing is replaced") {
  FaultFileSystem fs = MakeLogDisk();
  auto log = OpenLog(fs);
  AppendKeyed(*log, {Put("a", "1")});
  AppendKeyed(*log, {Put("a", "2")});
  RollAndSeal(*log);
  fs.FlipBit(std::string(kLogDirectory) + "/00000000000000000000.log", 100, 3);
  const CompactionReport report = RunCompaction(*log, CompactionAt(*log));
  CHECK(report.is_log_damaged);
  CHECK_FALSE(report.is_log_unusable);
  CHECK(absl::IsDataLoss(report.status));
  CHECK(report.segments_before == 0);
  CHECK(log->cleaned_until() == Offset(0));
}

TEST_CASE("compaction: when it is told to stop, what it has done counts and the rest is undone") {
  FaultFileSystem fs = MakeLogDisk();
  auto log = OpenLog(fs);
  for (int i = 0; i < 50; ++i) AppendKeyed(*log, {Put("a", std::to_string(i))});
  RollAndSeal(*log);
  for (int64_t steps = 0; steps < 500; ++steps) {
    CompactionRequest request = CompactionAt(*log);
    int64_t left = steps;
    request.pace = [&left](int64_t) { return left-- > 0; };
    const CompactionReport report = RunCompaction(*log, request);
    if (report.status.ok()) break;
    REQUIRE(absl::IsCancelled(report.status));
    REQUIRE(ReadKeyed(*log).records.size() == 50);
    for (const std::string& name : test::LogFiles(fs)) {
      REQUIRE(name.find(".cleaned") == std::string::npos);
    }
  }
  CHECK(OffsetsOf(ReadKeyed(*log)) == Offsets({49}));
}

TEST_CASE("compaction: a full disk leaves the log whole and is tried again") {
  FaultFileSystem fs = MakeLogDisk();
  auto log = OpenLog(fs);
  for (int i = 0; i < 50; ++i) AppendKeyed(*log, {Put("k" + std::to_string(i % 20), "value")});
  RollAndSeal(*log);
  for (const int64_t prefix : {0, 1, 100}) {
    fs.Inject({.operation = test::Operation::kWrite,
               .status = absl::ResourceExhaustedError("full"),
               .path_contains = ".cleaned",
               .skip = prefix == 100 ? 1 : 0,
               .written_prefix = prefix});
    const CompactionReport report = RunCompaction(*log, CompactionAt(*log));
    fs.ClearFaults();
    REQUIRE(absl::IsResourceExhausted(report.status));
    REQUIRE_FALSE(report.is_log_unusable);
    REQUIRE(ReadKeyed(*log).records.size() == 50);
  }
  CompactOk(*log);
  CHECK(ReadKeyed(*log).records.size() == 20);
}

}  // namespace millrace::storage
