// compression.type and record.validation: batches that the leader opens.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "proto/record/batch_layout.h"
#include "proto/record/compression.h"
#include "tests/broker/support.h"

namespace millrace::test {
namespace {

using Values = std::vector<std::string>;
using record::CodecType;

constexpr CodecType kAllCodecs[] = {CodecType::kNone, CodecType::kGzip, CodecType::kSnappy,
                                    CodecType::kLz4, CodecType::kZstd};

// The codec of each stored batch.
std::vector<CodecType> StoredCodecs(TestClient& client, const std::string& topic) {
  FetchCall call;
  call.Add(topic, 0, 0, 50 << 20);
  auto answer = client.Call(call.request(), kFetchVersion);
  wire::Bytes bytes = *answer->responses[0].partitions[0].records.bytes;
  std::vector<CodecType> codecs;
  while (record::IsIntact(bytes)) {
    codecs.push_back(*record::BatchView(bytes).codec());
    bytes = bytes.subspan(static_cast<size_t>(record::BatchView(bytes).size_bytes()));
  }
  return codecs;
}

// Two records, of which the second claims more key than it has; the checksum is right.
Batch DamagedInside(CodecType codec) {
  const Batch good = BatchOf({"first", "second"});
  Batch block(good.begin() + record::kBatchHeaderBytes, good.end());
  const auto second = static_cast<size_t>(block[0]) / 2 + 1;
  block[second + 4] = std::byte{80};
  Batch batch(good.begin(), good.begin() + record::kBatchHeaderBytes);
  REQUIRE(record::Compress({.codec = codec, .level = std::nullopt}, block, batch).ok());
  record::StoreBigEndian(batch.data() + record::kAttributesAt, static_cast<int16_t>(codec));
  record::StoreBigEndian(batch.data() + record::kBatchLengthAt,
                         static_cast<int32_t>(batch.size() - record::kBatchPrefixBytes));
  record::StoreBigEndian(batch.data() + record::kCrcAt,
                         static_cast<int32_t>(record::ComputeBatchCrc(batch)));
  return batch;
}

TEST_CASE("record validation: by default compressed records stay closed, with full they do not") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "closed");
  CreateTopic(client, "full", 1, {{"record.validation", "full"}});
  for (CodecType codec : kAllCodecs) {
    CHECK(Produce(client, "closed", 0, DamagedInside(codec)).error_code ==
          (codec == CodecType::kNone ? ErrorCode::kInvalidRecord : ErrorCode::kNone));
    CHECK(Produce(client, "full", 0, DamagedInside(codec)).error_code == ErrorCode::kInvalidRecord);
    CHECK(Produce(client, "full", 0, BatchOf({"good"}, {.codec = codec})).error_code ==
          ErrorCode::kNone);
  }
  CHECK(StoredCodecs(client, "full") ==
        std::vector<CodecType>(std::begin(kAllCodecs), std::end(kAllCodecs)));
}

TEST_CASE("record validation: the broker's property is the default of its topics") {
  TestBroker broker(1, {{"record.validation", "full"}});
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  CreateTopic(client, "u", 1, {{"record.validation", "default"}});
  CHECK(Produce(client, "t", 0, DamagedInside(CodecType::kLz4)).error_code ==
        ErrorCode::kInvalidRecord);
  CHECK(Produce(client, "u", 0, DamagedInside(CodecType::kLz4)).error_code == ErrorCode::kNone);
}

TEST_CASE("record validation: the answer names the record that is wrong, from version 8 on") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 4, {{"record.validation", "full"}});
  for (CodecType codec : {CodecType::kNone, CodecType::kGzip}) {
    for (int16_t version = 3; version <= 12; ++version) {
      ProduceCall call;
      for (int32_t p = 0; p < 4; ++p) call.Add("t", p, DamagedInside(codec));
      auto answer = client.Call(call.request(), version);
      for (const auto& result : answer->responses[0].partition_responses) {
        CHECK(result.error_code == ErrorCode::kInvalidRecord);
        REQUIRE(result.record_errors.size() == (version < 8 ? 0 : 1));
        if (version < 8) continue;
        CHECK(result.record_errors[0].batch_index == 1);
        REQUIRE(result.record_errors[0].batch_index_error_message.has_value());
        CHECK(result.record_errors[0].batch_index_error_message == result.error_message);
      }
    }
  }
  // What is wrong with a batch as a whole names no record.
  Batch corrupt = BatchOf({"x"});
  corrupt.back() ^= std::byte{1};
  ProduceCall call;
  call.Add("t", 0, corrupt);
  auto answer = client.Call(call.request(), kProduceVersion);
  CHECK(answer->responses[0].partition_responses[0].record_errors.empty());
  CHECK(answer->responses[0].partition_responses[0].error_message.has_value());
}

TEST_CASE("recompression: batches in another codec than the topic's are rebuilt, damage refused") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  for (const auto& [type, stored] :
       {std::pair<std::string, CodecType>{"uncompressed", CodecType::kNone},
        {"gzip", CodecType::kGzip},
        {"snappy", CodecType::kSnappy},
        {"lz4", CodecType::kLz4},
        {"zstd", CodecType::kZstd}}) {
    CreateTopic(client, type, 1, {{"compression.type", type}});
    Values written;
    for (CodecType codec : kAllCodecs) {
      if (codec != stored) {
        CHECK(Produce(client, type, 0, DamagedInside(codec)).error_code ==
              ErrorCode::kInvalidRecord);
      }
      // Small ones are rebuilt on the shard, large ones beside it.
      for (size_t size : {10, 300'000}) {
        written.push_back(std::string(record::CodecName(codec)) + std::string(size, 'x'));
        auto result = Produce(client, type, 0, BatchOf({written.back()}, {.codec = codec}));
        REQUIRE(result.error_code == ErrorCode::kNone);
        CHECK(result.base_offset == Offset(static_cast<int64_t>(written.size()) - 1));
      }
    }
    CHECK(StoredCodecs(client, type) == std::vector<CodecType>(written.size(), stored));
    CHECK(ReadAll(client, type, 0) == written);
  }
}

TEST_CASE("recompression: the broker's property and its level are the default of its topics") {
  TestBroker broker(1, {{"compression.type", "zstd"}, {"compression.zstd.level", "19"}});
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  CreateTopic(client, "u", 1, {{"compression.type", "producer"}});
  for (const char* topic : {"t", "u"}) Produce(client, topic, 0, BatchOf({"x"}));
  CHECK(StoredCodecs(client, "t") == std::vector{CodecType::kZstd});
  CHECK(StoredCodecs(client, "u") == std::vector{CodecType::kNone});
}

TEST_CASE("recompression: a bomb and a batch that grows too large are refused") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 1, {{"compression.type", "uncompressed"}});
  const Batch bomb = BatchOf({std::string(size_t{80} << 20, '\0')}, {.codec = CodecType::kZstd});
  REQUIRE(bomb.size() < 100'000);
  CHECK(Produce(client, "t", 0, bomb).error_code == ErrorCode::kMessageTooLarge);
  const Batch grows = BatchOf({std::string(2 << 20, 'x')}, {.codec = CodecType::kGzip});
  CHECK(Produce(client, "t", 0, grows).error_code == ErrorCode::kMessageTooLarge);
  CHECK(Produce(client, "t", 0, BatchOf({"good"}, {.codec = CodecType::kGzip})).error_code ==
        ErrorCode::kNone);
  CHECK(ReadAll(client, "t", 0) == Values{"good"});
}

TEST_CASE(
    "recompression: an idempotent batch keeps its sequence, and is known when it comes again") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 1, {{"compression.type", "lz4"}});
  for (int32_t i = 0; i < 10; ++i) {
    for (int again = 0; again < 2; ++again) {
      auto result = Produce(client, "t", 0, BatchOf({fmt::format("{}", i)}, Idempotent(7, i)));
      CHECK(result.error_code == ErrorCode::kNone);
      CHECK(result.base_offset == Offset(i));
    }
  }
  CHECK(Produce(client, "t", 0, BatchOf({"gap"}, Idempotent(7, 11))).error_code ==
        ErrorCode::kOutOfOrderSequenceNumber);
  CHECK(ReadAll(client, "t", 0).size() == 10);
}

TEST_CASE("recompression: batches of one connection keep their order, small and large mixed") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 1, {{"compression.type", "gzip"}});
  Values written;
  for (int i = 0; i < 40; ++i) {
    written.push_back(fmt::format("{}:", i) + std::string(i % 3 == 0 ? 200'000 : 10, 'x'));
    ProduceCall call;
    call.Add("t", 0, BatchOf({written.back()})).request().acks = wire::kAcksLeader;
    client.Send(call.request(), kProduceVersion);
  }
  for (int64_t i = 0; i < 40; ++i) {
    auto answer = client.Receive<wire::ProduceRequest>(kProduceVersion);
    CHECK(answer->responses[0].partition_responses[0].base_offset == Offset(i));
  }
  CHECK(ReadAll(client, "t", 0) == written);
}

TEST_CASE("recompression: with LogAppendTime the rebuilt batch carries the broker's time") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 1,
              {{"message.timestamp.type", "LogAppendTime"}, {"compression.type", "snappy"}});
  auto result = Produce(client, "t", 0, BatchOf({"x"}, {}, 5));
  REQUIRE(result.log_append_time_ms.has_value());
  auto latest = ListOffset(client, "t", 0, wire::kMaxTimestamp);
  CHECK(latest.timestamp == result.log_append_time_ms->value());
  CHECK(StoredCodecs(client, "t") == std::vector{CodecType::kSnappy});
}

}  // namespace
}  // namespace millrace::test
