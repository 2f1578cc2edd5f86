#include "proto/record/retain.h"

#include <catch2/catch.hpp>

#include "proto/record/batch_layout.h"
#include "proto/record/compression.h"
#include "proto/record/open_batch.h"
#include "tests/proto/record/support.h"

namespace millrace::record {
namespace {

constexpr RetainOptions kNoHorizon = {.max_bytes = kPlenty, .new_horizon = std::nullopt};
constexpr RetainOptions kHorizon = {.max_bytes = kPlenty, .new_horizon = TimestampMs(5'000'000)};

std::vector<std::pair<Offset, TestRecord>> RecordsIn(Bytes batch) {
  std::vector<std::pair<Offset, TestRecord>> records;
  REQUIRE(IsIntact(batch));
  const absl::Status status = ForEachRecord(batch, kPlenty, [&](const RecordView& record) {
    records.emplace_back(record.offset, Own(record));
    return Walk::kGoOn;
  });
  REQUIRE(status.ok());
  return records;
}

// Four records at offsets 100 to 103; the third is a tombstone.
Buffer FourRecords(CodecType codec = CodecType::kNone) {
  Buffer batch =
      BuildBatch({{.timestamp = 1000, .key = "a", .value = "1", .headers = {}},
                  {.timestamp = 1300, .key = "b", .value = "2", .headers = {{"h", "x"}}},
                  {.timestamp = 1100, .key = "c", .value = {}, .headers = {}},
                  {.timestamp = 1200, .key = "d", .value = "4", .headers = {}}},
                 {.codec = codec, .producer = ProducerStamp{ProducerId(7), ProducerEpoch(2), 30}});
  StampBatch(batch, Offset(100), LeaderEpoch(3));
  return batch;
}

bool IsNot(const RecordView& record, int64_t offset) { return record.offset != Offset(offset); }

}  // namespace

TEST_CASE("retain: what cannot be opened within the limit is not judged") {
  const std::string zeros(1 << 20, '\0');
  const Buffer bomb = BuildBatch({{.timestamp = 1, .key = "k", .value = zeros, .headers = {}}},
                                 {.codec = CodecType::kZstd});
  const auto none = [](const RecordView&) { return false; };
  CHECK(RetainRecords(bomb, {.max_bytes = 1000, .new_horizon = {}}, none).kept == Kept::kUnopened);
  CHECK(RetainRecords(bomb, kNoHorizon, none).kept == Kept::kNone);
  for (const CodecType codec : kAllCodecs) {
    if (codec == CodecType::kNone) continue;
    const Buffer junk = BatchAround(AsBytes("this is not compressed at all"), 1, codec);
    CHECK(RetainRecords(junk, kNoHorizon, none).kept == Kept::kUnopened);
  }
  Buffer fewer = SmallBatch();
  Tamper(fewer, kRecordCountAt, 2, 4);
  CHECK(RetainRecords(fewer, kNoHorizon, none).kept == Kept::kUnopened);
}

TEST_CASE("retain: the records that stay keep offsets, times, headers and the producer") {
  for (const CodecType codec : kAllCodecs) {
    const Buffer batch = FourRecords(codec);
    const auto before = RecordsIn(batch);
    for (int64_t gone = 100; gone < 104; ++gone) {
      const Retained retained = RetainRecords(
          batch, kNoHorizon, [&](const RecordView& record) { return IsNot(record, gone); });
      REQUIRE(retained.kept == Kept::kSome);
      CHECK(retained.records_before == 4);
      CHECK(retained.records_after == 3);
      auto expected = before;
      expected.erase(expected.begin() + (gone - 100));
      CHECK(RecordsIn(retained.batch) == expected);
      const BatchView view(retained.batch);
      CHECK(view.base_offset() == Offset(100));
      CHECK(view.last_offset() == Offset(103));
      CHECK(view.leader_epoch() == LeaderEpoch(3));
      CHECK(view.codec() == codec);
      CHECK(view.producer()->id == ProducerId(7));
      CHECK(view.producer()->epoch == ProducerEpoch(2));
      CHECK(view.producer()->base_sequence == 30);
      CHECK(view.max_timestamp() == TimestampMs(gone == 101 ? 1200 : 1300));
      CHECK_FALSE(view.delete_horizon().has_value());
      CHECK(static_cast<int64_t>(retained.batch.size()) == view.size_bytes());
    }
  }
}

TEST_CASE("retain: a batch of which all stays or nothing does is not written anew") {
  const Buffer batch = FourRecords();
  const auto all = [](const RecordView&) { return true; };
  const Retained kept = RetainRecords(batch, kNoHorizon, all);
  CHECK(kept.kept == Kept::kAll);
  CHECK(kept.batch.empty());
  const Retained none = RetainRecords(batch, kHorizon, [](const RecordView&) { return false; });
  CHECK(none.kept == Kept::kNone);
  CHECK(none.records_before == 4);
  CHECK(none.batch.empty());
}

TEST_CASE("retain: a tombstone that stays gets a horizon, once, and no time changes by it") {
  for (const CodecType codec : kAllCodecs) {
    const Buffer batch = FourRecords(codec);
    const auto all = [](const RecordView&) { return true; };
    const Retained marked = RetainRecords(batch, kHorizon, all);
    REQUIRE(marked.kept == Kept::kSome);
    const BatchView view(marked.batch);
    CHECK(view.delete_horizon() == TimestampMs(5'000'000));
    CHECK(view.max_timestamp() == TimestampMs(1300));
    CHECK(RecordsIn(marked.batch) == RecordsIn(batch));
    // A later cleaning leaves it alone, also where it removes others.
    const RetainOptions later = {.max_bytes = kPlenty, .new_horizon = TimestampMs(9'000'000)};
    CHECK(RetainRecords(marked.batch, later, all).kept == Kept::kAll);
    const Retained fewer = RetainRecords(
        marked.batch, later, [](const RecordView& record) { return IsNot(record, 100); });
    REQUIRE(fewer.kept == Kept::kSome);
    CHECK(BatchView(fewer.batch).delete_horizon() == TimestampMs(5'000'000));
    CHECK(RecordsIn(fewer.batch).size() == 3);
    // Without the tombstone there is nothing to wait for.
    const Retained without =
        RetainRecords(batch, kHorizon, [](const RecordView& record) { return IsNot(record, 102); });
    CHECK_FALSE(BatchView(without.batch).delete_horizon().has_value());
  }
}

TEST_CASE("retain: a batch in the broker's time keeps it") {
  Buffer batch = FourRecords();
  StampLogAppendTime(batch, TimestampMs(7777));
  const Retained retained =
      RetainRecords(batch, kHorizon, [](const RecordView& record) { return IsNot(record, 101); });
  REQUIRE(retained.kept == Kept::kSome);
  const BatchView view(retained.batch);
  CHECK(view.has_log_append_time());
  CHECK(view.max_timestamp() == TimestampMs(7777));
  for (const auto& [offset, record] : RecordsIn(retained.batch)) CHECK(record.timestamp == 7777);
}

TEST_CASE("retain: records of any shape survive the rewriting") {
  Random random(42);
  for (int round = 0; round < 200; ++round) {
    const auto codec = static_cast<CodecType>(random.Below(5));
    const Buffer batch = BuildBatch(RandomRecords(random), {.codec = codec});
    std::vector<std::pair<Offset, TestRecord>> expected;
    for (auto& record : RecordsIn(batch)) {
      if (record.first.value() % 3 != 0) expected.push_back(std::move(record));
    }
    const Retained retained = RetainRecords(
        batch, kHorizon, [](const RecordView& record) { return record.offset.value() % 3 != 0; });
    REQUIRE(retained.records_after == static_cast<int32_t>(expected.size()));
    if (retained.kept == Kept::kSome) REQUIRE(RecordsIn(retained.batch) == expected);
  }
}

TEST_CASE("retain: an empty batch keeps offsets, and the producer where that is asked for") {
  const Buffer batch = FourRecords(CodecType::kGzip);
  const auto plain = EmptyBatch(BatchView(batch), EmptyKind::kOffsetsOnly);
  REQUIRE(IsIntact(plain));
  CHECK(BatchView(plain).base_offset() == Offset(100));
  CHECK(BatchView(plain).last_offset() == Offset(103));
  CHECK(BatchView(plain).leader_epoch() == LeaderEpoch(3));
  CHECK(BatchView(plain).record_count() == 0);
  CHECK(BatchView(plain).codec() == CodecType::kNone);
  CHECK_FALSE(BatchView(plain).producer().has_value());
  CHECK(RecordsIn(plain).empty());
  const auto producer = EmptyBatch(BatchView(batch), EmptyKind::kProducer);
  REQUIRE(IsIntact(producer));
  CHECK(BatchView(producer).producer()->base_sequence == 30);
  CHECK(BatchView(producer).max_timestamp() == TimestampMs(1300));
  CHECK(RecordsIn(producer).empty());
}

}  // namespace millrace::record
