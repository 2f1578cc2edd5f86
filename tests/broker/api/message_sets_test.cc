// Produce 0 to 2 and Fetch 0 to 3: what clients older than Kafka 0.11 send and expect.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "proto/record/compression.h"
#include "proto/record/message_set.h"
#include "tests/broker/support.h"

namespace millrace::test {
namespace {

using Values = std::vector<std::string>;
using record::CodecType;
using record::MessageView;

constexpr CodecType kLegacyCodecs[] = {CodecType::kNone, CodecType::kGzip, CodecType::kSnappy,
                                       CodecType::kLz4};

// `value` must outlive the message.
MessageView MessageOf(int8_t magic, std::string_view value) {
  return {.offset = Offset(0),
          .magic = magic,
          .attributes = 0,
          .timestamp = TimestampMs(magic == 0 ? -1 : 1'700'000'000'000),
          .key = std::nullopt,
          .value = std::as_bytes(std::span(value))};
}

Batch SetOf(int8_t magic, const Values& values, CodecType codec = CodecType::kNone) {
  Batch set;
  for (const std::string& value : values) AppendMessage(MessageOf(magic, value), set);
  if (codec == CodecType::kNone) return set;
  Batch packed, wrapped;
  const record::Compression how{.codec = codec, .level = std::nullopt};
  REQUIRE((magic == 0 ? CompressForMagic0(how, set, packed) : Compress(how, set, packed)).ok());
  MessageView wrapper = MessageOf(magic, "");
  wrapper.attributes = static_cast<int8_t>(codec);
  wrapper.value = packed;
  AppendMessage(wrapper, wrapped);
  return wrapped;
}

int8_t MagicOfProduce(int16_t version) { return version < 2 ? 0 : 1; }

ErrorCode ProduceSet(TestClient& client, int16_t version, Batch set, int32_t partition = 0) {
  ProduceCall call;
  call.Add("t", partition, std::move(set));
  return client.Call(call.request(), version)->responses[0].partition_responses[0].error_code;
}

struct Fetched {
  ErrorCode error;
  std::vector<std::pair<int64_t, std::string>> messages;
  size_t bytes = 0;
  std::vector<int8_t> magics;
};

Fetched FetchSet(TestClient& client, int16_t version, int64_t offset, int32_t max_bytes = 1 << 20,
                 int32_t partition = 0) {
  FetchCall call;
  call.Add("t", partition, offset, max_bytes);
  auto answer = client.Call(call.request(), version);
  const auto& got = answer->responses[0].partitions[0];
  REQUIRE(got.records.bytes.has_value());
  Fetched fetched{.error = got.error_code, .messages = {}, .magics = {}};
  fetched.bytes = got.records.bytes->size();
  auto fault =
      record::ForEachMessage(*got.records.bytes, size_t{64} << 20, [&](const MessageView& message) {
        wire::Bytes value = message.value.value_or(wire::Bytes());
        fetched.messages.emplace_back(
            message.offset.value(),
            std::string(reinterpret_cast<const char*>(value.data()), value.size()));
        fetched.magics.push_back(message.magic);
      });
  INFO((fault.has_value() ? fault->message : ""));
  REQUIRE_FALSE(fault.has_value());
  return fetched;
}

TEST_CASE("message sets: what is damaged, mixed or marked is refused, and its neighbours are not") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 8);
  for (int16_t version = 0; version < 3; ++version) {
    const int8_t magic = MagicOfProduce(version);
    Batch damaged = SetOf(magic, {"x"});
    damaged.back() ^= std::byte{1};
    Batch torn = SetOf(magic, {"x", "y"});
    torn.pop_back();
    Batch mixed = SetOf(0, {"x"});
    AppendMessage(MessageOf(1, "y"), mixed);
    Batch beside = SetOf(magic, {"x"}, CodecType::kGzip);
    AppendMessage(MessageOf(magic, "y"), beside);
    MessageView zstd = MessageOf(magic, "x");
    zstd.attributes = 4;
    Batch unknown;
    AppendMessage(zstd, unknown);
    ProduceCall call;
    call.Add("t", 0, SetOf(magic, {"good"}))
        .Add("t", 1, damaged)
        .Add("t", 2, torn)
        .Add("t", 3, mixed)
        .Add("t", 4, beside)
        .Add("t", 5, unknown)
        .Add("t", 6, SetOf(magic, {std::string(2 << 20, 'L')}))
        .Add("t", 7, SetOf(magic, {"good too"}));
    auto answer = client.Call(call.request(), version);
    const auto& results = answer->responses[0].partition_responses;
    CHECK(results[0].error_code == ErrorCode::kNone);
    CHECK(results[1].error_code == ErrorCode::kCorruptMessage);
    CHECK(results[2].error_code == ErrorCode::kCorruptMessage);
    CHECK(results[3].error_code == ErrorCode::kInvalidRecord);
    CHECK(results[4].error_code == ErrorCode::kInvalidRecord);
    CHECK(results[5].error_code == ErrorCode::kUnsupportedCompressionType);
    CHECK(results[6].error_code == ErrorCode::kMessageTooLarge);
    CHECK(results[7].error_code == ErrorCode::kNone);
  }
  CHECK(ReadAll(client, "t", 0) == Values{"good", "good", "good"});
  CHECK(ReadAll(client, "t", 7) == Values{"good too", "good too", "good too"});
  for (int32_t partition : {1, 2, 3, 4, 5, 6}) CHECK(ReadAll(client, "t", partition).empty());
}

TEST_CASE("message sets: while there is no memory for one, an old fetch finds nothing") {
  TestBroker broker(1, {{"memory.budget.bytes", "134217728"}});
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  REQUIRE(ProduceSet(client, 2, SetOf(1, {"good"})) == ErrorCode::kNone);
  const MemoryBudget& budget = broker.broker().memory_budget();
  auto wait_until = [&](auto&& holds) {
    for (int tries = 0; !holds() && tries < 100'000; ++tries) {
      client.Call(wire::ApiVersionsRequest{"a", "1"}, 3);
    }
    REQUIRE(holds());
  };
  {
    std::vector<TestClient> halves;
    Batch half(1 << 20);
    half[1] = std::byte{0x10};  // a frame of that size, whose last bytes do not come
    for (int i = 0; i < 46; ++i) halves.emplace_back(broker.Connect()).SendRaw(half);
    wait_until([&] { return budget.shared_left() < 2 << 20; });
    Fetched fetched = FetchSet(client, 2, 0);
    CHECK(fetched.error == ErrorCode::kNone);
    CHECK(fetched.bytes == 0);
  }
  wait_until([&] { return budget.shared_left() > 2 << 20; });
  CHECK(FetchSet(client, 2, 0).messages.size() == 1);
}

TEST_CASE("message sets: a bomb is refused, and the broker goes on") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  const Batch bomb = SetOf(1, {std::string(size_t{80} << 20, '\0')}, CodecType::kGzip);
  REQUIRE(bomb.size() < 200'000);
  CHECK(ProduceSet(client, 2, bomb) == ErrorCode::kMessageTooLarge);
  CHECK(ProduceSet(client, 2, SetOf(1, {"good"})) == ErrorCode::kNone);
}

TEST_CASE("message sets: from version 3 on Produce takes none") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  for (int16_t version : {3, 7, 12}) {
    for (int8_t magic : {0, 1}) {
      CHECK(ProduceSet(client, version, SetOf(magic, {std::string(100, 'x')})) ==
            ErrorCode::kInvalidRecord);
    }
  }
  CHECK(ReadAll(client, "t", 0).empty());
}

TEST_CASE("message sets: a batch in an old version is taken, an empty set is no error") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  for (int16_t version = 0; version < 3; ++version) {
    CHECK(ProduceSet(client, version, BatchOf({fmt::format("v{}", version)})) == ErrorCode::kNone);
    ProduceCall call;
    call.Add("t", 0, Batch());
    auto answer = client.Call(call.request(), version);
    const auto& result = answer->responses[0].partition_responses[0];
    CHECK(result.error_code == ErrorCode::kNone);
    CHECK_FALSE(result.base_offset.has_value());
  }
  CHECK(ReadAll(client, "t", 0) == Values{"v0", "v1", "v2"});
}

TEST_CASE("message sets: acks=0 in an old version writes, and an error closes the connection") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  ProduceCall call;
  call.Add("t", 0, SetOf(1, {"a"}, CodecType::kGzip)).request().acks = wire::kAcksNone;
  client.Send(call.request(), 2);
  client.ExpectNoAnswer();
  CHECK(ReadAll(client, "t", 0) == Values{"a"});
  Batch damaged = SetOf(1, {"x"});
  damaged.back() ^= std::byte{1};
  ProduceCall bad;
  bad.Add("t", 0, damaged).request().acks = wire::kAcksNone;
  client.Send(bad.request(), 2);
  CHECK(client.IsClosedByBroker());
}

TEST_CASE("message sets: every codec goes in and comes out, in every version") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  // Some large enough that they are converted on another thread.
  std::vector<std::pair<int64_t, std::string>> written;
  for (int16_t version = 0; version < 3; ++version) {
    for (CodecType codec : kLegacyCodecs) {
      Values values = {fmt::format("v{} {}", version, record::CodecName(codec)), "",
                       std::string(version == 1 ? 100'000 : 10, 'x')};
      ProduceCall call;
      call.Add("t", 0, SetOf(MagicOfProduce(version), values, codec));
      auto answer = client.Call(call.request(), version);
      const auto& result = answer->responses[0].partition_responses[0];
      REQUIRE(result.error_code == ErrorCode::kNone);
      CHECK(result.base_offset == Offset(static_cast<int64_t>(written.size())));
      for (std::string& value : values) {
        written.emplace_back(static_cast<int64_t>(written.size()), std::move(value));
      }
    }
  }
  for (int16_t version = 0; version < 4; ++version) {
    Fetched all = FetchSet(client, version, 0);
    CHECK(all.error == ErrorCode::kNone);
    CHECK(all.messages == written);
    for (int8_t magic : all.magics) CHECK(magic == (version < 2 ? 0 : 1));
  }
  Values values;
  for (const auto& [offset, value] : written) values.push_back(value);
  CHECK(ReadAll(client, "t", 0) == values);
}

TEST_CASE("message sets: zstd is not sent to old fetches, what stands before it is") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  Produce(client, "t", 0, BatchOf({"plain"}));
  Produce(client, "t", 0, BatchOf({"packed"}, {.codec = CodecType::kZstd}));
  Produce(client, "t", 0, BatchOf({"behind"}));
  for (int16_t version = 0; version < 4; ++version) {
    CHECK(FetchSet(client, version, 0).messages.size() == 1);
    Fetched refused = FetchSet(client, version, 1);
    CHECK(refused.error == ErrorCode::kUnsupportedCompressionType);
    CHECK(refused.bytes == 0);
    CHECK(FetchSet(client, version, 2).messages.size() == 1);
  }
}

TEST_CASE("message sets: an old fetch gets one whole message, and no more than it asked for") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 2);
  for (int32_t partition : {0, 1}) {
    Values values;
    for (int i = 0; i < 100; ++i) values.push_back(fmt::format("{:03}", i));
    Produce(client, "t", partition, BatchOf(values));
  }
  for (int16_t version = 0; version < 4; ++version) {
    Fetched one = FetchSet(client, version, 7, 1);
    REQUIRE(one.messages.size() == 1);
    CHECK(one.messages[0] == std::pair<int64_t, std::string>{7, "007"});
    Fetched some = FetchSet(client, version, 7, 400);
    CHECK(some.messages.size() > 5);
    CHECK(some.bytes <= 400);
    CHECK(FetchSet(client, version, 99).messages.size() == 1);
    CHECK(FetchSet(client, version, 100).bytes == 0);
  }
  FetchCall both;
  both.Add("t", 0, 0).Add("t", 1, 0).request().max_bytes = 1;
  auto answer = client.Call(both.request(), 3);
  CHECK_FALSE(answer->responses[0].partitions[0].records.bytes->empty());
  CHECK(answer->responses[0].partitions[1].records.bytes->empty());
}

TEST_CASE("message sets: an old fetch that waits is answered when records arrive") {
  TestBroker broker(GENERATE(1, 4));
  TestClient consumer = broker.Connect(), producer = broker.Connect();
  CreateTopic(producer, "t", 4);
  for (int16_t version = 0; version < 4; ++version) {
    FetchCall call;
    for (int32_t p = 0; p < 4; ++p) call.Add("t", p, p < version ? 1 : 0);
    call.request().max_wait_ms = 3'600'000;
    consumer.Send(call.request(), version);
    REQUIRE(ProduceSet(producer, 1, SetOf(0, {"new"}, CodecType::kLz4), version) ==
            ErrorCode::kNone);
    auto answer = consumer.Receive<wire::FetchRequest>(version);
    for (const auto& got : answer->responses[0].partitions) {
      CHECK(got.records.bytes->empty() == (got.partition_index != PartitionIndex(version)));
    }
  }
}

}  // namespace
}  // namespace millrace::test
