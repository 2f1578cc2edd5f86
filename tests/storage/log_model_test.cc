// The log against a model (a map from offset to record) under random appends, reads, rolls,
// flushes, retention, reopening, kill -9 and power loss. MILLRACE_MODEL_SEQUENCES sets how many
// sequences are tried (default 10,000; under sanitizers fewer, see CMakePresets.json),
// MILLRACE_MODEL_SEED the first seed; a failure prints its seed.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>

#include <catch2/catch.hpp>

#include "storage/log.h"
#include "tests/storage/log_fixture.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/seeded.h"

namespace millrace::storage {
namespace {

using test::AppendTo;
using test::FaultFileSystem;
using test::kLogDirectory;
using test::kNow;
using test::MakeBatch;
using test::MakeLogDisk;
using test::ReadAll;
using test::RunJob;
using test::TestRecord;

class Sequence {
 public:
  explicit Sequence(uint64_t seed) : seed_(seed), fs_(MakeLogDisk()) {
    options_.segment_bytes = 200 + Pick(3000);
    options_.index_interval_bytes = Pick(500);
    options_.segment_index_bytes = 64 + Pick(200);
    if (Pick(2) == 0) options_.retention_ms = 5000 + Pick(100'000);
    if (Pick(3) == 0) options_.retention_bytes = Pick(20'000);
    options_.timestamp_after_max_ms.reset();
    Open(false);
  }

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) {
      now_ = now_ + Pick(500);
      Step();
      Check();
    }
    Crash();
    ReadEverything();
  }

 private:
  int64_t Pick(int64_t below) {
    return static_cast<int64_t>(test::Mix(seed_, ++picks_) % static_cast<uint64_t>(below));
  }

  void Step() {
    switch (Pick(16)) {
      case 0:
        return Flush();
      case 1:
        return Roll();
      case 2:
        return Retain();
      case 3:
        return Pick(4) == 0 ? Crash() : Kill();
      case 4:
        return Reopen();
      case 5:
        return ReadEverything();
      case 6:
        return FailWrite();
      case 7:
        return FindByTime();
      default:
        break;
    }
    Append();
    if (Pick(3) == 0) ReadSome();
  }

  std::vector<TestRecord> RandomRecords() {
    std::vector<TestRecord> records(static_cast<size_t>(1 + Pick(4)));
    for (TestRecord& record : records) {
      record.value = std::string(static_cast<size_t>(Pick(60)), static_cast<char>('a' + Pick(26)));
      record.timestamp = now_ - Pick(2000) + 500;
    }
    return records;
  }

  std::vector<std::byte> RandomBatch(const std::vector<TestRecord>& records) {
    const auto codec = static_cast<record::CodecType>(Pick(3) == 0 ? Pick(5) : 0);
    return MakeBatch(records, {.codec = codec});
  }

  void Append() {
    const std::vector<TestRecord> records = RandomRecords();
    std::vector<std::byte> batch = RandomBatch(records);
    if (Pick(10) == 0) epoch_ = LeaderEpoch(epoch_.value() + 1);
    const auto result = AppendTo(*log_, batch, now_, epoch_);
    REQUIRE(result.ok());
    if (result->error == ErrorCode::kRecordListTooLarge) {
      REQUIRE(static_cast<int64_t>(batch.size()) > options_.segment_bytes);
      return;
    }
    REQUIRE(result->error == ErrorCode::kNone);
    Offset offset = result->base_offset;
    for (const TestRecord& record : records) {
      model_[offset] = record;
      epochs_[offset] = epoch_;
      offset = offset + 1;
    }
    REQUIRE(log_->log_end() == offset);
  }

  // A torn write: less than a batch reaches the file.
  void FailWrite() {
    fs_.Inject({.operation = test::Operation::kWrite,
                .status = absl::ResourceExhaustedError("full"),
                .path_contains = ".log",
                .written_prefix = Pick(60)});
    std::vector<std::byte> batch = RandomBatch({{"never seen"}});
    const Offset end = log_->log_end();
    const auto result = AppendTo(*log_, batch, now_, epoch_);
    fs_.ClearFaults();
    REQUIRE(log_->log_end() == end);
    REQUIRE_FALSE((result.ok() && result->error == ErrorCode::kNone));
    if (Pick(5) == 0) return Kill();
    if (!result.ok()) RunJob(log_->RepairTail());
  }

  void Flush() {
    DiskJob flush = log_->Flush();
    const Offset end = log_->log_end();
    if (Pick(2) == 0) Append();
    REQUIRE(flush.run().ok());
    if (Pick(2) == 0) Append();
    const auto tail = log_->UnsyncedTail();
    flush.finish();
    REQUIRE(log_->durable_end() == end);
    if (tail.has_value()) SyncTail(*tail);
    checkpoint_ = log_->recovery_point();
  }

  void SyncTail(const Log::Tail& tail) {
    if (Pick(2) == 0) Append();
    REQUIRE(tail.file->Sync().ok());
    if (Pick(4) == 0) Roll();
    log_->OnSynced(tail);
    REQUIRE(log_->durable_end() == tail.end);
  }

  void Roll() {
    if (log_->ActiveExpired(now_) ||
        (log_->size_bytes() > 0 && log_->NeedsRoll(options_.segment_bytes, now_))) {
      RunJob(log_->Roll(now_));
    }
  }

  void Retain() {
    const Offset start = log_->log_start_offset();
    const Offset limit = log_->durable_end();
    if (auto job = log_->DeleteOldSegments(now_, limit)) RunJob(*std::move(job));
    REQUIRE(log_->log_start_offset() >= start);
    REQUIRE(log_->log_start_offset() <= std::max(limit, start));
    if (Pick(2) == 0) start_checkpoint_ = log_->log_start_offset();
    model_.erase(model_.begin(), model_.lower_bound(log_->log_start_offset()));
  }

  void Reopen() {
    REQUIRE(log_->Close().ok());
    checkpoint_ = log_->recovery_point();
    start_checkpoint_ = log_->log_start_offset();
    log_.reset();
    const bool power_lost = Pick(2) == 0;
    if (power_lost) {
      fs_.Crash(seed_ + picks_);
    }
    Open(true);
    REQUIRE(log_->recovery_report().scanned_bytes == 0);
    REQUIRE(log_->recovery_report().rebuilt_indexes == 0);
    RequireEnd();
  }

  void Kill() {
    log_.reset();
    fs_.KillProcess();
    Open(false);
    RequireEnd();
  }

  void Crash() {
    const Offset durable = log_->durable_end();
    log_.reset();
    fs_.Crash(seed_ + picks_);
    Open(false);
    REQUIRE(log_->log_end() >= durable);
    REQUIRE(log_->durable_end() == log_->log_end());
    model_.erase(model_.lower_bound(log_->log_end()), model_.end());
    RequireEnd();
  }

  void Open(bool clean) {
    auto log = Log::Open(
        fs_, kLogDirectory, options_,
        {.clean = clean, .recovery_point = checkpoint_, .log_start_offset = start_checkpoint_},
        now_);
    INFO(log.status().ToString());
    REQUIRE(log.ok());
    log_ = *std::move(log);
    // What retention let go may be back after a crash; nothing asks for it again.
    if (!model_.empty()) REQUIRE(log_->log_start_offset() <= model_.begin()->first);
    // A leader of a lost epoch may have been forgotten with its records.
    if (log_->latest_epoch().has_value()) epoch_ = std::max(epoch_, *log_->latest_epoch());
  }

  void RequireEnd() {
    if (!model_.empty()) REQUIRE(log_->log_end() == std::prev(model_.end())->first + 1);
  }

  void ReadEverything() {
    const Offset from = model_.empty() ? log_->log_end() : model_.begin()->first;
    RequireSame(from, ReadAll(*log_, from, std::nullopt, 1 + Pick(4000)));
  }

  void ReadSome() {
    if (model_.empty()) return;
    const Offset from = model_.begin()->first + Pick(static_cast<int64_t>(model_.size()));
    const Offset limit = from + Pick(40);
    const auto records = ReadAll(*log_, from, limit, 1 + Pick(500));
    REQUIRE(from + static_cast<int64_t>(records.size()) <= std::max(from, limit));
    for (size_t i = 0; i < records.size(); ++i) {
      REQUIRE(records[i] == model_.at(from + static_cast<int64_t>(i)));
    }
    // Only a batch that the limit cuts may be missing, and a batch has at most four records.
    const Offset visible = std::min(limit, log_->log_end());
    REQUIRE(visible - from - static_cast<int64_t>(records.size()) < 4);
  }

  void RequireSame(Offset from, const std::vector<TestRecord>& records) {
    REQUIRE(records.size() == model_.size());
    Offset offset = from;
    for (const TestRecord& record : records) {
      REQUIRE(record == model_.at(offset));
      offset = offset + 1;
    }
  }

  void FindByTime() {
    const TimestampMs target = now_ - Pick(20'000);
    const Offset limit = log_->log_end();
    if (log_->log_start_offset() < (model_.empty() ? limit : model_.begin()->first)) return;
    const auto found =
        Log::ScanForTimestamp(log_->SlicesForTimestamp(target, limit), target, limit);
    REQUIRE(found.ok());
    const auto expected = std::find_if(model_.begin(), model_.end(), [&](const auto& entry) {
      return entry.second.timestamp >= target;
    });
    REQUIRE(found->has_value() == (expected != model_.end()));
    if (found->has_value()) {
      REQUIRE((*found)->offset == expected->first);
      REQUIRE((*found)->timestamp == expected->second.timestamp);
      REQUIRE((*found)->leader_epoch == epochs_.at(expected->first));
    }
    const auto newest = Log::ScanForMaxTimestamp(log_->SlicesForMaxTimestamp(limit), limit);
    REQUIRE(newest.ok());
    const auto largest = std::max_element(
        model_.begin(), model_.end(),
        [](const auto& a, const auto& b) { return a.second.timestamp < b.second.timestamp; });
    REQUIRE(newest->has_value() == !model_.empty());
    if (newest->has_value()) REQUIRE((*newest)->offset == largest->first);
  }

  void Check() {
    REQUIRE(log_->log_start_offset() <= log_->durable_end());
    REQUIRE(log_->durable_end() <= log_->log_end());
    REQUIRE(log_->recovery_point() <= log_->durable_end());
    if (!model_.empty()) {
      const Offset last = std::prev(model_.end())->first;
      REQUIRE(log_->EpochForOffset(last) == epochs_.at(last));
      const Offset first = model_.begin()->first;
      REQUIRE(log_->EpochForOffset(first) == epochs_.at(first));
    }
  }

  const uint64_t seed_;
  uint64_t picks_ = 0;
  FaultFileSystem fs_;
  LogOptions options_;
  std::unique_ptr<Log> log_;
  std::map<Offset, TestRecord> model_;
  std::map<Offset, LeaderEpoch> epochs_;
  TimestampMs now_ = kNow;
  LeaderEpoch epoch_{0};
  // What the data directory's checkpoints say.
  Offset checkpoint_{0};
  Offset start_checkpoint_{0};
};

}  // namespace

TEST_CASE("log: behaves as a map from offset to record, whatever happens to it") {
  const uint64_t first = test::FromEnvironment("MILLRACE_MODEL_SEED", 1);
  const uint64_t count = test::FromEnvironment("MILLRACE_MODEL_SEQUENCES", 10'000);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    INFO("MILLRACE_MODEL_SEED=" << seed);
    Sequence(seed).Run(80);
  }
}

}  // namespace millrace::storage
