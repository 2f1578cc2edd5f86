// What a flush makes durable, and what it leaves.
#include <catch2/catch.hpp>

#include "storage/log.h"
#include "tests/storage/log_fixture.h"

namespace millrace::storage {
namespace {

using test::AppendOk;
using test::AppendTo;
using test::kNow;
using test::MakeBatch;
using test::MakeLogDisk;
using test::OpenTestLog;
using test::Operation;
using test::ReadAll;
using test::RunJob;
using test::TestRecord;

TEST_CASE("flush: a failed sync leaves the durable end where it was") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  AppendOk(*log, {{"a"}});
  fs.Inject({.operation = Operation::kSync,
             .status = absl::InternalError("EIO"),
             .path_contains = ".log"});
  DiskJob flush = log->Flush();
  CHECK(absl::IsInternal(flush.run()));
  CHECK(log->durable_end() == Offset(0));
  CHECK(log->undurable_bytes() == log->size_bytes());
}

TEST_CASE("flush: what was flushed survives power loss, what was not may be lost") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  AppendOk(*log, {{"a"}, {"b"}});
  CHECK(log->durable_end() == Offset(0));
  RunJob(log->Flush());
  CHECK(log->durable_end() == Offset(2));
  CHECK(log->undurable_bytes() == 0);
  AppendOk(*log, {{"c"}});
  fs.Crash();
  log = OpenTestLog(fs);
  CHECK(log->log_end() == Offset(2));
  CHECK(log->durable_end() == Offset(2));
  CHECK(ReadAll(*log, Offset(0)) == std::vector<TestRecord>{{"a"}, {"b"}});
}

TEST_CASE(
    "flush: a flush covers what was appended before it was made, not what came while it ran") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  AppendOk(*log, {{"a"}});
  DiskJob flush = log->Flush();
  AppendOk(*log, {{"b"}});
  REQUIRE(flush.run().ok());
  flush.finish();
  CHECK(log->durable_end() == Offset(1));
  CHECK(log->undurable_bytes() > 0);
}

TEST_CASE("flush: what is appended beside a flush may be synced by who runs it") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  AppendOk(*log, {{"a"}});
  RunJob(log->Flush());
  AppendOk(*log, {{"b"}});
  DiskJob flush = log->Flush();
  AppendOk(*log, {{"c"}});
  const auto tail = log->UnsyncedTail();
  REQUIRE(tail.has_value());
  AppendOk(*log, {{"d"}});
  REQUIRE(flush.run().ok());
  REQUIRE(tail->file->Sync().ok());
  flush.finish();
  CHECK(log->durable_end() == Offset(2));
  log->OnSynced(*tail);
  CHECK(log->durable_end() == Offset(3));
  CHECK(log->undurable_bytes() > 0);
}

TEST_CASE("flush: what a sync that has begun covers is not written back early") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  RunJob(log->Flush());
  AppendOk(*log, {{std::string(600 << 10, 'x')}});
  RunJob(log->Flush());
  AppendOk(*log, {{std::string(600 << 10, 'x')}});
  const auto tail = log->UnsyncedTail();
  REQUIRE(tail.has_value());
  log->OnSyncBegun(*tail);
  CHECK_FALSE(log->EarlyWriteBack(true).has_value());
  AppendOk(*log, {{std::string(600 << 10, 'x')}});
  CHECK(log->EarlyWriteBack(true).has_value());
}

TEST_CASE("flush: a sync of the active file is not enough after a new epoch or a roll") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  AppendOk(*log, {{"a"}});
  CHECK_FALSE(log->UnsyncedTail().has_value());  // the first epoch is nowhere yet
  RunJob(log->Flush());
  CHECK(log->UnsyncedTail().has_value());
  RunJob(log->Roll(kNow));
  AppendOk(*log, {{"b"}});
  CHECK_FALSE(log->UnsyncedTail().has_value());
  RunJob(log->Flush());
  AppendOk(*log, {{"c"}});
  CHECK(log->UnsyncedTail().has_value());
  auto batch = MakeBatch({{"d"}});
  REQUIRE(AppendTo(*log, batch, kNow, LeaderEpoch(3)).ok());
  CHECK_FALSE(log->UnsyncedTail().has_value());
}

TEST_CASE("flush: a new leader epoch is on disk before its records count as durable") {
  auto fs = MakeLogDisk();
  auto log = OpenTestLog(fs);
  auto batch = MakeBatch({{"x"}});
  REQUIRE(AppendTo(*log, batch, kNow, LeaderEpoch(3)).ok());
  fs.Inject({.operation = Operation::kRename,
             .status = absl::InternalError("EIO"),
             .path_contains = "leader-epoch-checkpoint"});
  DiskJob failing = log->Flush();
  CHECK_FALSE(failing.run().ok());
  RunJob(log->Flush());
  fs.Crash();
  log = OpenTestLog(fs);
  CHECK(log->latest_epoch() == LeaderEpoch(3));
  CHECK(log->EpochForOffset(Offset(0)) == LeaderEpoch(3));
  CHECK(log->EndOffsetForEpoch(LeaderEpoch(9))->end == Offset(1));
}

}  // namespace
}  // namespace millrace::storage
