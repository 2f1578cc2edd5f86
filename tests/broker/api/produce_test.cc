#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/broker/support.h"

namespace millrace::test {
namespace {

using Values = std::vector<std::string>;

TEST_CASE("produce: what cannot be appended is refused, and its neighbours are not") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 8);
  CreateTopic(client, "u", 1, {{"min.insync.replicas", "2"}});  // of one replica, one is enough
  Batch corrupt = BatchOf({"x"});
  corrupt.back() ^= std::byte{1};
  record::BatchBuilderOptions transactional = Idempotent(1, 0);
  transactional.transactional = true;
  ProduceCall call;
  call.Add("t", 0, BatchOf({"good"}))
      .Add("t", 1, corrupt)
      .Add("t", 2, LargeBatch(2 << 20))
      .Add("t", 8, BatchOf({"x"}))
      .Add("t", -1, BatchOf({"x"}))
      .Add("t", 3, Batch())
      .Add("t", 5, BatchOf({"x"}, transactional))
      .Add("t", 6, BatchOf({"good too"}))
      .Add("nobody", 0, BatchOf({"x"}))
      .Add("u", 0, BatchOf({"x"}));
  auto answer = client.Call(call.request(), kProduceVersion);
  REQUIRE(answer->responses.size() == 3);
  const auto& results = answer->responses[0].partition_responses;
  REQUIRE(results.size() == 8);
  CHECK(results[0].error_code == ErrorCode::kNone);
  CHECK(results[1].error_code == ErrorCode::kCorruptMessage);
  CHECK(results[2].error_code == ErrorCode::kMessageTooLarge);
  CHECK(results[3].error_code == ErrorCode::kUnknownTopicOrPartition);
  CHECK(results[4].error_code == ErrorCode::kUnknownTopicOrPartition);
  CHECK(results[5].error_code != ErrorCode::kNone);
  CHECK(results[6].error_code == ErrorCode::kInvalidTxnState);
  CHECK(results[7].error_code == ErrorCode::kNone);
  CHECK(answer->responses[1].partition_responses[0].error_code ==
        ErrorCode::kUnknownTopicOrPartition);
  CHECK(answer->responses[2].partition_responses[0].error_code == ErrorCode::kNone);
  CHECK_FALSE(results[1].base_offset.has_value());
  CHECK(ReadAll(client, "t", 0) == Values{"good"});
  CHECK(ReadAll(client, "t", 6) == Values{"good too"});
  for (int32_t partition : {1, 2, 3, 4, 5}) CHECK(ReadAll(client, "t", partition).empty());
}

TEST_CASE("produce: null where records must be is refused") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 2);
  ProduceCall call;
  call.Add("t", 0, std::nullopt).Add("t", 1, BatchOf({"good"}));
  for (int16_t version = 3; version <= 12; ++version) {
    auto answer = client.Call(call.request(), version);
    const auto& results = answer->responses[0].partition_responses;
    CHECK(results[0].error_code != ErrorCode::kNone);
    CHECK(results[1].error_code == ErrorCode::kNone);
  }
  CHECK(ReadAll(client, "t", 0).empty());
}

TEST_CASE("produce: acks other than -1, 0 and 1 are refused") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  for (int16_t acks : {-2, 2, 32767}) {
    CHECK(Produce(client, "t", 0, BatchOf({"x"}), acks).error_code ==
          ErrorCode::kInvalidRequiredAcks);
  }
  CHECK(ReadAll(client, "t", 0).empty());
}

TEST_CASE("produce: acks=0 has no answer, and an error there closes the connection") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 4);
  ProduceCall call;
  for (int32_t p = 0; p < 4; ++p) call.Add("t", p, BatchOf({fmt::format("{}", p)}));
  call.request().acks = wire::kAcksNone;
  client.Send(call.request(), kProduceVersion);
  client.ExpectNoAnswer();
  for (int32_t p = 0; p < 4; ++p) {
    // The next request of the connection comes after it.
    CHECK(ReadAll(client, "t", p) == Values{fmt::format("{}", p)});
  }
  ProduceCall bad;
  bad.Add("nobody", 0, BatchOf({"x"})).request().acks = wire::kAcksNone;
  client.Send(bad.request(), kProduceVersion);
  CHECK(client.IsClosedByBroker());
}

TEST_CASE("produce: every version of produce and fetch, over several topics and partitions") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  for (const char* name : {"a", "b", "c"}) CreateTopic(client, name, 3);
  int64_t written = 0;
  for (int16_t version = 3; version <= 12; ++version) {
    ProduceCall call;
    for (const char* name : {"a", "b", "c"}) {
      for (int32_t p = 0; p < 3; ++p) {
        call.Add(name, p, BatchOf({fmt::format("{}-{}-v{}", name, p, version), "second"}));
      }
    }
    call.request().acks = version % 2 == 0 ? wire::kAcksAll : wire::kAcksLeader;
    auto answer = client.Call(call.request(), version);
    REQUIRE(answer->responses.size() == 3);
    for (const auto& topic : answer->responses) {
      for (const auto& result : topic.partition_responses) {
        REQUIRE(result.error_code == ErrorCode::kNone);
        CHECK(result.base_offset == Offset(written));
        CHECK_FALSE(result.log_append_time_ms.has_value());
        if (version >= 5) CHECK(result.log_start_offset == Offset(0));
      }
    }
    written += 2;
  }
  for (int16_t version = 4; version <= 12; ++version) {
    FetchCall call;
    for (const char* name : {"a", "b", "c"}) {
      for (int32_t p = 0; p < 3; ++p) call.Add(name, p, written - 2);
    }
    auto answer = client.Call(call.request(), version);
    REQUIRE(answer->responses.size() == 3);
    for (const auto& topic : answer->responses) {
      REQUIRE(topic.partitions.size() == 3);
      for (const auto& got : topic.partitions) {
        CHECK(got.error_code == ErrorCode::kNone);
        CHECK(got.high_watermark == Offset(written));
        CHECK(got.last_stable_offset == Offset(written));
        std::string first = fmt::format("{}-{}-v12", topic.topic, got.partition_index.value());
        CHECK(ValuesIn(got.records) == Values{first, "second"});
      }
    }
  }
}

TEST_CASE("produce: acks=all is answered when the records can be read") {
  TestBroker broker(GENERATE(1, 4));
  TestClient producer = broker.Connect(), consumer = broker.Connect();
  CreateTopic(producer, "t", 2);
  for (int64_t i = 0; i < 20; ++i) {
    auto result = Produce(producer, "t", i % 2, BatchOf({fmt::format("{}", i)}));
    REQUIRE(result.error_code == ErrorCode::kNone);
    auto latest = ListOffset(consumer, "t", i % 2, wire::kLatestTimestamp);
    CHECK(latest.offset == Offset(result.base_offset->value() + 1));
  }
}

TEST_CASE("produce: with LogAppendTime the answer and the records carry the broker's time") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 1, {{"message.timestamp.type", "LogAppendTime"}});
  auto result = Produce(client, "t", 0, BatchOf({"x"}, {}, 5));
  REQUIRE(result.log_append_time_ms.has_value());
  CHECK(result.log_append_time_ms->value() > 5);
  auto latest = ListOffset(client, "t", 0, wire::kMaxTimestamp);
  CHECK(latest.timestamp == result.log_append_time_ms->value());
}

TEST_CASE("produce: an idempotent batch that comes again is answered as the first time") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  auto id = client.Call(wire::InitProducerIdRequest{}, 4)->producer_id;
  REQUIRE(id.has_value());
  CHECK(Produce(client, "t", 0, BatchOf({"a", "b"}, Idempotent(id->value(), 0))).base_offset ==
        Offset(0));
  CHECK(Produce(client, "t", 0, BatchOf({"c"}, Idempotent(id->value(), 2))).base_offset ==
        Offset(2));
  for (int16_t acks : {-1, 1}) {
    auto again = Produce(client, "t", 0, BatchOf({"a", "b"}, Idempotent(id->value(), 0)), acks);
    CHECK(again.error_code == ErrorCode::kNone);
    CHECK(again.base_offset == Offset(0));
  }
  CHECK(ReadAll(client, "t", 0) == Values{"a", "b", "c"});
  SECTION("also after a restart") {
    broker.Restart();
    TestClient later = broker.Connect();
    CHECK(Produce(later, "t", 0, BatchOf({"c"}, Idempotent(id->value(), 2))).base_offset ==
          Offset(2));
    CHECK(ReadAll(later, "t", 0) == Values{"a", "b", "c"});
  }
}

TEST_CASE("produce: a gap in the sequence and an old epoch are refused") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  CHECK(Produce(client, "t", 0, BatchOf({"a"}, Idempotent(7, 0, 1))).error_code ==
        ErrorCode::kNone);
  CHECK(Produce(client, "t", 0, BatchOf({"c"}, Idempotent(7, 2, 1))).error_code ==
        ErrorCode::kOutOfOrderSequenceNumber);
  CHECK(Produce(client, "t", 0, BatchOf({"b"}, Idempotent(7, 1, 0))).error_code ==
        ErrorCode::kInvalidProducerEpoch);
  CHECK(ReadAll(client, "t", 0) == Values{"a"});
}

TEST_CASE("produce: zstd is refused before version 7") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  record::BatchBuilderOptions zstd{.codec = record::CodecType::kZstd};
  ProduceCall call;
  call.Add("t", 0, BatchOf({"x"}, zstd));
  CHECK(client.Call(call.request(), 6)->responses[0].partition_responses[0].error_code ==
        ErrorCode::kUnsupportedCompressionType);
  CHECK(client.Call(call.request(), 7)->responses[0].partition_responses[0].error_code ==
        ErrorCode::kNone);
  CHECK(ReadAll(client, "t", 0) == Values{"x"});
}

TEST_CASE("produce: segments roll under load, and every record can be read across them") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 2, {{"segment.bytes", "1048576"}});
  constexpr int kBatches = 60;
  // Pipelined, so that appends wait for a roll.
  for (int i = 0; i < kBatches; ++i) {
    ProduceCall call;
    for (int32_t p = 0; p < 2; ++p) {
      call.Add("t", p, BatchOf({fmt::format("{}:{}", i, std::string(100'000, 'x'))}));
    }
    call.request().acks = i % 3 == 0 ? wire::kAcksAll : wire::kAcksLeader;
    client.Send(call.request(), kProduceVersion);
  }
  for (int64_t i = 0; i < kBatches; ++i) {
    auto answer = client.Receive<wire::ProduceRequest>(kProduceVersion);
    for (const auto& result : answer->responses[0].partition_responses) {
      REQUIRE(result.error_code == ErrorCode::kNone);
      CHECK(result.base_offset == Offset(i));
    }
  }
  for (int32_t p = 0; p < 2; ++p) {
    Values values = ReadAll(client, "t", p);
    REQUIRE(values.size() == kBatches);
    for (size_t i = 0; i < values.size(); ++i) {
      CHECK(values[i].starts_with(fmt::format("{}:x", i)));
    }
  }
}

}  // namespace
}  // namespace millrace::test
