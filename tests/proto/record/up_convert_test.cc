#include "proto/record/up_convert.h"

#include <catch2/catch.hpp>

#include "proto/record/compression.h"
#include "proto/record/down_convert.h"
#include "proto/record/message_set.h"
#include "proto/record/open_batch.h"
#include "tests/proto/record/support.h"

namespace millrace::record {
namespace {

MessageView Message(int8_t magic, std::string_view value, int64_t timestamp = 7) {
  return {.offset = Offset(0),
          .magic = magic,
          .attributes = 0,
          .timestamp = TimestampMs(magic == kMagicV0 ? -1 : timestamp),
          .key = std::nullopt,
          .value = AsBytes(value)};
}

Buffer SetOf(const std::vector<MessageView>& messages) {
  Buffer set;
  for (const MessageView& message : messages) AppendMessage(message, set);
  return set;
}

Buffer Gzipped(int8_t magic, const Buffer& inner) {
  Buffer packed;
  REQUIRE(Compress({.codec = CodecType::kGzip}, inner, packed).ok());
  MessageView wrapper = Message(magic, "");
  wrapper.attributes = 1;
  wrapper.value = packed;
  return SetOf({wrapper});
}

ErrorCode ErrorOf(const Buffer& set, size_t max_bytes = kPlenty) {
  const UpConverted converted = UpConvert(set, max_bytes);
  REQUIRE(converted.fault.has_value());
  CHECK_FALSE(converted.fault->message.empty());
  CHECK(converted.batch.empty());
  return converted.fault->error;
}

std::vector<TestRecord> RecordsIn(const Buffer& batch) {
  std::vector<TestRecord> records;
  const absl::Status status = ForEachRecord(batch, kPlenty, [&](const RecordView& record) {
    records.push_back(Own(record));
    return Walk::kGoOn;
  });
  REQUIRE(status.ok());
  return records;
}

}  // namespace

TEST_CASE("up-convert: a set of several magics is refused") {
  const auto v0 = Message(kMagicV0, "a");
  const auto v1 = Message(kMagicV1, "b");
  CHECK(ErrorOf(SetOf({v0, v1})) == ErrorCode::kInvalidRecord);
  CHECK(ErrorOf(Gzipped(kMagicV1, SetOf({v1, v0}))) == ErrorCode::kInvalidRecord);
  Buffer with_batch = SetOf({v1});
  const Buffer batch = SmallBatch();
  with_batch.insert(with_batch.end(), batch.begin(), batch.end());
  CHECK(ErrorOf(with_batch) == ErrorCode::kInvalidRecord);
}

TEST_CASE("up-convert: a compressed message beside others is refused") {
  const auto plain = Message(kMagicV1, "a");
  const Buffer wrapper = Gzipped(kMagicV1, SetOf({plain}));
  CHECK_FALSE(UpConvert(wrapper, kPlenty).fault.has_value());
  Buffer before = SetOf({plain});
  before.insert(before.end(), wrapper.begin(), wrapper.end());
  CHECK(ErrorOf(before) == ErrorCode::kInvalidRecord);
  Buffer after = wrapper;
  AppendMessage(plain, after);
  CHECK(ErrorOf(after) == ErrorCode::kInvalidRecord);
}

TEST_CASE("up-convert: LogAppendTime, a negative time, nothing and damage are refused") {
  MessageView marked = Message(kMagicV1, "a");
  marked.attributes = 0x08;
  CHECK(ErrorOf(SetOf({marked})) == ErrorCode::kInvalidTimestamp);
  CHECK(ErrorOf(SetOf({Message(kMagicV1, "a", -2)})) == ErrorCode::kInvalidTimestamp);
  CHECK(ErrorOf({}) == ErrorCode::kInvalidRecord);
  Buffer damaged = SetOf({Message(kMagicV1, "a")});
  damaged.back() ^= std::byte{1};
  CHECK(ErrorOf(damaged) == ErrorCode::kCorruptMessage);
  Buffer torn = SetOf({Message(kMagicV1, "a"), Message(kMagicV1, "b")});
  torn.pop_back();
  CHECK(ErrorOf(torn) == ErrorCode::kCorruptMessage);
}

TEST_CASE("up-convert: a bomb is refused within the limit") {
  const Buffer bomb = Gzipped(kMagicV1, SetOf({Message(kMagicV1, std::string(8 << 20, '\0'))}));
  CHECK(bomb.size() < 20'000);
  CHECK(ErrorOf(bomb, 1 << 20) == ErrorCode::kMessageTooLarge);
}

TEST_CASE("up-convert: the batch has the records, the codec and the largest timestamp") {
  const Buffer inner =
      SetOf({Message(kMagicV1, "a", 50), Message(kMagicV1, "b", 90), Message(kMagicV1, "c", 10)});
  for (const Buffer& set : {inner, Gzipped(kMagicV1, inner)}) {
    const UpConverted converted = UpConvert(set, kPlenty);
    REQUIRE_FALSE(converted.fault.has_value());
    const BatchView batch(converted.batch);
    CHECK_FALSE(CheckBatch(converted.batch, kNoLimits).has_value());
    CHECK_FALSE(CheckCompressedRecords(converted.batch, kNoLimits, kPlenty).has_value());
    CHECK(batch.codec() == MessageReader(set).Next()->codec());
    CHECK(batch.max_timestamp() == TimestampMs(90));
    CHECK_FALSE(batch.producer().has_value());
    const std::vector<TestRecord> records = RecordsIn(converted.batch);
    REQUIRE(records.size() == 3);
    CHECK(records[1].value == "b");
    CHECK(records[2].timestamp == 10);
  }
}

TEST_CASE("up-convert: messages of magic 0 have no timestamp") {
  const UpConverted converted = UpConvert(SetOf({Message(kMagicV0, "a")}), kPlenty);
  REQUIRE_FALSE(converted.fault.has_value());
  CHECK(BatchView(converted.batch).max_timestamp() == TimestampMs(-1));
  CHECK(RecordsIn(converted.batch)[0].timestamp == -1);
}

TEST_CASE("up-convert: down and up again gives the same records, but for headers") {
  const uint64_t seed = 2024;
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 300; ++round) {
    std::vector<TestRecord> records = RandomRecords(random);
    for (TestRecord& record : records) record.timestamp = std::abs(record.timestamp);
    const CodecType codec = kAllCodecs[random.Below(4)];
    const auto magic = static_cast<int8_t>(random.Below(2));
    const Buffer batch = BuildBatch(records, {.base_offset = Offset(1000), .codec = codec});
    const DownConverted down = DownConvert(batch, {.magic = magic,
                                                   .from = Offset(0),
                                                   .max_bytes = kPlenty,
                                                   .max_decompressed_bytes = kPlenty});
    REQUIRE(down.error == ErrorCode::kNone);
    int64_t offset = 1000;
    REQUIRE_FALSE(ForEachMessage(down.set, kPlenty, [&](const MessageView& message) {
                    CHECK(message.offset == Offset(offset++));
                  }).has_value());
    const UpConverted up = UpConvert(down.set, kPlenty);
    REQUIRE_FALSE(up.fault.has_value());
    for (TestRecord& record : records) {
      record.headers.clear();
      if (magic == kMagicV0) record.timestamp = -1;
    }
    REQUIRE(RecordsIn(up.batch) == records);
    CHECK(BatchView(up.batch).codec() == codec);
  }
}

}  // namespace millrace::record
