// A crash, and a failing disk, at every change that a cleaning makes on the disk: the log opens
// again, and what is read from it is what was before or what would have been after.
#include <memory>

#include <catch2/catch.hpp>

#include "storage/log.h"
#include "tests/storage/compaction_fixture.h"

namespace millrace::storage {
namespace {

using test::AppendKeyed;
using test::CompactionAt;
using test::FaultFileSystem;
using test::KeyedRecord;
using test::kLogDirectory;
using test::kNow;
using test::MakeLogDisk;
using test::ReadKeyed;
using test::RollAndSeal;

LogOptions Options() {
  LogOptions options{.segment_bytes = 700, .index_interval_bytes = 50};
  options.compaction = CompactionSettings{};
  return options;
}

constexpr int kRecords = 60;
constexpr int kKeys = 7;

// Several segments, of which a cleaning makes two or more.
std::unique_ptr<Log> Prepare(FaultFileSystem& fs) {
  auto opened = Log::Open(fs, kLogDirectory, Options(), {}, kNow);
  REQUIRE(opened.ok());
  Log& log = **opened;
  for (int i = 0; i < kRecords; ++i) {
    const std::string value = "value " + std::to_string(i);
    // Some keys are written once, so that segments keep some weight.
    const std::string key = i % 3 == 0 ? value : "key" + std::to_string(i % kKeys);
    AppendKeyed(log, {{key, value}});
    if (i % 10 == 9) RollAndSeal(log);
  }
  AppendKeyed(log, {{"key0", "the last"}});
  test::RunJob(log.Flush());
  return *std::move(opened);
}

void CheckReopened(FaultFileSystem& fs, Offset recovery_point) {
  auto opened = Log::Open(fs, kLogDirectory, Options(), {.recovery_point = recovery_point}, kNow);
  INFO(opened.status().ToString());
  REQUIRE(opened.ok());
  Log& log = **opened;
  REQUIRE(log.log_end() == Offset(kRecords + 1));
  REQUIRE(log.log_start_offset() == Offset(0));
  std::map<std::string, std::string> last;
  for (const auto& [offset, record] : ReadKeyed(log).records) {
    if (offset < Offset(kRecords)) {
      REQUIRE(record.value == "value " + std::to_string(offset.value()));
    }
    last[*record.key] = *record.value;
  }
  for (int i = 0; i < kRecords; ++i) {
    const std::string value = "value " + std::to_string(i);
    if (i % 3 == 0) REQUIRE(last.at(value) == value);
  }
  REQUIRE(last.at("key0") == "the last");
  for (int key = 1; key < kKeys; ++key) {
    int newest = 0;
    for (int i = 0; i < kRecords; ++i) {
      if (i % 3 != 0 && i % kKeys == key) newest = i;
    }
    REQUIRE(last.at("key" + std::to_string(key)) == "value " + std::to_string(newest));
  }
  for (const std::string& name : test::LogFiles(fs)) {
    INFO(name);
    REQUIRE(name.find(".swap") == std::string::npos);
    REQUIRE(name.find(".cleaned") == std::string::npos);
  }
  // And it can be cleaned and written on.
  test::CompactOk(log);
  REQUIRE(ReadKeyed(log).records.size() < size_t{kRecords});
  AppendKeyed(log, {{"after", "x"}});
}

}  // namespace

TEST_CASE("compaction: power loss and kill -9 at every change on the disk leave a whole log") {
  int64_t changes = 0;
  {
    auto fs = MakeLogDisk();
    auto log = Prepare(fs);
    const int64_t before = fs.change_count();
    const CompactionReport report = test::CompactOk(*log);
    REQUIRE(report.segments_before > 6);
    REQUIRE(report.segments_after >= 2);
    REQUIRE(report.segments_after < report.segments_before);
    changes = fs.change_count() - before;
  }
  REQUIRE(changes > 50);
  constexpr uint64_t kCrashes = 6;
  for (int64_t stop = 0; stop <= changes; ++stop) {
    for (uint64_t how = 0; how < kCrashes; ++how) {
      INFO("stopped after " << stop << " changes, crash " << how);
      auto fs = MakeLogDisk();
      auto log = Prepare(fs);
      const Offset recovery_point = log->recovery_point();
      CompactionJob cleaning = log->Compact(CompactionAt(*log));
      fs.StopAfter(stop);
      REQUIRE(cleaning.job.run().ok());
      log.reset();
      if (how == 0) {
        fs.KillProcess();
      } else if (how == 1) {
        fs.Crash();
      } else {
        fs.Crash(how * 1'000'003 + static_cast<uint64_t>(stop));
      }
      // A crash in the middle of the recovery from the crash.
      if (how >= 4) {
        fs.StopAfter(stop % 12);
        auto again =
            Log::Open(fs, kLogDirectory, Options(), {.recovery_point = recovery_point}, kNow);
        if (again.ok()) again->reset();
        fs.Crash(how * 7'000'003 + static_cast<uint64_t>(stop));
      }
      CheckReopened(fs, recovery_point);
    }
  }
}

TEST_CASE("compaction: a device that fails at any operation leaves a whole log") {
  using test::Operation;
  for (const Operation operation :
       {Operation::kOpen, Operation::kRead, Operation::kWrite, Operation::kSync,
        Operation::kTruncate, Operation::kRename, Operation::kSyncDirectory}) {
    for (int64_t skip = 0;; ++skip) {
      INFO("operation " << static_cast<int>(operation) << ", after " << skip);
      auto fs = MakeLogDisk();
      auto log = Prepare(fs);
      const Offset recovery_point = log->recovery_point();
      fs.Inject({.operation = operation,
                 .status = absl::InternalError("EIO"),
                 .skip = skip,
                 .written_prefix = skip % 7});
      CompactionJob cleaning = log->Compact(CompactionAt(*log));
      REQUIRE(cleaning.job.run().ok());
      fs.ClearFaults();
      const absl::Status status = cleaning.report->status;
      if (!cleaning.report->is_log_unusable) {
        cleaning.job.finish();
        // What readers see meanwhile is whole, too.
        REQUIRE(ReadKeyed(*log).records.size() > size_t{kRecords} / 3);
      }
      log.reset();
      fs.KillProcess();
      CheckReopened(fs, recovery_point);
      if (status.ok()) break;
      REQUIRE(skip < 1000);
    }
  }
}

}  // namespace millrace::storage
