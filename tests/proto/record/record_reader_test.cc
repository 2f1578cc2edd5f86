#include "proto/record/record_reader.h"

#include <limits>

#include <catch2/catch.hpp>

#include "proto/record/batch_layout.h"
#include "tests/proto/record/support.h"

namespace millrace::record {
namespace {

// Walks to the end and returns what stopped the walk.
RecordFault Walk(const Buffer& batch, Bytes block) {
  RecordReader reader{BatchView(batch), block};
  while (reader.Next().has_value()) {
  }
  return reader.fault();
}

}  // namespace

TEST_CASE("record reader: a block cut at any byte is a fault, and what came before is right") {
  const Buffer batch = SmallBatch();
  const Bytes block = BatchView(batch).records();
  for (size_t size = 0; size < block.size(); ++size) {
    const Buffer cut = Copy(block.first(size));  // a copy, so that ASan sees a read past its end
    RecordReader reader{BatchView(batch), cut};
    int64_t expected = 0;
    while (const auto record = reader.Next()) {
      REQUIRE(record->offset == Offset(expected));
      ++expected;
    }
    REQUIRE(reader.fault() != RecordFault::kNone);
    REQUIRE(reader.records_read() == expected);
    REQUIRE(expected < 3);
  }
}

TEST_CASE("record reader: a batch that claims fewer or more records than follow is a fault") {
  Buffer batch = SmallBatch();
  Tamper(batch, kRecordCountAt, 2, 4);
  CHECK(Walk(batch, BatchView(batch).records()) == RecordFault::kBytesFollow);
  Tamper(batch, kRecordCountAt, 4, 4);
  CHECK(Walk(batch, BatchView(batch).records()) == RecordFault::kRecordMissing);
}

TEST_CASE("record reader: offsets beyond the batch's last, or that overflow, are a fault") {
  Buffer batch = SmallBatch();
  Tamper(batch, kLastOffsetDeltaAt, 1, 4);
  CHECK(Walk(batch, BatchView(batch).records()) == RecordFault::kOffset);
  batch = SmallBatch();
  Tamper(batch, kBaseOffsetAt, std::numeric_limits<int64_t>::max(), 8);
  CHECK(Walk(batch, BatchView(batch).records()) == RecordFault::kOffset);
}

TEST_CASE("record reader: after a fault there is nothing more") {
  const Buffer batch = SmallBatch();
  RecordReader reader{BatchView(batch), AsBytes("\x01garbage")};
  CHECK_FALSE(reader.Next().has_value());
  CHECK(reader.fault() == RecordFault::kLength);
  CHECK_FALSE(reader.Next().has_value());
  CHECK_FALSE(FaultText(reader.fault()).empty());
}

TEST_CASE("record reader: random bytes never make it read past the block") {
  const uint64_t seed = 99;
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 3000; ++round) {
    Buffer batch = SmallBatch();
    Buffer block = Copy(BatchView(batch).records());
    for (uint64_t i = 1 + random.Below(4); i > 0; --i) {
      block[random.Below(block.size())] = static_cast<std::byte>(random.Next());
    }
    RecordReader reader{BatchView(batch), block};
    while (const auto record = reader.Next()) {
      REQUIRE(record->offset <= Offset(2));
      Own(*record);
    }
  }
}

TEST_CASE("record reader: gaps that compaction leaves are no fault") {
  Buffer batch = SmallBatch();
  const Bytes block = BatchView(batch).records();
  // The first record is one length byte and its body.
  const size_t first = 1 + static_cast<size_t>(block[0]) / 2;
  const Buffer rest = Copy(block.subspan(first));
  Buffer compacted = BatchAround(rest, 2);
  Tamper(compacted, kLastOffsetDeltaAt, 2, 4);
  Tamper(compacted, kBaseOffsetAt, 100, 8);
  RecordReader reader{BatchView(compacted), BatchView(compacted).records()};
  CHECK(reader.Next()->offset == Offset(101));
  CHECK(reader.Next()->offset == Offset(102));
  CHECK_FALSE(reader.Next().has_value());
  CHECK(reader.fault() == RecordFault::kNone);
}

TEST_CASE("record reader: with LogAppendTime every record has the batch's timestamp") {
  Buffer batch = SmallBatch();
  StampLogAppendTime(batch, TimestampMs(7777));
  RecordReader reader{BatchView(batch), BatchView(batch).records()};
  while (const auto record = reader.Next()) CHECK(record->timestamp == TimestampMs(7777));
  CHECK(reader.records_read() == 3);
}

TEST_CASE("record reader: keys, values and headers come out, null and empty apart") {
  const std::vector<TestRecord> records = {
      {.timestamp = 5, .key = "k", .value = "v", .headers = {{"a", "1"}, {"", ""}, {"n", {}}}},
      {.timestamp = 4, .key = {}, .value = {}, .headers = {}},
      {.timestamp = 6, .key = "", .value = "", .headers = {}}};
  const Buffer batch = BuildBatch(records, {.base_offset = Offset(50)});
  RecordReader reader{BatchView(batch), BatchView(batch).records()};
  for (size_t i = 0; i < records.size(); ++i) {
    const auto record = reader.Next();
    REQUIRE(record.has_value());
    CHECK(record->offset == Offset(50) + static_cast<int64_t>(i));
    CHECK(Own(*record) == records[i]);
  }
  CHECK_FALSE(reader.Next().has_value());
  CHECK(reader.fault() == RecordFault::kNone);
}

}  // namespace millrace::record
