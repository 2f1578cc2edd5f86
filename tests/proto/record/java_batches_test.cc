// Batches that Kafka 4.3.0's Java client wrote: tests/data/batches/GenerateBatches.java.
#include <catch2/catch.hpp>

#include "proto/record/open_batch.h"
#include "tests/proto/record/support.h"

namespace millrace::record {
namespace {

// The records of the generator, once more.
std::vector<TestRecord> Expected() {
  std::string longer;
  for (int i = 0; i < 20; ++i) longer += "0123456789";
  return {
      {.timestamp = 1700000000000, .key = "key", .value = "value", .headers = {}},
      {.timestamp = 1700000000005, .key = {}, .value = "no key", .headers = {}},
      {.timestamp = 1700000000003, .key = "no value", .value = {}, .headers = {}},
      {.timestamp = 1699999999000, .key = "", .value = "", .headers = {}},
      {.timestamp = 1700000000005,
       .key = "headers",
       .value = "some",
       .headers = {{"trace", "abc"}, {"null", {}}, {"", ""}, {"trace", "twice"}}},
      {.timestamp = 1700000100000, .key = "long", .value = longer, .headers = {}},
      {.timestamp = 1700000000001, .key = {}, .value = {}, .headers = {}},
  };
}

Buffer JavaBatch(const std::string& name) { return ReadHex("batches/" + name + ".hex"); }

std::vector<TestRecord> Read(const Buffer& batch) {
  std::vector<TestRecord> records;
  const absl::Status status = ForEachRecord(batch, kPlenty, [&](const RecordView& record) {
    records.push_back(Own(record));
    return Walk::kGoOn;
  });
  INFO(status.ToString());
  REQUIRE(status.ok());
  return records;
}

}  // namespace

TEST_CASE("java batches: a producer may not send a control batch or another's offsets") {
  CHECK(CheckBatch(JavaBatch("commit_marker"), kNoLimits)->error == ErrorCode::kInvalidRecord);
  CHECK(CheckBatch(JavaBatch("transactional"), kNoLimits)->error == ErrorCode::kInvalidRecord);
  CHECK(CheckBatch(JavaBatch("log_append_time"), kNoLimits)->error == ErrorCode::kInvalidTimestamp);
}

TEST_CASE("java batches: each codec is accepted and read equal") {
  for (const CodecType codec : kAllCodecs) {
    const Buffer batch = JavaBatch(std::string(CodecName(codec)));
    CHECK(IsIntact(batch));
    CHECK(BatchView(batch).codec() == codec);
    CHECK_FALSE(CheckBatch(batch, kNoLimits).has_value());
    CHECK_FALSE(CheckCompressedRecords(batch, kNoLimits, kPlenty).has_value());
    CHECK(Read(batch) == Expected());
  }
}

TEST_CASE("java batches: without compression our builder writes the same bytes") {
  CHECK(BuildBatch(Expected()) == JavaBatch("none"));
  const ProducerStamp producer = {
      .id = ProducerId(4711), .epoch = ProducerEpoch(3), .base_sequence = 17};
  CHECK(BuildBatch(Expected(), {.base_offset = Offset(1000),
                                .leader_epoch = LeaderEpoch(9),
                                .producer = producer,
                                .transactional = true}) == JavaBatch("transactional"));
}

TEST_CASE("java batches: our stamp of the append time gives the same bytes") {
  Buffer batch = BuildBatch(Expected(), {.base_offset = Offset(5)});
  StampLogAppendTime(batch, TimestampMs(1800000000000));
  CHECK(batch == JavaBatch("log_append_time"));
}

TEST_CASE("java batches: idempotence fields and control records are read") {
  const Buffer batch = JavaBatch("idempotent_lz4");
  REQUIRE(BatchView(batch).producer().has_value());
  CHECK(BatchView(batch).producer()->id == ProducerId(4711));
  CHECK(BatchView(batch).producer()->epoch == ProducerEpoch(0));
  CHECK(BatchView(batch).producer()->base_sequence == 2147483646);
  CHECK_FALSE(CheckBatch(batch, kNoLimits).has_value());

  const Buffer marker = JavaBatch("commit_marker");
  CHECK(BatchView(marker).is_control());
  CHECK(BatchView(marker).is_transactional());
  CHECK(BatchView(marker).base_offset() == Offset(42));
  // Version 0, type 1: commit.
  CHECK(Read(marker).front().key == std::string("\0\0\0\1", 4));
}

}  // namespace millrace::record
