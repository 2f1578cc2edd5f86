// Message sets that kafka-clients 3.9.2 wrote: tests/data/message_sets/GenerateMessageSets.java.
#include <catch2/catch.hpp>

#include "proto/record/down_convert.h"
#include "proto/record/message_set.h"
#include "proto/record/open_batch.h"
#include "proto/record/up_convert.h"
#include "tests/proto/record/support.h"

namespace millrace::record {
namespace {

constexpr CodecType kLegacyCodecs[] = {CodecType::kNone, CodecType::kGzip, CodecType::kSnappy,
                                       CodecType::kLz4};
constexpr int64_t kBaseOffset = 1000;
constexpr int64_t kAppendTime = 1'800'000'000'000;

// The records of the generator, once more; `with_headers` as its batches v2 have them.
std::vector<TestRecord> Expected(bool with_headers = false) {
  std::string longer;
  for (int i = 0; i < 20; ++i) longer += "0123456789";
  std::vector<std::pair<std::string, OptionalText>> headers;
  if (with_headers) headers.emplace_back("dropped", "header");
  return {
      {.timestamp = 1700000000000, .key = "key", .value = "value", .headers = headers},
      {.timestamp = 1700000000005, .key = {}, .value = "no key", .headers = {}},
      {.timestamp = 1700000000003, .key = "no value", .value = {}, .headers = headers},
      {.timestamp = 1699999999000, .key = "", .value = "", .headers = {}},
      {.timestamp = 1700000100000, .key = "long", .value = longer, .headers = {}},
      {.timestamp = 1700000000001, .key = {}, .value = {}, .headers = {}},
  };
}

std::vector<TestRecord> WithTime(int64_t timestamp) {
  std::vector<TestRecord> records = Expected();
  for (TestRecord& record : records) record.timestamp = timestamp;
  return records;
}

Buffer JavaSet(int8_t magic, const std::string& before, const std::string& after) {
  return ReadHex("message_sets/" + before + std::to_string(magic) + "_" + after + ".hex");
}

TestRecord OwnMessage(const MessageView& message) {
  return Own({.offset = message.offset,
              .timestamp = message.timestamp,
              .key = message.key,
              .value = message.value,
              .header_count = 0,
              .headers = {}});
}

struct Walked {
  std::vector<TestRecord> records;
  std::vector<int64_t> offsets;
  friend bool operator==(const Walked&, const Walked&) = default;
};

Walked WalkSet(const Buffer& set) {
  Walked walked;
  const auto fault = ForEachMessage(set, kPlenty, [&](const MessageView& message) {
    walked.records.push_back(OwnMessage(message));
    walked.offsets.push_back(message.offset.value());
  });
  INFO((fault.has_value() ? fault->message : ""));
  REQUIRE_FALSE(fault.has_value());
  return walked;
}

Buffer BatchV2(CodecType codec) {
  return BuildBatch(Expected(true), {.base_offset = Offset(kBaseOffset), .codec = codec});
}

Buffer Down(const Buffer& batch, int8_t magic, int64_t from = kBaseOffset) {
  return DownConvert(batch, {.magic = magic,
                             .from = Offset(from),
                             .max_bytes = kPlenty,
                             .max_decompressed_bytes = kPlenty})
      .set;
}

}  // namespace

TEST_CASE("java message sets: the append time that a broker wrote is no producer's to send") {
  for (const CodecType codec : kLegacyCodecs) {
    const Buffer set = JavaSet(kMagicV1, "v", "append_time_" + std::string(CodecName(codec)));
    CHECK(WalkSet(set).records == WithTime(kAppendTime));
    CHECK(UpConvert(set, kPlenty).fault->error == ErrorCode::kInvalidTimestamp);
  }
}

TEST_CASE("java message sets: each magic and codec is read and converted up equal") {
  for (const int8_t magic : {kMagicV0, kMagicV1}) {
    const auto expected = magic == kMagicV0 ? WithTime(-1) : Expected();
    for (const CodecType codec : kLegacyCodecs) {
      const Buffer set = JavaSet(magic, "v", std::string(CodecName(codec)));
      const Walked walked = WalkSet(set);
      CHECK(walked.records == expected);
      CHECK(walked.offsets == std::vector<int64_t>{0, 1, 2, 3, 4, 5});

      const UpConverted converted = UpConvert(set, kPlenty);
      REQUIRE_FALSE(converted.fault.has_value());
      CHECK(BatchView(converted.batch).codec() == codec);
      CHECK_FALSE(CheckBatch(converted.batch, kNoLimits).has_value());
      std::vector<TestRecord> records;
      REQUIRE(ForEachRecord(converted.batch, kPlenty, [&](const RecordView& record) {
                records.push_back(Own(record));
                return Walk::kGoOn;
              }).ok());
      CHECK(records == expected);
    }
  }
}

TEST_CASE("java message sets: without compression our conversion down writes the same bytes") {
  const Buffer created = BatchV2(CodecType::kNone);
  Buffer appended = created;
  StampLogAppendTime(appended, TimestampMs(kAppendTime));
  for (const int8_t magic : {kMagicV0, kMagicV1}) {
    CHECK(Down(created, magic) == JavaSet(magic, "down_", "none"));
    CHECK(Down(created, magic, kBaseOffset + 2) == JavaSet(magic, "down_", "middle"));
    CHECK(Down(appended, magic) == JavaSet(magic, "down_", "append_time"));
  }
}

TEST_CASE("java message sets: compressed sets hold the same messages as the Java client's") {
  for (const int8_t magic : {kMagicV0, kMagicV1}) {
    for (const CodecType codec : kLegacyCodecs) {
      const Buffer theirs = JavaSet(magic, "down_", std::string(CodecName(codec)));
      const Buffer ours = Down(BatchV2(codec), magic);
      CHECK(WalkSet(ours) == WalkSet(theirs));
      CHECK(WalkSet(ours).offsets.back() == kBaseOffset + 5);
      const auto our_first = MessageReader(ours).Next();
      const auto their_first = MessageReader(theirs).Next();
      REQUIRE((our_first.has_value() && their_first.has_value()));
      CHECK(our_first->offset == their_first->offset);
      CHECK(our_first->timestamp == their_first->timestamp);
      CHECK(our_first->attributes == their_first->attributes);
      CHECK_FALSE(UpConvert(ours, kPlenty).fault.has_value());
    }
    Buffer appended = BatchV2(CodecType::kGzip);
    StampLogAppendTime(appended, TimestampMs(kAppendTime));
    const Buffer theirs = JavaSet(magic, "down_", "append_time_gzip");
    CHECK(WalkSet(Down(appended, magic)) == WalkSet(theirs));
    CHECK(MessageReader(Down(appended, magic)).Next()->attributes ==
          MessageReader(theirs).Next()->attributes);
  }
}

}  // namespace millrace::record
