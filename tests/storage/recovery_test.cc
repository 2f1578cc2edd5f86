#include "storage/recovery.h"

#include <algorithm>
#include <limits>
#include <map>

#include <catch2/catch.hpp>

#include "proto/record/batch_layout.h"
#include "proto/record/message_set.h"
#include "storage/log.h"
#include "storage/segment_files.h"
#include "tests/storage/log_fixture.h"
#include "tests/support/fault_file_system.h"

namespace millrace::storage {
namespace {

using test::AppendOk;
using test::AppendTo;
using test::FaultFileSystem;
using test::kLogDirectory;
using test::kNow;
using test::MakeBatch;
using test::MakeLogDisk;
using test::Operation;
using test::ReadAll;
using test::RunJob;
using test::TestRecord;

constexpr LogOptions kOptions{.segment_bytes = 1000, .index_interval_bytes = 100};

std::string Path(int64_t offset, std::string_view suffix) {
  return SegmentFilePath(kLogDirectory, Offset(offset), suffix);
}

absl::StatusOr<std::unique_ptr<Log>> TryOpen(FileSystem& fs, const OpenOptions& how) {
  return Log::Open(fs, kLogDirectory, kOptions, how, kNow);
}

std::unique_ptr<Log> Open(FileSystem& fs, const OpenOptions& how = {}) {
  auto log = TryOpen(fs, how);
  INFO(log.status().ToString());
  REQUIRE(log.ok());
  return *std::move(log);
}

std::vector<TestRecord> Records(int count) {
  std::vector<TestRecord> records;
  for (int i = 0; i < count; ++i) records.push_back({std::to_string(i), kNow + i});
  return records;
}

// A closed log of `count` batches of one record each, about thirteen in a segment.
void WriteLog(FaultFileSystem& fs, int count) {
  auto log = Open(fs);
  for (const TestRecord& record : Records(count)) AppendOk(*log, {record});
  REQUIRE(log->Close().ok());
}

void AppendBytes(FaultFileSystem& fs, const std::string& path, std::span<const std::byte> bytes) {
  auto file = fs.Open(path, OpenMode::kReadWrite);
  REQUIRE(file.ok());
  REQUIRE((*file)->WriteAt(*(*file)->Size(), bytes).ok());
}

int64_t SizeOf(FaultFileSystem& fs, const std::string& path) {
  return *(*fs.Open(path, OpenMode::kReadOnly))->Size();
}

std::vector<std::string> Names(FaultFileSystem& fs) {
  auto names = fs.List(kLogDirectory);
  REQUIRE(names.ok());
  return *std::move(names);
}

// Everything in the directory, by name.
std::map<std::string, std::string> Snapshot(FaultFileSystem& fs) {
  std::map<std::string, std::string> files;
  for (const std::string& name : Names(fs)) {
    files[name] = *ReadWholeFile(fs, std::string(kLogDirectory) + "/" + name);
  }
  return files;
}

}  // namespace

TEST_CASE("recovery: a bad batch in a segment that others follow is refused, nothing is changed") {
  auto fs = MakeLogDisk();
  WriteLog(fs, 40);
  fs.FlipBit(Path(0, ".log"), 300, 3);
  const auto before = Snapshot(fs);
  CHECK(absl::IsDataLoss(TryOpen(fs, {}).status()));
  CHECK(Snapshot(fs) == before);
}

TEST_CASE("recovery: a bad batch below the recovery point is refused, nothing is changed") {
  auto fs = MakeLogDisk();
  WriteLog(fs, 8);
  fs.FlipBit(Path(0, ".log"), 300, 3);
  const auto before = Snapshot(fs);
  const absl::Status status = TryOpen(fs, {.recovery_point = Offset(8)}).status();
  CHECK(absl::IsDataLoss(status));
  CHECK_THAT(status.ToString(), Catch::Contains("below the recovery point 8"));
  CHECK(Snapshot(fs) == before);
}

TEST_CASE("recovery: messages of older formats are refused where they stand, and never cut") {
  for (const int8_t magic : {record::kMagicV0, record::kMagicV1}) {
    std::vector<std::byte> message;
    record::AppendMessage({.offset = Offset(5),
                           .magic = magic,
                           .attributes = 0,
                           .timestamp = kNow,
                           .key = std::nullopt,
                           .value = test::BytesOf("old")},
                          message);
    for (const bool clean : {false, true}) {
      auto fs = MakeLogDisk();
      WriteLog(fs, 5);
      AppendBytes(fs, Path(0, ".log"), message);
      const auto before = Snapshot(fs);
      const auto log = TryOpen(fs, {.clean = clean});
      REQUIRE(absl::IsDataLoss(log.status()));
      CHECK_THAT(std::string(log.status().message()), Catch::Matchers::Contains("Kafka 0.11"));
      CHECK(Snapshot(fs) == before);
    }
    // A torn one is no message, and may be cut.
    auto fs = MakeLogDisk();
    WriteLog(fs, 5);
    message.pop_back();
    AppendBytes(fs, Path(0, ".log"), message);
    CHECK(ReadAll(*Open(fs), Offset(0)) == Records(5));
  }
}

TEST_CASE("recovery: a log that ends below its checkpoints is refused") {
  auto fs = MakeLogDisk();
  WriteLog(fs, 8);
  CHECK(absl::IsDataLoss(TryOpen(fs, {.recovery_point = Offset(9)}).status()));
  CHECK(absl::IsDataLoss(TryOpen(fs, {.clean = true, .recovery_point = Offset(9)}).status()));
  CHECK(absl::IsDataLoss(TryOpen(fs, {.log_start_offset = Offset(9)}).status()));
}

TEST_CASE("recovery: a log start so large that the next offsets overflow is refused") {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  auto fs = MakeLogDisk();
  CHECK(absl::IsDataLoss(TryOpen(fs, {.log_start_offset = Offset(kMax)}).status()));
  CHECK(Names(fs).empty());
}

TEST_CASE("recovery: an index that leads past batches of another segment is not believed") {
  auto fs = MakeLogDisk();
  // A batch at offset 0 in a segment that begins at 5, and in its record, to which the index
  // points, a batch at 6.
  std::vector<std::byte> inner = MakeBatch({{"inner"}}, {.base_offset = Offset(6)});
  const std::string value(reinterpret_cast<const char*>(inner.data()), inner.size());
  std::vector<std::byte> outer = MakeBatch({{value}});
  const auto nested = std::search(outer.begin(), outer.end(), inner.begin(), inner.end());
  REQUIRE(nested != outer.end());
  outer.erase(nested + static_cast<ptrdiff_t>(inner.size()), outer.end());
  const auto outer_length = static_cast<int32_t>(outer.size() - record::kBatchPrefixBytes);
  record::StoreBigEndian(outer.data() + record::kBatchLengthAt, outer_length);
  std::vector<std::byte> entry(8);
  record::StoreBigEndian(entry.data(), int32_t{1});
  record::StoreBigEndian(entry.data() + 4, static_cast<int32_t>(nested - outer.begin()));
  REQUIRE(CreateSegmentFiles(fs, kLogDirectory, Offset(5)).ok());
  AppendBytes(fs, Path(5, ".log"), outer);
  AppendBytes(fs, Path(5, ".index"), entry);
  CHECK(absl::IsDataLoss(TryOpen(fs, {.clean = true}).status()));
}

TEST_CASE("recovery: a missing segment in the middle is refused") {
  auto fs = MakeLogDisk();
  WriteLog(fs, 40);
  const auto names = Names(fs);
  REQUIRE(std::count_if(names.begin(), names.end(),
                        [](const auto& name) { return name.ends_with(".log"); }) >= 3);
  std::vector<std::string> logs;
  for (const auto& name : names) {
    if (name.ends_with(".log")) logs.push_back(name);
  }
  REQUIRE(fs.RemoveFile(std::string(kLogDirectory) + "/" + logs[1]).ok());
  CHECK(absl::IsDataLoss(TryOpen(fs, {}).status()));
  CHECK(absl::IsDataLoss(TryOpen(fs, {.clean = true}).status()));
}

TEST_CASE("recovery: an error of the device is passed on") {
  auto fs = MakeLogDisk();
  WriteLog(fs, 8);
  for (const Operation operation : {Operation::kRead, Operation::kSync, Operation::kList,
                                    Operation::kOpen, Operation::kSyncDirectory}) {
    fs.Inject({.operation = operation, .status = absl::InternalError("EIO")});
    CHECK(absl::IsInternal(TryOpen(fs, {}).status()));
    fs.ClearFaults();
  }
  CHECK(ReadAll(*Open(fs), Offset(0)) == Records(8));
}

TEST_CASE("recovery: an empty directory gets a first segment") {
  auto fs = MakeLogDisk();
  auto log = Open(fs);
  CHECK(log->log_end() == Offset(0));
  CHECK(log->recovery_report().segments == 1);
  CHECK(fs.Exists(Path(0, ".log")));
}

TEST_CASE(
    "recovery: checkpoints of an older log with its name do not hide what an empty one gets") {
  auto fs = MakeLogDisk();
  REQUIRE(Open(fs)->Close().ok());
  auto log = Open(fs, {.recovery_point = Offset(9), .log_start_offset = Offset(9)});
  CHECK(log->log_start_offset() == Offset(0));
  CHECK(AppendOk(*log, Records(1)).base_offset == Offset(0));
  CHECK(ReadAll(*log, Offset(0)) == Records(1));
}

TEST_CASE("recovery: a torn last batch is cut on open, at every length") {
  const auto torn = MakeBatch({{"torn"}}, {.base_offset = Offset(5)});
  for (size_t kept = 1; kept < torn.size(); ++kept) {
    auto fs = MakeLogDisk();
    WriteLog(fs, 5);
    const int64_t size = SizeOf(fs, Path(0, ".log"));
    AppendBytes(fs, Path(0, ".log"), std::span(torn).first(kept));
    auto log = Open(fs, {.recovery_point = Offset(5)});
    CHECK(log->recovery_report().cut_bytes == static_cast<int64_t>(kept));
    CHECK_FALSE(log->recovery_report().kept_cut_bytes);
    CHECK(SizeOf(fs, Path(0, ".log")) == size);
    REQUIRE(ReadAll(*log, Offset(0)) == Records(5));
  }
}

TEST_CASE("recovery: zeros behind the last batch are cut") {
  auto fs = MakeLogDisk();
  WriteLog(fs, 5);
  AppendBytes(fs, Path(0, ".log"), std::vector<std::byte>(10'000));
  auto log = Open(fs);
  CHECK(log->recovery_report().cut_bytes == 10'000);
  CHECK(ReadAll(*log, Offset(0)) == Records(5));
}

TEST_CASE("recovery: a batch with offsets that were given already is cut") {
  auto fs = MakeLogDisk();
  WriteLog(fs, 5);
  AppendBytes(fs, Path(0, ".log"), MakeBatch({{"again"}}, {.base_offset = Offset(3)}));
  CHECK(ReadAll(*Open(fs), Offset(0)) == Records(5));
}

TEST_CASE("recovery: intact batches behind the bad one are kept beside the log") {
  auto fs = MakeLogDisk();
  WriteLog(fs, 5);
  auto bad = MakeBatch({{"bad"}}, {.base_offset = Offset(5)});
  bad.back() ^= std::byte{1};
  const auto good = MakeBatch({{"good"}}, {.base_offset = Offset(6)});
  std::vector<std::byte> tail = bad;
  tail.insert(tail.end(), good.begin(), good.end());
  AppendBytes(fs, Path(0, ".log"), tail);
  auto log = Open(fs);
  CHECK(log->recovery_report().kept_cut_bytes);
  CHECK(log->recovery_report().cut_bytes == static_cast<int64_t>(tail.size()));
  CHECK(ReadAll(*log, Offset(0)) == Records(5));
  fs.Crash();
  const std::string kept = *ReadWholeFile(fs, Path(5, ".cut"));
  CHECK(kept == std::string(reinterpret_cast<const char*>(tail.data()), tail.size()));
  CHECK(ReadAll(*Open(fs), Offset(0)) == Records(5));
}

TEST_CASE("recovery: what it keeps is durable, also when power is lost again at once") {
  auto fs = MakeLogDisk();
  auto log = Open(fs);
  for (const TestRecord& record : Records(30)) AppendOk(*log, {record});
  log.reset();
  fs.KillProcess();
  log = Open(fs);
  CHECK(log->durable_end() == Offset(30));
  log.reset();
  fs.Crash();
  CHECK(ReadAll(*Open(fs, {.recovery_point = Offset(30)}), Offset(0)) == Records(30));
}

TEST_CASE("recovery: the name of a new log's directory is durable before its records are") {
  FaultFileSystem fs;
  REQUIRE(fs.CreateDirectories("/data").ok());
  fs.SyncAll();
  auto log = Open(fs);
  for (const TestRecord& record : Records(3)) AppendOk(*log, {record});
  RunJob(log->Flush());
  CHECK(log->durable_end() == Offset(3));
  log.reset();
  fs.Crash();
  CHECK(ReadAll(*Open(fs), Offset(0)) == Records(3));
}

TEST_CASE("recovery: damaged and missing indexes give the same reads") {
  auto fs = MakeLogDisk();
  WriteLog(fs, 40);
  const auto pristine = Snapshot(fs);
  const auto check = [&](const std::string& what) {
    INFO(what);
    auto log = Open(fs, {.clean = true, .recovery_point = Offset(40)});
    for (int64_t from = 0; from < 40; ++from) {
      REQUIRE(ReadAll(*log, Offset(from)).size() == static_cast<size_t>(40 - from));
    }
    for (int64_t at = 0; at < 40; ++at) {
      const TimestampMs target = kNow + at;
      const auto found =
          Log::ScanForTimestamp(log->SlicesForTimestamp(target, Offset(40)), target, Offset(40));
      REQUIRE(found.ok());
      REQUIRE(found->has_value());
      REQUIRE((*found)->offset == Offset(at));
    }
  };
  const auto restore = [&] {
    for (const auto& [name, bytes] : pristine) {
      auto file = *fs.Open(std::string(kLogDirectory) + "/" + name, OpenMode::kCreate);
      REQUIRE(file->Truncate(0).ok());
      REQUIRE(file->WriteAt(0, test::BytesOf(bytes)).ok());
    }
  };
  for (const auto& [name, bytes] : pristine) {
    if (!name.ends_with("index")) continue;
    const std::string path = std::string(kLogDirectory) + "/" + name;
    const auto size = static_cast<int64_t>(bytes.size());
    REQUIRE(fs.RemoveFile(path).ok());
    check(name + " removed");
    restore();
    REQUIRE((*fs.Open(path, OpenMode::kReadWrite))->Truncate(size - 5).ok());
    check(name + " cut within an entry");
    restore();
    AppendBytes(fs, path, std::vector<std::byte>(240));
    check(name + " with zeros behind");
    for (int64_t at = 0; at < size; ++at) {
      restore();
      fs.FlipBit(path, at, static_cast<int>(at % 8));
      check(name + " with a bit flipped in byte " + std::to_string(at));
    }
    restore();
  }
}

TEST_CASE("recovery: indexes of a killed broker are rebuilt as they were") {
  auto fs = MakeLogDisk();
  WriteLog(fs, 40);
  const auto pristine = Snapshot(fs);
  for (const auto& [name, bytes] : pristine) {
    if (!name.ends_with("index")) continue;
    auto file = *fs.Open(std::string(kLogDirectory) + "/" + name, OpenMode::kReadWrite);
    REQUIRE(file->WriteAt(0, std::vector<std::byte>(300, std::byte{7})).ok());
  }
  auto log = Open(fs);
  CHECK(log->recovery_report().rebuilt_indexes == log->recovery_report().segments);
  REQUIRE(log->Close().ok());
  CHECK(Snapshot(fs) == pristine);
}

TEST_CASE("recovery: only segments from the recovery point on are read again") {
  auto fs = MakeLogDisk();
  WriteLog(fs, 40);
  auto log = Open(fs, {.recovery_point = Offset(40)});
  CHECK(log->recovery_report().scanned_bytes > 0);
  CHECK(log->recovery_report().scanned_bytes < log->size_bytes());
  CHECK(ReadAll(*log, Offset(0)) == Records(40));
}

TEST_CASE("recovery: indexes of a segment that was rolled but not sealed are made durable") {
  auto fs = MakeLogDisk();
  auto log = Open(fs);
  // The seventh batch has an index entry, so that the seal has nothing to add.
  for (const TestRecord& record : Records(7)) AppendOk(*log, {record});
  log.reset();
  fs.KillProcess();
  log = Open(fs);
  const Offset recovery_point = log->recovery_point();
  REQUIRE(recovery_point == Offset(7));
  RunJob(log->Roll(kNow));
  log.reset();
  fs.KillProcess();
  log = Open(fs, {.recovery_point = recovery_point});
  REQUIRE(log->Close().ok());
  log.reset();
  fs.Crash();
  log = Open(fs, {.clean = true, .recovery_point = recovery_point});
  CHECK(log->recovery_report().rebuilt_indexes == 0);
}

TEST_CASE("recovery: a clean start with a torn tail cuts it all the same") {
  auto fs = MakeLogDisk();
  WriteLog(fs, 5);
  AppendBytes(fs, Path(0, ".log"), std::vector<std::byte>(100, std::byte{9}));
  auto log = Open(fs, {.clean = true, .recovery_point = Offset(5)});
  CHECK(log->recovery_report().cut_bytes == 100);
  CHECK(ReadAll(*log, Offset(0)) == Records(5));
}

TEST_CASE("recovery: what unfinished work left behind is removed") {
  auto fs = MakeLogDisk();
  WriteLog(fs, 5);
  const std::vector<std::string> strays = {
      Path(0, ".log.deleted"),
      Path(7, ".log.cleaned"),
      Path(7, ".index.swap"),
      Path(99, ".index"),
      Path(99, ".timeindex"),
      Path(99, ".snapshot"),
      std::string(kLogDirectory) + "/leader-epoch-checkpoint.tmp"};
  for (const std::string& path : strays) REQUIRE(fs.Open(path, OpenMode::kCreate).ok());
  const std::string foreign = std::string(kLogDirectory) + "/partition.metadata";
  REQUIRE(fs.Open(foreign, OpenMode::kCreate).ok());
  CHECK(ReadAll(*Open(fs), Offset(0)) == Records(5));
  for (const std::string& path : strays) {
    INFO(path);
    CHECK_FALSE(fs.Exists(path));
  }
  CHECK(fs.Exists(foreign));
}

TEST_CASE("recovery: producers and leader epochs come back without snapshot and checkpoint") {
  auto fs = MakeLogDisk();
  {
    auto log = Open(fs);
    for (int32_t i = 0; i < 40; ++i) {
      auto batch = MakeBatch(
          {{"x"}}, {.producer = record::ProducerStamp{
                        .id = ProducerId(3), .epoch = ProducerEpoch(0), .base_sequence = i}});
      REQUIRE(AppendTo(*log, batch, kNow, LeaderEpoch(i / 10)).ok());
    }
    REQUIRE(log->Close().ok());
  }
  const bool clean = GENERATE(false, true);
  const bool damaged = GENERATE(false, true);
  for (const std::string& name : Names(fs)) {
    if (!name.ends_with(".snapshot") && name != kLeaderEpochFile) continue;
    const std::string path = std::string(kLogDirectory) + "/" + name;
    if (damaged) {
      fs.FlipBit(path, 0, 6);
    } else {
      REQUIRE(fs.RemoveFile(path).ok());
    }
  }
  auto log = Open(fs, {.clean = clean, .recovery_point = Offset(40)});
  CHECK(log->latest_epoch() == LeaderEpoch(3));
  CHECK(log->EndOffsetForEpoch(LeaderEpoch(1))->end == Offset(20));
  auto repeated = MakeBatch(
      {{"x"}}, {.producer = record::ProducerStamp{
                    .id = ProducerId(3), .epoch = ProducerEpoch(0), .base_sequence = 37}});
  const auto result = AppendTo(*log, repeated, kNow, LeaderEpoch(3));
  CHECK(result->duplicate);
  CHECK(result->base_offset == Offset(37));
  CHECK(*ReadWholeFile(fs, std::string(kLogDirectory) + "/" + std::string(kLeaderEpochFile)) ==
        "0\n4\n0 0\n1 10\n2 20\n3 30\n");
}

TEST_CASE("recovery: a leader epoch whose records were lost is forgotten") {
  auto fs = MakeLogDisk();
  auto log = Open(fs);
  AppendOk(*log, {{"kept"}});
  RunJob(log->Flush());
  auto batch = MakeBatch({{"lost"}});
  REQUIRE(AppendTo(*log, batch, kNow, LeaderEpoch(1)).ok());
  fs.Inject({.operation = Operation::kSync,
             .status = absl::InternalError("EIO"),
             .path_contains = ".log"});
  CHECK_FALSE(log->Flush().run().ok());
  fs.Crash();
  log = Open(fs);
  CHECK(log->log_end() == Offset(1));
  CHECK(log->latest_epoch() == LeaderEpoch(0));
}

TEST_CASE("recovery: a producer's batches that were cut are forgotten") {
  auto fs = MakeLogDisk();
  auto log = Open(fs);
  const auto batch_of = [](int32_t sequence) {
    return MakeBatch(
        {{"x"}}, {.producer = record::ProducerStamp{
                      .id = ProducerId(3), .epoch = ProducerEpoch(0), .base_sequence = sequence}});
  };
  auto first = batch_of(0);
  REQUIRE(AppendTo(*log, first).ok());
  RunJob(log->Flush());
  auto second = batch_of(1);
  REQUIRE(AppendTo(*log, second).ok());
  fs.Crash();
  log = Open(fs);
  auto again = batch_of(1);
  const auto result = AppendTo(*log, again);
  CHECK(result->error == ErrorCode::kNone);
  CHECK_FALSE(result->duplicate);
  CHECK(result->base_offset == Offset(1));
}

}  // namespace millrace::storage
