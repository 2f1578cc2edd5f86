// Compaction against a model (every record that was ever appended, by offset) under random appends
// of keyed records, tombstones, idempotent producers, transactions, rolls, cleanings that are cut
// short, clock steps, retention, reopening, kill -9 and power loss.
// MILLRACE_COMPACTION_SEQUENCES sets how many sequences are tried (default 1,000; under sanitizers
// fewer, see CMakePresets.json), MILLRACE_MODEL_SEED the first seed; a failure prints its seed.
#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>

#include <catch2/catch.hpp>

#include "storage/log.h"
#include "storage/segment_files.h"
#include "tests/storage/compaction_fixture.h"
#include "tests/support/seeded.h"

namespace millrace::storage {
namespace {

using test::AppendTo;
using test::FaultFileSystem;
using test::KeyedBatch;
using test::KeyedRecord;
using test::kLogDirectory;
using test::kNow;
using test::MakeLogDisk;
using test::MarkerBatch;
using test::ReadKeyed;
using test::ReadLog;
using test::RunJob;
using test::WriteAtEnd;

constexpr int64_t kDeleteRetentionMs = 3000;
constexpr int64_t kProducers = 4;  // the last two write transactions

struct ModelRecord {
  KeyedRecord record;
  std::optional<int64_t> transaction;  // of which producer
  bool is_aborted = false;
  // The first cleaning that may have covered it: from then on its retention counts.
  std::optional<TimestampMs> covered_at;
};

class Sequence {
 public:
  explicit Sequence(uint64_t seed) : seed_(seed), fs_(MakeLogDisk()) {
    options_.segment_bytes = 300 + Pick(3000);
    options_.index_interval_bytes = Pick(500);
    options_.segment_index_bytes = 64 + Pick(200);
    options_.timestamp_after_max_ms.reset();
    options_.producer_id_expiration_ms = int64_t{1} << 40;
    options_.require_keys = true;
    options_.compaction = CompactionSettings{.min_dirty_ratio = 0,
                                             .min_lag_ms = Pick(3) == 0 ? 1000 : 0,
                                             .delete_retention_ms = kDeleteRetentionMs};
    if (Pick(3) == 0) options_.retention_ms = 20'000;
    Open(false);
  }

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) {
      now_ = now_ + Pick(400);
      Step();
      Check();
    }
    Crash();
    Check();
  }

 private:
  int64_t Pick(int64_t below) {
    return static_cast<int64_t>(test::Mix(seed_, ++picks_) % static_cast<uint64_t>(below));
  }

  void Step() {
    switch (Pick(16)) {
      case 0:
      case 1:
        return Roll();
      case 2:
        return RunJob(log_->Flush());
      case 3:
      case 4:
      case 5:
        return Clean();
      case 6:
        return Pick(4) == 0 ? Crash() : Kill();
      case 7:
        return Reopen();
      case 8:
        return EndTransaction();
      case 9:
        return CleanAndDie();
      case 10:
        return Retain();
      case 11:
        if (Pick(5) == 0) now_ = now_ + kDeleteRetentionMs;
        return;
      default:
        return Append();
    }
  }

  void Append() {
    std::vector<KeyedRecord> records(static_cast<size_t>(1 + Pick(5)));
    for (KeyedRecord& record : records) {
      record.key = "key" + std::to_string(Pick(12));
      if (Pick(4) != 0) {
        record.value =
            std::string(static_cast<size_t>(Pick(50)), static_cast<char>('a' + Pick(26)));
      }
      record.timestamp = now_ - Pick(300);
    }
    record::BatchBuilderOptions how{.codec =
                                        static_cast<record::CodecType>(Pick(3) == 0 ? Pick(5) : 0)};
    std::optional<int64_t> transaction;
    if (Pick(2) == 0) {
      const int64_t producer = Pick(kProducers);
      if (producer >= kProducers / 2) transaction = producer;
      how.transactional = transaction.has_value();
      how.producer =
          record::ProducerStamp{ProducerId(producer), ProducerEpoch(0), SequenceOf(producer)};
    }
    std::vector<std::byte> batch = KeyedBatch(records, how);
    const auto result = AppendTo(*log_, batch, now_);
    REQUIRE(result.ok());
    INFO(result->message);
    REQUIRE(result->error == ErrorCode::kNone);
    REQUIRE_FALSE(result->duplicate);
    Offset offset = result->base_offset;
    REQUIRE(offset == end_);
    for (const KeyedRecord& record : records) {
      model_[offset] = {.record = record, .transaction = transaction};
      offset = offset + 1;
    }
    end_ = offset;
    if (how.producer.has_value()) {
      last_sequences_[{offset - 1, how.producer->id.value()}] =
          how.producer->base_sequence + static_cast<int32_t>(records.size()) - 1;
    }
  }

  int32_t SequenceOf(int64_t producer) const {
    int32_t next = 0;
    for (const auto& [where, sequence] : last_sequences_) {
      if (where.second == producer) next = sequence + 1;
    }
    return next;
  }

  // A marker cannot be appended from outside: it is put behind the log's end, as replication would.
  void EndTransaction() {
    const int64_t producer = kProducers / 2 + Pick(kProducers / 2);
    const bool is_commit = Pick(2) == 0;
    RunJob(log_->Flush());
    checkpoint_ = log_->recovery_point();
    log_.reset();
    fs_.KillProcess();
    WriteAtEnd(fs_, MarkerBatch(ProducerId(producer), is_commit, end_, now_));
    end_ = end_ + 1;
    markers_[end_ - 1] = {producer, is_commit};
    JudgeTransactions();
    Open(false);
  }

  // From the markers that are there.
  void JudgeTransactions() {
    for (auto& [offset, entry] : model_) {
      entry.is_aborted = false;
      if (!entry.transaction.has_value()) continue;
      for (auto marker = markers_.upper_bound(offset); marker != markers_.end(); ++marker) {
        if (marker->second.first != *entry.transaction) continue;
        entry.is_aborted = !marker->second.second;
        break;
      }
    }
  }

  void Roll() {
    if (log_->NeedsRoll(1, now_ + (int64_t{1} << 40))) RunJob(log_->Roll(now_));
    if (Pick(3) != 0) RunJob(log_->Flush());
  }

  CompactionRequest Request() {
    CompactionRequest request{.limit = log_->durable_end(),
                              .now = now_,
                              .seed = seed_,
                              .map_bytes = static_cast<size_t>(Pick(3) == 0 ? 24 * 6 : 1 << 14),
                              .buffer_bytes = static_cast<size_t>(64 + Pick(4000)),
                              .opened_bytes_max = 1 << 20};
    for (auto& [offset, entry] : model_) {
      if (offset < request.limit && !entry.covered_at.has_value()) entry.covered_at = now_;
    }
    return request;
  }

  void Clean() {
    CompactionRequest request = Request();
    const bool stops = Pick(4) == 0;
    int64_t left = Pick(60);
    if (stops) request.pace = [&left](int64_t) { return left-- > 0; };
    CompactionJob cleaning = log_->Compact(std::move(request));
    const Offset start = log_->log_start_offset();
    const Offset cleaned = log_->cleaned_until();
    REQUIRE(cleaning.job.run().ok());
    // The log goes on meanwhile.
    if (Pick(2) == 0) Append();
    if (Pick(3) == 0) RunJob(log_->Flush());
    cleaning.job.finish();
    INFO(cleaning.report->status.ToString());
    REQUIRE(
        (cleaning.report->status.ok() || (stops && absl::IsCancelled(cleaning.report->status))));
    REQUIRE(log_->log_start_offset() == start);
    REQUIRE(log_->cleaned_until() >= cleaned);
    if (auto unlink = log_->UnlinkDeleted(); unlink.has_value() && Pick(2) == 0) {
      REQUIRE(unlink->run().ok());
    }
    if (cleaning.report->status.ok()) RequireClean();
  }

  // Of what was covered, no record is left that a later covered one supersedes.
  void RequireClean() {
    const Offset until = log_->cleaned_until();
    std::map<std::string, Offset> last;
    for (const auto& [offset, entry] : model_) {
      if (offset < until && !entry.is_aborted) last[*entry.record.key] = offset;
    }
    for (const auto& [offset, record] : ReadKeyed(*log_).records) {
      if (offset >= until) break;
      INFO("offset " << offset.value() << " cleaned until " << until.value());
      REQUIRE_FALSE(model_.at(offset).is_aborted);
      REQUIRE(last.at(*record.key) == offset);
    }
  }

  void CleanAndDie() {
    CompactionJob cleaning = log_->Compact(Request());
    fs_.StopAfter(Pick(40));
    REQUIRE(cleaning.job.run().ok());
    if (Pick(2) == 0) return Kill();
    Crash();
  }

  void Retain() {
    if (auto job = log_->DeleteOldSegments(now_, log_->durable_end())) RunJob(*std::move(job));
    if (Pick(2) == 0) start_checkpoint_ = log_->log_start_offset();
    DropBelow(log_->log_start_offset());
  }

  void DropBelow(Offset start) { model_.erase(model_.begin(), model_.lower_bound(start)); }

  void Reopen() {
    REQUIRE(log_->Close().ok());
    checkpoint_ = log_->recovery_point();
    start_checkpoint_ = log_->log_start_offset();
    if (Pick(3) != 0) cleaned_checkpoint_ = log_->cleaned_until();
    log_.reset();
    if (Pick(2) == 0) fs_.Crash(seed_ + picks_);
    Open(true);
    REQUIRE(log_->recovery_report().scanned_bytes == 0);
    REQUIRE(log_->log_end() == end_);
  }

  // Then what is known of producers must come from the batches that are left.
  void LoseSnapshots() {
    for (const std::string& name : test::LogFiles(fs_)) {
      if (!name.ends_with(kSnapshotSuffix)) continue;
      REQUIRE(fs_.RemoveFile(std::string(kLogDirectory) + "/" + name).ok());
    }
    REQUIRE(fs_.SyncDirectory(kLogDirectory).ok());
  }

  void Kill() {
    log_.reset();
    fs_.KillProcess();
    if (Pick(3) == 0) LoseSnapshots();
    Open(false);
    REQUIRE(log_->log_end() == end_);
  }

  void Crash() {
    const Offset durable = log_->durable_end();
    log_.reset();
    fs_.Crash(seed_ + picks_);
    if (Pick(3) == 0) LoseSnapshots();
    Open(false);
    REQUIRE(log_->log_end() >= durable);
    end_ = log_->log_end();
    model_.erase(model_.lower_bound(end_), model_.end());
    markers_.erase(markers_.lower_bound(end_), markers_.end());
    last_sequences_.erase(last_sequences_.lower_bound({end_, 0}), last_sequences_.end());
    JudgeTransactions();
  }

  void Open(bool clean) {
    auto log = Log::Open(fs_, kLogDirectory, options_,
                         {.clean = clean,
                          .recovery_point = checkpoint_,
                          .log_start_offset = start_checkpoint_,
                          .cleaned_until = cleaned_checkpoint_},
                         now_);
    INFO(log.status().ToString());
    REQUIRE(log.ok());
    log_ = *std::move(log);
  }

  void Check() {
    const ReadLog read = ReadKeyed(*log_);
    RequireNothingElse(read);
    RequireLastOfEachKey(read);
    if (Pick(4) == 0) RequireProducers();
    if (Pick(4) == 0) RequireTimes(read);
    const Offset somewhere = log_->log_start_offset() + Pick(end_ - log_->log_start_offset() + 1);
    const auto slice = log_->Read({.from = somewhere, .limit = end_, .max_bytes = 1});
    REQUIRE(slice.ok());
    REQUIRE((slice->slice.size > 0) == (somewhere < end_));
  }

  // Offsets never change, nothing is there twice, and what no cleaning has covered is all there.
  void RequireNothingElse(const ReadLog& read) {
    const Offset start = log_->log_start_offset();
    for (const auto& [offset, record] : read.records) {
      const auto known = model_.find(offset);
      if (known == model_.end()) {
        // Retention may have let it go before a crash brought it back.
        REQUIRE((model_.empty() || offset < model_.begin()->first));
        continue;
      }
      REQUIRE(record == known->second.record);
    }
    for (const auto& [offset, entry] : model_) {
      if (offset < start || entry.covered_at.has_value()) continue;
      INFO("offset " << offset.value());
      REQUIRE(read.records.contains(offset));
    }
  }

  void RequireLastOfEachKey(const ReadLog& read) {
    std::map<std::string, Offset> last;
    for (const auto& [offset, entry] : model_) {
      if (!entry.is_aborted) last[*entry.record.key] = offset;
    }
    for (const auto& [key, offset] : last) {
      const ModelRecord& entry = model_.at(offset);
      if (offset < log_->log_start_offset()) continue;
      INFO(key << " at offset " << offset.value());
      if (read.records.contains(offset)) continue;
      // Only a tombstone may be missing, after its time, and then with all that it hides.
      REQUIRE_FALSE(entry.record.value.has_value());
      REQUIRE(entry.covered_at.has_value());
      REQUIRE(now_ - *entry.covered_at >= kDeleteRetentionMs);
      for (const auto& [other, record] : read.records) {
        const auto known = model_.find(other);
        if (known == model_.end() || known->second.is_aborted || other > offset) continue;
        REQUIRE(record.key != key);
      }
    }
  }

  void RequireProducers() {
    std::map<int64_t, int32_t> expected;
    for (const auto& [where, sequence] : last_sequences_) expected[where.second] = sequence;
    std::map<int64_t, int32_t> known;
    for (const ProducerState::Active& producer : log_->ActiveProducers()) {
      if (producer.last_sequence.has_value()) known[producer.id.value()] = *producer.last_sequence;
    }
    // Retention may have taken the last batch of a producer before a crash.
    if (!options_.retention_ms.has_value()) REQUIRE(known == expected);
  }

  void RequireTimes(const ReadLog& read) {
    const TimestampMs target = now_ - Pick(10'000);
    const auto found = Log::ScanForTimestamp(log_->SlicesForTimestamp(target, end_), target, end_);
    REQUIRE(found.ok());
    const auto expected =
        std::find_if(read.records.begin(), read.records.end(),
                     [&](const auto& entry) { return entry.second.timestamp >= target; });
    // A marker has a time, too, and is as good a place to begin.
    if (!read.markers.empty()) return;
    REQUIRE(found->has_value() == (expected != read.records.end()));
    if (found->has_value()) REQUIRE((*found)->offset == expected->first);
    const auto newest = Log::ScanForMaxTimestamp(log_->SlicesForMaxTimestamp(end_), end_);
    REQUIRE(newest.ok());
    const auto largest = std::max_element(
        read.records.begin(), read.records.end(),
        [](const auto& a, const auto& b) { return a.second.timestamp < b.second.timestamp; });
    REQUIRE(newest->has_value() == !read.records.empty());
    if (newest->has_value()) REQUIRE((*newest)->offset == largest->first);
  }

  const uint64_t seed_;
  uint64_t picks_ = 0;
  FaultFileSystem fs_;
  LogOptions options_;
  std::unique_ptr<Log> log_;
  std::map<Offset, ModelRecord> model_;
  std::map<Offset, std::pair<int64_t, bool>> markers_;  // producer, and whether it is a commit
  // By the last offset of a batch and its producer.
  std::map<std::pair<Offset, int64_t>, int32_t> last_sequences_;
  Offset end_{0};
  TimestampMs now_ = kNow;
  // What the data directory's checkpoints say.
  Offset checkpoint_{0};
  Offset start_checkpoint_{0};
  Offset cleaned_checkpoint_{0};
};

}  // namespace

TEST_CASE("compaction: behaves as a map from key to last value, whatever happens to the log") {
  const uint64_t first = test::FromEnvironment("MILLRACE_MODEL_SEED", 1);
  const uint64_t count = test::FromEnvironment("MILLRACE_COMPACTION_SEQUENCES", 1000);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    INFO("MILLRACE_MODEL_SEED=" << seed);
    Sequence(seed).Run(80);
  }
}

}  // namespace millrace::storage
