// A crash at every change that a script makes on the disk, and a device that fails at every
// operation in turn: whatever was durable before is there afterwards, nothing else than a prefix of
// what was appended is, and the log goes on working.
#include <algorithm>
#include <memory>
#include <utility>

#include <catch2/catch.hpp>

#include "storage/log.h"
#include "tests/storage/log_fixture.h"
#include "tests/support/fault_file_system.h"

namespace millrace::storage {
namespace {

using test::AppendTo;
using test::FaultFileSystem;
using test::kLogDirectory;
using test::kNow;
using test::MakeBatch;
using test::MakeLogDisk;
using test::Operation;
using test::ReadAll;
using test::TestRecord;

constexpr LogOptions kOptions{
    .segment_bytes = 600, .index_interval_bytes = 100, .retention_bytes = 1500};

// What survives the process: the data directory's checkpoints and what clients were told.
struct Witness {
  std::vector<TestRecord> appended;
  Offset durable{0};
  Offset recovery_point{0};
  Offset log_start{0};
  bool clean = false;
};

std::string ValueOf(int i) { return "record " + std::to_string(i); }

// False when the disk failed.
bool Carry(storage::DiskJob job) {
  if (!job.run().ok()) return false;
  job.finish();
  return true;
}

void Note(Witness& witness, const Log& log) {
  witness.durable = log.durable_end();
  witness.recovery_point = log.recovery_point();
  witness.log_start = log.log_start_offset();
}

// False when the disk failed.
bool Retain(Log& log, Witness& witness) {
  auto job = log.DeleteOldSegments(kNow, log.durable_end());
  if (!job.has_value()) return true;
  witness.log_start = log.log_start_offset();
  if (!Carry(*std::move(job))) return false;
  auto unlinking = log.UnlinkDeleted();
  return !unlinking.has_value() || Carry(*std::move(unlinking));
}

// Appends, rolls, flushes, removes and closes until it is done or the disk fails.
void RunScript(FaultFileSystem& fs, Witness& witness) {
  for (int run = 0; run < 2; ++run) {
    // The marker goes before anything is opened.
    auto opened = Log::Open(fs, kLogDirectory, kOptions,
                            {.clean = std::exchange(witness.clean, false),
                             .recovery_point = witness.recovery_point,
                             .log_start_offset = witness.log_start},
                            kNow);
    if (!opened.ok()) return;
    Log& log = **opened;
    for (int i = 0; i < 16; ++i) {
      const std::string value = ValueOf(static_cast<int>(witness.appended.size()));
      auto batch = MakeBatch({{value}});
      // Noted before: a write that failed may still have reached the disk whole.
      witness.appended.push_back({value});
      if (!AppendTo(log, batch, kNow, LeaderEpoch(run)).ok()) return;
      if (i % 3 == 2) {
        if (!Carry(log.Flush())) return;
        Note(witness, log);
      }
      if (i % 8 == 5) {  // DeleteRecords
        log.AdvanceLogStart(std::min(log.durable_end(), log.log_start_offset() + 2));
        witness.log_start = log.log_start_offset();
      }
      if (i % 8 == 7 && !Retain(log, witness)) return;
    }
    if (!log.Close().ok()) return;
    Note(witness, log);
    witness.clean = true;
  }
}

void CheckAfterCrash(FaultFileSystem& fs, const Witness& witness) {
  auto opened = Log::Open(fs, kLogDirectory, kOptions,
                          {.clean = witness.clean,
                           .recovery_point = witness.recovery_point,
                           .log_start_offset = witness.log_start},
                          kNow);
  INFO(opened.status().ToString());
  REQUIRE(opened.ok());
  Log& log = **opened;
  REQUIRE(log.log_end() >= witness.durable);
  REQUIRE(log.durable_end() == log.log_end());
  const auto records = ReadAll(log, log.log_start_offset());
  const auto first = static_cast<size_t>(log.log_start_offset().value());
  REQUIRE(first + records.size() <= witness.appended.size());
  for (size_t i = 0; i < records.size(); ++i) {
    REQUIRE(records[i] == witness.appended[first + i]);
  }
  auto batch = MakeBatch({{"after"}});
  const auto after = AppendTo(log, batch, kNow, LeaderEpoch(2));
  REQUIRE(after.ok());
  REQUIRE(after->error == ErrorCode::kNone);
}

}  // namespace

TEST_CASE("log: power loss and kill -9 at every change on the disk lose nothing that was durable") {
  int64_t changes = 0;
  {
    auto fs = MakeLogDisk();
    Witness witness;
    const int64_t before = fs.change_count();
    RunScript(fs, witness);
    REQUIRE(witness.appended.size() == 32);
    REQUIRE(witness.clean);
    changes = fs.change_count() - before;
  }
  REQUIRE(changes > 100);
  constexpr uint64_t kCrashes = 6;
  for (int64_t stop = 0; stop < changes; ++stop) {
    for (uint64_t how = 0; how < kCrashes; ++how) {
      INFO("stopped after " << stop << " changes, crash " << how);
      auto fs = MakeLogDisk();
      Witness witness;
      fs.StopAfter(stop);
      RunScript(fs, witness);
      if (how == 0) {
        fs.KillProcess();
      } else if (how == 1) {
        fs.Crash();
      } else {
        fs.Crash(how * 1'000'003 + static_cast<uint64_t>(stop));
      }
      CheckAfterCrash(fs, witness);
    }
  }
}

TEST_CASE("log: a device that fails at any operation loses nothing that was durable") {
  struct Case {
    Operation operation;
    bool may_be_full;  // whether it is one that a full disk refuses
  };
  constexpr Case kCases[] = {{Operation::kOpen, true},           {Operation::kRead, false},
                             {Operation::kWrite, true},          {Operation::kSync, false},
                             {Operation::kTruncate, true},       {Operation::kSize, false},
                             {Operation::kRename, true},         {Operation::kRemoveFile, false},
                             {Operation::kSyncDirectory, false}, {Operation::kMap, false},
                             {Operation::kList, false}};
  constexpr int64_t kOperationsMax = 400;
  for (const auto& [operation, may_be_full] : kCases) {
    for (int64_t skip = 0; skip <= kOperationsMax; ++skip) {
      for (const bool is_full : {false, true}) {
        if (is_full && !may_be_full) continue;
        INFO("operation " << static_cast<int>(operation) << ", after " << skip << ", full "
                          << is_full);
        auto fs = MakeLogDisk();
        Witness witness;
        fs.Inject({.operation = operation,
                   .status = is_full ? absl::ResourceExhaustedError("ENOSPC")
                                     : absl::InternalError("EIO"),
                   .skip = skip,
                   .times = is_full ? 3 : 1,
                   .written_prefix = skip % 71});
        RunScript(fs, witness);
        // At the last step nothing is left that could fail.
        if (skip == kOperationsMax) REQUIRE(witness.clean);
        fs.ClearFaults();
        if (skip % 2 == 0) {
          fs.KillProcess();
        } else {
          fs.Crash(static_cast<uint64_t>(skip));
        }
        CheckAfterCrash(fs, witness);
      }
    }
  }
}

}  // namespace millrace::storage
