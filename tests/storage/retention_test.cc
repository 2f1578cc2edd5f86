// Log::DeleteOldSegments and what belongs to it (storage/retention.cc).
#include <catch2/catch.hpp>

#include "storage/log.h"
#include "storage/segment_files.h"
#include "tests/storage/log_fixture.h"
#include "tests/support/fault_file_system.h"

namespace millrace::storage {
namespace {

using test::AppendOk;
using test::FaultFileSystem;
using test::kLogDirectory;
using test::kNow;
using test::MakeLogDisk;
using test::ReadAll;
using test::RunJob;
using test::TestRecord;

constexpr int64_t kHour = 3600 * 1000;

std::unique_ptr<Log> Open(FileSystem& fs, const LogOptions& options, TimestampMs now = kNow,
                          const OpenOptions& how = {}) {
  auto log = Log::Open(fs, kLogDirectory, options, how, now);
  INFO(log.status().ToString());
  REQUIRE(log.ok());
  return *std::move(log);
}

// A segment for each timestamp, all flushed.
void FillSegments(Log& log, const std::vector<TimestampMs>& timestamps, TimestampMs now = kNow) {
  for (const TimestampMs timestamp : timestamps) {
    if (log.size_bytes() > 0) RunJob(log.Roll(now));
    AppendOk(log, {{"x", timestamp}}, now);
  }
  RunJob(log.Flush());
}

int DeletedFiles(FileSystem& fs) {
  const auto names = fs.List(kLogDirectory);
  REQUIRE(names.ok());
  int count = 0;
  for (const std::string& name : *names) count += name.ends_with(kDeletedSuffix) ? 1 : 0;
  return count;
}

LogOptions KeepFor(int64_t retention_ms) {
  return {.retention_ms = retention_ms, .timestamp_after_max_ms = std::nullopt};
}

}  // namespace

TEST_CASE("retention: nothing is removed without a limit, and never the active segment") {
  auto fs = MakeLogDisk();
  auto log = Open(fs, {});
  FillSegments(*log, {kNow, kNow, kNow});
  CHECK_FALSE(log->DeleteOldSegments(kNow + 999 * kHour, log->log_end()).has_value());
  log->SetOptions({.retention_bytes = 0});
  RunJob(*log->DeleteOldSegments(kNow, log->log_end()));
  CHECK(log->log_start_offset() == Offset(2));
  CHECK_FALSE(log->DeleteOldSegments(kNow, log->log_end()).has_value());
}

TEST_CASE("retention: nothing at or above the limit is removed") {
  auto fs = MakeLogDisk();
  auto log = Open(fs, {.retention_bytes = 0});
  FillSegments(*log, {kNow, kNow, kNow, kNow});
  CHECK_FALSE(log->DeleteOldSegments(kNow, Offset(0)).has_value());
  RunJob(*log->DeleteOldSegments(kNow, Offset(2)));
  CHECK(log->log_start_offset() == Offset(2));
}

TEST_CASE("retention: a failed removal leaves a log that opens") {
  auto fs = MakeLogDisk();
  const LogOptions options{.retention_bytes = 0};
  auto log = Open(fs, options);
  FillSegments(*log, {kNow, kNow, kNow});
  const Offset recovery_point = log->recovery_point();
  fs.Inject({.operation = test::Operation::kRename,
             .status = absl::InternalError("EIO"),
             .path_contains = "00000000000000000001"});
  auto job = log->DeleteOldSegments(kNow, log->log_end());
  CHECK_FALSE(job->run().ok());
  log.reset();
  fs.Crash();
  log = Open(fs, options, kNow, {.recovery_point = recovery_point, .log_start_offset = Offset(2)});
  CHECK(log->log_start_offset() == Offset(2));
  CHECK(log->log_end() == Offset(3));
  // What came back goes with the next removal.
  RunJob(*log->DeleteOldSegments(kNow, log->log_end()));
  CHECK_FALSE(fs.Exists(SegmentFilePath(kLogDirectory, Offset(1), kLogSuffix)));
}

TEST_CASE("retention: by time, whole segments whose newest record is too old") {
  auto fs = MakeLogDisk();
  auto log = Open(fs, KeepFor(kHour));
  FillSegments(*log, {kNow - 3 * kHour, kNow - 2 * kHour, kNow, kNow});
  RunJob(*log->DeleteOldSegments(kNow, log->log_end()));
  CHECK(log->log_start_offset() == Offset(2));
  CHECK_FALSE(log->DeleteOldSegments(kNow + kHour, log->log_end()).has_value());
  CHECK(log->DeleteOldSegments(kNow + kHour + 1, log->log_end()).has_value());
}

TEST_CASE("retention: a record from the past does not take newer ones with it") {
  auto fs = MakeLogDisk();
  auto log = Open(fs, KeepFor(kHour));
  FillSegments(*log, {kNow, kNow - 99 * kHour, kNow});
  CHECK_FALSE(log->DeleteOldSegments(kNow, log->log_end()).has_value());
}

TEST_CASE("retention: a record from the future does not keep its segment for ever") {
  auto fs = MakeLogDisk();
  auto log = Open(fs, KeepFor(kHour));
  FillSegments(*log, {kNow + 9999 * kHour, kNow});
  CHECK_FALSE(log->DeleteOldSegments(kNow + kHour, log->log_end()).has_value());
  REQUIRE(log->Close().ok());
  // After a restart the append is known to be no later than the start.
  log = Open(fs, KeepFor(kHour), kNow + kHour, {.clean = true});
  CHECK_FALSE(log->DeleteOldSegments(kNow + 2 * kHour, log->log_end()).has_value());
  CHECK(log->DeleteOldSegments(kNow + 2 * kHour + 1, log->log_end()).has_value());
}

TEST_CASE("retention: by size, the oldest segments that are not needed to hold that many bytes") {
  auto fs = MakeLogDisk();
  auto log = Open(fs, {});
  FillSegments(*log, {kNow, kNow, kNow, kNow, kNow});
  const int64_t segment_bytes = log->size_bytes() / 5;
  log->SetOptions({.retention_bytes = 2 * segment_bytes + 1});
  RunJob(*log->DeleteOldSegments(kNow, log->log_end()));
  CHECK(log->log_start_offset() == Offset(2));
  CHECK(log->size_bytes() == 3 * segment_bytes);
}

TEST_CASE("retention: an active segment that has expired is rolled to be removed") {
  auto fs = MakeLogDisk();
  auto log = Open(fs, KeepFor(kHour));
  CHECK_FALSE(log->ActiveExpired(kNow + 99 * kHour));
  AppendOk(*log, {{"x"}});
  CHECK_FALSE(log->ActiveExpired(kNow + kHour));
  REQUIRE(log->ActiveExpired(kNow + kHour + 1));
  RunJob(log->Roll(kNow + kHour + 1));
  RunJob(log->Flush());
  RunJob(*log->DeleteOldSegments(kNow + kHour + 1, log->log_end()));
  CHECK(log->log_start_offset() == Offset(1));
  CHECK(log->size_bytes() == 0);
  CHECK_FALSE(log->ActiveExpired(kNow + 99 * kHour));
  AppendOk(*log, {{"y"}});
  CHECK(ReadAll(*log, Offset(1)) == std::vector<TestRecord>{{"y"}});
}

TEST_CASE("retention: files and reads of removed segments") {
  auto fs = MakeLogDisk();
  auto log = Open(fs, {.retention_bytes = 0});
  FillSegments(*log, {kNow, kNow});
  const auto held = log->Read({.from = Offset(0), .limit = Offset(1)});
  RunJob(*log->DeleteOldSegments(kNow, log->log_end()));
  // Whoever holds a slice can still read it; a new read is told that the offset is gone.
  CHECK(record::IsIntact(test::BytesOf(held->slice)));
  CHECK(log->Read({.from = Offset(0), .limit = Offset(2)})->error == ErrorCode::kOffsetOutOfRange);
  CHECK(DeletedFiles(fs) == 3);
  CHECK_FALSE(fs.Exists(SegmentFilePath(kLogDirectory, Offset(0), kLogSuffix)));
  RunJob(*log->UnlinkDeleted());
  CHECK(DeletedFiles(fs) == 0);
  CHECK_FALSE(log->UnlinkDeleted().has_value());
}

TEST_CASE("retention: files that were not removed in time go when the log is opened again") {
  auto fs = MakeLogDisk();
  auto log = Open(fs, {.retention_bytes = 0});
  FillSegments(*log, {kNow, kNow, kNow});
  RunJob(*log->DeleteOldSegments(kNow, log->log_end()));
  auto late = log->UnlinkDeleted();
  REQUIRE(log->Close().ok());
  log = Open(fs, {.retention_bytes = 0}, kNow, {.clean = true, .log_start_offset = Offset(2)});
  CHECK(DeletedFiles(fs) == 0);
  CHECK(log->log_start_offset() == Offset(2));
  // The job of the log that was closed finds nothing, which is no fault.
  CHECK(late->run().ok());
}

TEST_CASE("retention: a file that cannot be removed does not keep the others") {
  auto fs = MakeLogDisk();
  auto log = Open(fs, {.retention_bytes = 0});
  FillSegments(*log, {kNow, kNow, kNow});
  RunJob(*log->DeleteOldSegments(kNow, log->log_end()));
  const int before = DeletedFiles(fs);
  fs.Inject({.operation = test::Operation::kRemoveFile,
             .status = absl::InternalError("EIO"),
             .path_contains = "00000000000000000000.log"});
  CHECK_FALSE(log->UnlinkDeleted()->run().ok());
  CHECK(before > 2);
  CHECK(DeletedFiles(fs) == 1);
}

}  // namespace millrace::storage
