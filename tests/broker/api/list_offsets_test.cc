#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/broker/support.h"

namespace millrace::test {
namespace {

TEST_CASE("list offsets: unknown partitions, times and leader epochs are refused") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  CHECK(ListOffset(client, "nobody", 0, -1).error_code == ErrorCode::kUnknownTopicOrPartition);
  CHECK(ListOffset(client, "t", 1, -1).error_code == ErrorCode::kUnknownTopicOrPartition);
  CHECK(ListOffset(client, "t", -1, -1).error_code == ErrorCode::kUnknownTopicOrPartition);
  CHECK(ListOffset(client, "t", 0, -7).error_code == ErrorCode::kUnsupportedVersion);
  CHECK(ListOffset(client, "t", 0, wire::kMaxTimestamp, 6).error_code ==
        ErrorCode::kUnsupportedVersion);
}

TEST_CASE("list offsets: an empty log starts and ends at 0 and has no record at any time") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  CHECK(ListOffset(client, "t", 0, wire::kLatestTimestamp).offset == Offset(0));
  CHECK(ListOffset(client, "t", 0, wire::kEarliestTimestamp).offset == Offset(0));
  for (int64_t time : {int64_t{0}, int64_t{1'700'000'000'000}, wire::kMaxTimestamp}) {
    auto found = ListOffset(client, "t", 0, time);
    CHECK(found.error_code == ErrorCode::kNone);
    CHECK_FALSE(found.offset.has_value());
    CHECK(found.timestamp == -1);
  }
}

TEST_CASE("list offsets: the first record at a time or later, in batches of every codec") {
  using record::CodecType;
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 5);
  for (CodecType codec : {CodecType::kNone, CodecType::kGzip, CodecType::kSnappy, CodecType::kLz4,
                          CodecType::kZstd}) {
    auto partition = static_cast<int32_t>(codec);
    INFO(record::CodecName(codec));
    for (int64_t time : {1000, 3000, 2000}) {
      record::BatchBuilder builder({.codec = codec});
      for (int64_t i = 0; i < 3; ++i) {
        builder.Add({.timestamp = TimestampMs(time + i * 10)});
      }
      auto batch = std::move(builder).Build();
      REQUIRE(batch.ok());
      REQUIRE(Produce(client, "t", partition, *batch).error_code == ErrorCode::kNone);
    }
    auto expect = [&](int64_t time, int64_t offset, int64_t timestamp) {
      auto found = ListOffset(client, "t", partition, time);
      CHECK(found.offset == Offset(offset));
      CHECK(found.timestamp == timestamp);
      CHECK(found.leader_epoch == LeaderEpoch(0));
    };
    expect(0, 0, 1000);
    expect(1000, 0, 1000);
    expect(1001, 1, 1010);
    expect(1020, 2, 1020);
    expect(1021, 3, 3000);
    expect(3011, 5, 3020);
    expect(wire::kMaxTimestamp, 5, 3020);
    CHECK_FALSE(ListOffset(client, "t", partition, 3021).offset.has_value());
  }
}

TEST_CASE("list offsets: every version answers the ends") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  Produce(client, "t", 0, BatchOf({"a", "b"}));
  for (int16_t version = 1; version <= 11; ++version) {
    CHECK(ListOffset(client, "t", 0, wire::kLatestTimestamp, version).offset == Offset(2));
    CHECK(ListOffset(client, "t", 0, wire::kEarliestTimestamp, version).offset == Offset(0));
  }
  CHECK(ListOffset(client, "t", 0, wire::kEarliestLocalTimestamp, 8).offset == Offset(0));
  CHECK_FALSE(ListOffset(client, "t", 0, wire::kLatestTieredTimestamp, 9).offset.has_value());
}

TEST_CASE("list offsets: version 0 answers a list") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  Produce(client, "t", 0, BatchOf({"a", "b"}));
  std::vector<wire::ListOffsetsRequest::Partition> asked(3);
  asked[0].timestamp = wire::kLatestTimestamp;
  asked[1].timestamp = wire::kEarliestTimestamp;
  asked[2].timestamp = wire::kLatestTimestamp;
  asked[2].max_num_offsets = 0;
  std::vector<wire::ListOffsetsRequest::Topic> topics{{"t", ArrayOf(asked)}};
  wire::ListOffsetsRequest request;
  request.topics = ArrayOf(topics);
  auto answer = client.Call(request, 0);
  const auto& got = answer->topics[0].partitions;
  REQUIRE(got[0].old_style_offsets.size() == 1);
  CHECK(got[0].old_style_offsets[0] == Offset(2));
  REQUIRE(got[1].old_style_offsets.size() == 1);
  CHECK(got[1].old_style_offsets[0] == Offset(0));
  CHECK(got[2].old_style_offsets.empty());
}

}  // namespace
}  // namespace millrace::test
