#include "storage/log.h"

#include <set>
#include <string>

#include <catch2/catch.hpp>

#include "proto/record/recompress.h"
#include "tests/storage/log_fixture.h"

namespace millrace::storage {
namespace {

using test::AppendOk;
using test::AppendTo;
using test::kLogDirectory;
using test::kNow;
using test::MakeBatch;
using test::MakeLogDisk;
using test::OpenTestLog;
using test::Operation;
using test::ReadAll;
using test::RunJob;
using test::TestRecord;

std::vector<std::byte> ProducerBatch(int32_t sequence, int16_t epoch = 0) {
  return MakeBatch({{"a"}, {"b"}}, {.producer = record::ProducerStamp{.id = ProducerId(7),
                                                                      .epoch = ProducerEpoch(epoch),
                                                                      .base_sequence = sequence}});
}

}  // namespace

TEST_CASE("log: a batch with a wrong checksum is refused and changes nothing") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  AppendOk(*log, {{"kept"}});
  auto batch = MakeBatch({{"damaged"}});
  batch.back() ^= std::byte{1};
  const auto result = AppendTo(*log, batch);
  REQUIRE(result.ok());
  CHECK(result->error == ErrorCode::kCorruptMessage);
  CHECK_FALSE(result->message.empty());
  CHECK(log->log_end() == Offset(1));
  CHECK(ReadAll(*log, Offset(0)) == std::vector<TestRecord>{{"kept"}});
}

TEST_CASE("log: a batch larger than max.message.bytes is refused") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs, {.max_message_bytes = 100});
  auto batch = MakeBatch({{std::string(200, 'x')}});
  CHECK(AppendTo(*log, batch)->error == ErrorCode::kMessageTooLarge);
}

TEST_CASE("log: a batch larger than a segment is refused, also when the segment is empty") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs, {.segment_bytes = 150});
  auto batch = MakeBatch({{std::string(200, 'x')}});
  CHECK(AppendTo(*log, batch)->error == ErrorCode::kRecordListTooLarge);
  AppendOk(*log, {{"small"}});
  CHECK(AppendTo(*log, batch)->error == ErrorCode::kRecordListTooLarge);
}

TEST_CASE("log: timestamps out of bounds are refused with CreateTime only") {
  auto fs = MakeLogDisk();
  const LogOptions create{.timestamp_before_max_ms = 1000, .timestamp_after_max_ms = 1000};
  auto log = OpenTestLog(fs, create);
  for (const int64_t shift : {-1001, 1001}) {
    auto batch = MakeBatch({{"x", kNow + shift}});
    CHECK(AppendTo(*log, batch)->error == ErrorCode::kInvalidTimestamp);
  }
  AppendOk(*log, {{"early", kNow - 1000}, {"late", kNow + 1000}});
  LogOptions stamped = create;
  stamped.timestamp_type = TimestampType::kLogAppendTime;
  log->SetOptions(stamped);
  AppendOk(*log, {{"x", kNow - 50'000}});
}

TEST_CASE("log: an older leader epoch than the log's newest is refused") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  auto first = MakeBatch({{"new leader"}});
  REQUIRE(AppendTo(*log, first, kNow, LeaderEpoch(4))->error == ErrorCode::kNone);
  auto second = MakeBatch({{"old leader"}});
  CHECK(AppendTo(*log, second, kNow, LeaderEpoch(3))->error == ErrorCode::kFencedLeaderEpoch);
  CHECK(log->log_end() == Offset(1));
}

TEST_CASE("log: producers are refused a gap and an old epoch, and answered a repetition") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  auto first = ProducerBatch(0, 1);
  REQUIRE(AppendTo(*log, first)->error == ErrorCode::kNone);
  auto gap = ProducerBatch(5, 1);
  CHECK(AppendTo(*log, gap)->error == ErrorCode::kOutOfOrderSequenceNumber);
  auto old_epoch = ProducerBatch(2, 0);
  CHECK(AppendTo(*log, old_epoch)->error == ErrorCode::kInvalidProducerEpoch);
  auto second = ProducerBatch(2, 1);
  REQUIRE(AppendTo(*log, second)->error == ErrorCode::kNone);
  auto again = ProducerBatch(0, 1);
  const auto repeated = AppendTo(*log, again);
  CHECK(repeated->error == ErrorCode::kNone);
  CHECK(repeated->duplicate);
  CHECK(repeated->base_offset == Offset(0));
  CHECK(repeated->last_offset == Offset(1));
  CHECK(log->log_end() == Offset(4));
}

TEST_CASE("log: reads outside the log are refused") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  AppendOk(*log, {{"a"}, {"b"}});
  CHECK(log->Read({.from = Offset(-1), .limit = Offset(2)})->error == ErrorCode::kOffsetOutOfRange);
  CHECK(log->Read({.from = Offset(3), .limit = Offset(2)})->error == ErrorCode::kOffsetOutOfRange);
  const auto end = log->Read({.from = Offset(2), .limit = Offset(2)});
  CHECK(end->error == ErrorCode::kNone);
  CHECK(end->slice.size == 0);
}

TEST_CASE("log: after a failed write nothing is appended until the tail is repaired") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  AppendOk(*log, {{"a"}});
  fs.Inject({.operation = Operation::kWrite,
             .status = absl::ResourceExhaustedError("full"),
             .path_contains = ".log",
             .written_prefix = 30});
  auto batch = MakeBatch({{"b"}});
  CHECK(absl::IsResourceExhausted(AppendTo(*log, batch).status()));
  CHECK(absl::IsResourceExhausted(AppendTo(*log, batch).status()));
  CHECK(log->log_end() == Offset(1));
  CHECK(ReadAll(*log, Offset(0)).size() == 1);
  RunJob(log->RepairTail());
  AppendOk(*log, {{"c"}});
  CHECK(ReadAll(*log, Offset(0)) == std::vector<TestRecord>{{"a"}, {"c"}});
  RunJob(log->Flush());
  fs.Crash();
  CHECK(ReadAll(*OpenTestLog(fs), Offset(0)).size() == 2);
}

TEST_CASE("log: offsets and the leader epoch are stamped into the batch") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  AppendOk(*log, {{"a"}, {"b"}, {"c"}});
  auto batch = MakeBatch({{"d"}, {"e"}});
  const auto result = AppendTo(*log, batch, kNow, LeaderEpoch(5));
  CHECK(result->base_offset == Offset(3));
  CHECK(result->last_offset == Offset(4));
  CHECK_FALSE(result->log_append_time.has_value());
  CHECK(record::BatchView(batch).base_offset() == Offset(3));
  CHECK(record::BatchView(batch).leader_epoch() == LeaderEpoch(5));
  CHECK(record::IsIntact(batch));
}

TEST_CASE("log: LogAppendTime gives every record the broker's time") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs, {.timestamp_type = TimestampType::kLogAppendTime});
  auto batch = MakeBatch({{"a", kNow - 5}, {"b", kNow - 7}});
  CHECK(AppendTo(*log, batch)->log_append_time == kNow);
  CHECK(ReadAll(*log, Offset(0)) == std::vector<TestRecord>{{"a", kNow}, {"b", kNow}});
}

TEST_CASE("log: a read ends at the limit, at max_bytes, and holds at least one batch if asked") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  for (int i = 0; i < 10; ++i) AppendOk(*log, {{"a"}, {"b"}});
  const int64_t batch_bytes = log->size_bytes() / 10;
  const auto read = [&](ReadOptions options) { return log->Read(options)->slice; };
  CHECK(read({.from = Offset(5), .limit = Offset(9)}).position == 2 * batch_bytes);
  CHECK(read({.from = Offset(5), .limit = Offset(9)}).size == 2 * batch_bytes);
  CHECK(read({.from = Offset(5), .limit = Offset(5)}).size == 0);
  CHECK(read({.from = Offset(4), .limit = Offset(5)}).size == 0);
  CHECK(read({.from = Offset(0), .limit = Offset(20), .max_bytes = 10}).size == batch_bytes);
  CHECK(read({.from = Offset(0), .limit = Offset(20), .max_bytes = batch_bytes + 5}).size ==
        batch_bytes + 5);
  CHECK(read({.from = Offset(0), .limit = Offset(20), .max_bytes = 10, .at_least_one_batch = false})
            .size == 0);
  CHECK(read({.from = Offset(0), .limit = Offset(99)}).size == log->size_bytes());
}

TEST_CASE("log: a segment that is full or old is replaced, and reads go on in the next") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs, {.segment_bytes = 300, .segment_ms = 1000});
  std::vector<TestRecord> expected;
  for (int i = 0; i < 20; ++i) {
    AppendOk(*log, {{std::to_string(i)}});
    expected.push_back({std::to_string(i)});
  }
  CHECK(ReadAll(*log, Offset(0)) == expected);
  CHECK(ReadAll(*log, Offset(13)).size() == 7);
  CHECK_FALSE(log->NeedsRoll(10, kNow + 1000));
  CHECK(log->NeedsRoll(10, kNow + 1001));
  RunJob(log->Flush());
  CHECK(log->recovery_point() == Offset(20));
  CHECK(fs.Exists(std::string(kLogDirectory) + "/00000000000000000004.snapshot"));
  fs.Crash();
  log = OpenTestLog(fs, {.segment_bytes = 300}, {.recovery_point = Offset(20)});
  CHECK(ReadAll(*log, Offset(0)) == expected);
}

TEST_CASE("log: a failed roll changes nothing and can be tried again") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  AppendOk(*log, {{"a"}});
  fs.Inject({.operation = Operation::kOpen,
             .status = absl::ResourceExhaustedError("full"),
             .path_contains = ".timeindex"});
  DiskJob failing = log->Roll(kNow);
  CHECK(absl::IsResourceExhausted(failing.run()));
  AppendOk(*log, {{"b"}});
  RunJob(log->Roll(kNow));
  AppendOk(*log, {{"c"}});
  CHECK(ReadAll(*log, Offset(0)) == std::vector<TestRecord>{{"a"}, {"b"}, {"c"}});
}

TEST_CASE("log: a failed roll leaves no segment behind that the log grows into") {
  for (const char* suffix : {".log", ".index", ".timeindex"}) {
    auto fs = MakeLogDisk();
    auto log = OpenTestLog(fs);
    AppendOk(*log, {{"a"}});
    fs.Inject({.operation = Operation::kOpen,
               .status = absl::ResourceExhaustedError("full"),
               .path_contains = suffix});
    CHECK(absl::IsResourceExhausted(log->Roll(kNow).run()));
    AppendOk(*log, {{"b"}});
    REQUIRE(log->Close().ok());
    log = OpenTestLog(fs);
    CHECK(ReadAll(*log, Offset(0)) == std::vector<TestRecord>{{"a"}, {"b"}});
  }
}

TEST_CASE("log: a segment whose index has no room is sealed by a later flush") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  AppendOk(*log, {{"a"}});
  RunJob(log->Roll(kNow));
  AppendOk(*log, {{"b"}});
  fs.Inject({.operation = Operation::kWrite,
             .status = absl::ResourceExhaustedError("full"),
             .path_contains = ".snapshot"});
  RunJob(log->Flush());
  CHECK(log->durable_end() == Offset(2));
  CHECK(log->recovery_point() == Offset(0));
  RunJob(log->Flush());
  CHECK(log->recovery_point() == Offset(2));
}

TEST_CASE("log: what a failed append left behind is cut by a roll too") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  AppendOk(*log, {{"a"}});
  fs.Inject({.operation = Operation::kWrite,
             .status = absl::InternalError("EIO"),
             .path_contains = ".log",
             .written_prefix = 30});
  auto batch = MakeBatch({{"b"}});
  REQUIRE_FALSE(AppendTo(*log, batch).ok());
  RunJob(log->Roll(kNow));
  RunJob(log->RepairTail());
  AppendOk(*log, {{"c"}});
  log.reset();
  fs.KillProcess();
  CHECK(ReadAll(*OpenTestLog(fs), Offset(0)) == std::vector<TestRecord>{{"a"}, {"c"}});
}

TEST_CASE("log: space is reserved in growing steps, never beyond the segment's size") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs, {.segment_bytes = 4 << 20, .preallocate_step_bytes = 2 << 20});
  CHECK_FALSE(log->Preallocate().has_value());
  const std::string large(600 << 10, 'x');
  AppendOk(*log, {{large}});
  CHECK_FALSE(log->Preallocate().has_value());
  AppendOk(*log, {{large}});
  int steps = 0;
  for (int i = 0; i < 4; ++i) {
    while (auto job = log->Preallocate()) {
      RunJob(*std::move(job));
      ++steps;
    }
    AppendOk(*log, {{large}});
  }
  CHECK(steps >= 2);
  CHECK(fs.used_bytes() <= 4 << 20);
  CHECK(log->size_bytes() > 3 << 20);
  // Cutting the tail gives reserved space back.
  log->SetOptions({.segment_bytes = 8 << 20, .preallocate_step_bytes = 2 << 20});
  RunJob(*log->Preallocate());
  RunJob(log->RepairTail());
  const auto again = log->Preallocate();
  CHECK(again.has_value());
}

TEST_CASE("log: a whole segment can be reserved at once") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs, {.segment_bytes = 4 << 20, .preallocate_segments = true});
  AppendOk(*log, {{"a"}});
  RunJob(*log->Preallocate());
  CHECK(fs.used_bytes() >= 4 << 20);
  CHECK_FALSE(log->Preallocate().has_value());
  RunJob(log->Roll(kNow));
  CHECK(fs.used_bytes() < 1 << 20);
}

TEST_CASE("log: with jitter a segment is replaced earlier, each log's at another time") {
  constexpr int64_t kAge = 1'000'000;
  std::set<int64_t> ages;
  auto fs = MakeLogDisk();
  for (int i = 0; i < 8; ++i) {
    const std::string directory = kLogDirectory + std::to_string(i);
    REQUIRE(fs.CreateDirectories(directory).ok());
    auto log =
        Log::Open(fs, directory, {.segment_ms = kAge, .segment_jitter_ms = kAge / 2}, {}, kNow);
    REQUIRE(log.ok());
    AppendOk(**log, {{"a"}});
    int64_t least = 0;
    int64_t most = kAge;
    while (least < most) {
      const int64_t middle = (least + most) / 2;
      if ((*log)->NeedsRoll(100, kNow + middle + 1)) {
        most = middle;
      } else {
        least = middle + 1;
      }
    }
    CHECK(least > kAge / 2);
    CHECK(least <= kAge);
    ages.insert(least);
    (*log)->SetOptions({.segment_ms = kAge});
    CHECK_FALSE((*log)->NeedsRoll(100, kNow + kAge));
  }
  CHECK(ages.size() > 4);
}

TEST_CASE("log: early write-back covers each byte once, and only when there is much") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs, {.max_message_bytes = 2 << 20});
  const std::string large(1 << 20, 'x');
  for (int i = 0; i < 7; ++i) AppendOk(*log, {{large}});
  CHECK_FALSE(log->EarlyWriteBack(false).has_value());
  AppendOk(*log, {{large}});
  auto job = log->EarlyWriteBack(false);
  REQUIRE(job.has_value());
  RunJob(*std::move(job));
  CHECK_FALSE(log->EarlyWriteBack(false).has_value());
}

TEST_CASE("log: beside a flush, write-back begins with less, behind what the flush covers") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs, {});
  const std::string half(300 << 10, 'x');
  AppendOk(*log, {{half}});
  AppendOk(*log, {{half}});
  DiskJob flush = log->Flush();
  CHECK_FALSE(log->EarlyWriteBack(true).has_value());
  AppendOk(*log, {{half}});
  CHECK_FALSE(log->EarlyWriteBack(true).has_value());
  AppendOk(*log, {{half}});
  CHECK_FALSE(log->EarlyWriteBack(false).has_value());
  CHECK(log->EarlyWriteBack(true).has_value());
  RunJob(std::move(flush));
}

TEST_CASE("log: a clean close is opened without reading the records") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs, {.segment_bytes = 2000, .index_interval_bytes = 200});
  for (int i = 0; i < 100; ++i) AppendOk(*log, {{std::to_string(i)}});
  auto batch = ProducerBatch(0);
  REQUIRE(AppendTo(*log, batch).ok());
  REQUIRE(log->Close().ok());
  log.reset();
  fs.Crash();
  log = OpenTestLog(fs, {.segment_bytes = 2000, .index_interval_bytes = 200},
                    {.clean = true, .recovery_point = Offset(102)});
  CHECK(log->recovery_report().scanned_bytes == 0);
  CHECK(log->recovery_report().rebuilt_indexes == 0);
  CHECK(ReadAll(*log, Offset(0)).size() == 102);
  auto again = ProducerBatch(0);
  CHECK(AppendTo(*log, again)->duplicate);
}

TEST_CASE("log: where keys are required, a record without one is refused by its index") {
  auto fs = MakeLogDisk();
  auto log = Log::Open(fs, kLogDirectory, {.require_keys = true}, {}, kNow);
  REQUIRE(log.ok());
  auto batch = MakeBatch({{"a"}, {"b"}});
  auto refused = (*log)->Append(batch, {.leader_epoch = test::kEpoch, .now = kNow});
  REQUIRE(refused.ok());
  CHECK(refused->error == ErrorCode::kInvalidRecord);
  CHECK(refused->record_index == 0);
  CHECK_FALSE((*log)->MustOpen(batch));
  CHECK((*log)->MustOpen(MakeBatch({{"a"}}, {.codec = record::CodecType::kGzip})));
}

TEST_CASE("log: a batch must be opened where another codec or a look inside is wanted") {
  using record::CodecType;
  auto fs = MakeLogDisk();
  auto log = *Log::Open(fs, kLogDirectory, {}, {}, kNow);
  const auto plain = MakeBatch({{"a"}});
  const auto gzip = MakeBatch({{"a"}}, {.codec = CodecType::kGzip});
  CHECK_FALSE(log->MustOpen(plain));
  CHECK_FALSE(log->MustOpen(gzip));
  log->SetOptions({.check_compressed = true});
  CHECK_FALSE(log->MustOpen(plain));
  CHECK(log->MustOpen(gzip));
  log->SetOptions({.compression = record::Compression{.codec = CodecType::kGzip, .level = 1}});
  CHECK(log->MustOpen(plain));
  CHECK_FALSE(log->MustOpen(gzip));
  CHECK(log->HowToOpen(kNow).wanted->level == 1);
  log->SetOptions({.compression = record::Compression{.codec = CodecType::kNone, .level = {}}});
  CHECK_FALSE(log->MustOpen(plain));
  CHECK(log->MustOpen(gzip));
  // Append() says what is wrong with it.
  CHECK_FALSE(log->MustOpen({}));
  auto unknown = gzip;
  unknown[22] = std::byte{7};
  CHECK_FALSE(log->MustOpen(unknown));
  auto old = gzip;
  old[16] = std::byte{1};
  CHECK_FALSE(log->MustOpen(old));
}

}  // namespace millrace::storage
