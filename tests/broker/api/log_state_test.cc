// DeleteRecords, OffsetForLeaderEpoch, DescribeLogDirs and DescribeProducers.
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/broker/support.h"

namespace millrace::test {
namespace {

using Values = std::vector<std::string>;

auto DeleteBefore(TestClient& client, std::string_view topic, int32_t partition,
                  std::optional<int64_t> offset, int16_t version = 2) {
  std::vector<wire::DeleteRecordsRequest::Partition> partitions(1);
  partitions[0].partition_index = PartitionIndex(partition);
  if (offset.has_value()) partitions[0].offset = Offset(*offset);
  std::vector<wire::DeleteRecordsRequest::Topic> topics{{topic, ArrayOf(partitions)}};
  auto answer = client.Call(wire::DeleteRecordsRequest{ArrayOf(topics), 30'000}, version);
  REQUIRE(answer->topics.size() == 1);
  return answer->topics[0].partitions[0];
}

TEST_CASE("delete records: what cannot be is refused and deletes nothing") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  Produce(client, "t", 0, BatchOf({"a", "b"}));
  CHECK(DeleteBefore(client, "nobody", 0, 1).error_code == ErrorCode::kUnknownTopicOrPartition);
  CHECK(DeleteBefore(client, "t", 1, 1).error_code == ErrorCode::kUnknownTopicOrPartition);
  CHECK(DeleteBefore(client, "t", 0, 3).error_code == ErrorCode::kOffsetOutOfRange);
  CHECK(DeleteBefore(client, "t", 0, -2).error_code == ErrorCode::kOffsetOutOfRange);
  CHECK(ReadAll(client, "t", 0) == Values{"a", "b"});
}

TEST_CASE("delete records: the log starts where it was told to, also after a restart") {
  TestBroker broker(GENERATE(1, 4));
  {
    TestClient client = broker.Connect();
    CreateTopic(client, "t", 2, {{"retention.ms", "-1"}});
    for (const char* value : {"a", "b", "c", "d"}) {
      Produce(client, "t", 1, BatchOf({value}), wire::kAcksLeader);
    }
    for (int16_t version = 0; version <= 2; ++version) {
      auto deleted = DeleteBefore(client, "t", 1, version + 1, version);
      CHECK(deleted.error_code == ErrorCode::kNone);
      CHECK(deleted.low_watermark == Offset(version + 1));
    }
    CHECK(DeleteBefore(client, "t", 1, 1).low_watermark == Offset(3));  // never goes back
    CHECK(ListOffset(client, "t", 1, wire::kEarliestTimestamp).offset == Offset(3));
    FetchCall call;
    auto answer = client.Call(call.Add("t", 1, 2).request(), kFetchVersion);
    CHECK(answer->responses[0].partitions[0].error_code == ErrorCode::kOffsetOutOfRange);
    CHECK(ReadAll(client, "t", 1, 3) == Values{"d"});
  }
  broker.Restart();
  TestClient client = broker.Connect();
  CHECK(ListOffset(client, "t", 1, wire::kEarliestTimestamp).offset == Offset(3));
  CHECK(DeleteBefore(client, "t", 1, std::nullopt).low_watermark == Offset(4));
  CHECK(ReadAll(client, "t", 1, 4).empty());
  CHECK(Produce(client, "t", 1, BatchOf({"e"})).base_offset == Offset(4));
}

TEST_CASE("delete records: segments that are wholly below the start are removed") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 1, {{"segment.bytes", "1048576"}, {"retention.ms", "-1"}});
  for (int i = 0; i < 5; ++i) Produce(client, "t", 0, LargeBatch(700'000));
  auto size = [&] {
    auto answer = client.Call(wire::DescribeLogDirsRequest{}, 5);
    REQUIRE(answer->results.size() == 1);
    REQUIRE(answer->results[0].topics.size() == 1);
    return answer->results[0].topics[0].partitions[0].partition_size;
  };
  CHECK(size() > 5 * 700'000);
  CHECK(DeleteBefore(client, "t", 0, 4).low_watermark == Offset(4));
  CHECK(size() < 2 * 700'000);
}

TEST_CASE("offset for leader epoch: a known epoch has an end, a later one has none") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 2);
  Produce(client, "t", 1, BatchOf({"a", "b"}));
  auto end_of = [&](int32_t epoch, int32_t current, int32_t partition, int16_t version) {
    std::vector<wire::OffsetForLeaderEpochRequest::Partition> partitions(1);
    partitions[0].partition = PartitionIndex(partition);
    partitions[0].leader_epoch = LeaderEpoch(epoch);
    if (current >= 0) partitions[0].current_leader_epoch = LeaderEpoch(current);
    std::vector<wire::OffsetForLeaderEpochRequest::Topic> topics{{"t", ArrayOf(partitions)}};
    wire::OffsetForLeaderEpochRequest request{.replica_id = {}, .topics = ArrayOf(topics)};
    return client.Call(request, version)->topics[0].partitions[0];
  };
  for (int16_t version = 0; version <= 4; ++version) {
    CHECK(end_of(0, -1, 1, version).end_offset == Offset(2));
    CHECK(end_of(0, -1, 0, version).end_offset == Offset(0));
  }
  CHECK(end_of(0, 0, 1, 4).leader_epoch == LeaderEpoch(0));
  CHECK_FALSE(end_of(1, -1, 1, 4).end_offset.has_value());
  CHECK_FALSE(end_of(1, -1, 1, 4).leader_epoch.has_value());
  CHECK(end_of(0, 1, 1, 4).error_code == ErrorCode::kUnknownLeaderEpoch);
  CHECK(end_of(0, -1, 2, 4).error_code == ErrorCode::kUnknownTopicOrPartition);
}

TEST_CASE("describe log dirs: sizes of the partitions that are asked for") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 3);
  CreateTopic(client, "u", 1);
  Produce(client, "t", 2, BatchOf({"a"}));
  for (int16_t version = 0; version <= 5; ++version) {
    auto all = client.Call(wire::DescribeLogDirsRequest{}, version);
    REQUIRE(all->results.size() == 1);
    const auto& directory = all->results[0];
    CHECK(directory.error_code == ErrorCode::kNone);
    CHECK(directory.log_dir == broker.directory());
    REQUIRE(directory.topics.size() == 2);
    REQUIRE(directory.topics[0].partitions.size() == 3);
    CHECK(directory.topics[0].partitions[0].partition_size == 0);
    CHECK(directory.topics[0].partitions[2].partition_size > 0);
    if (version >= 4) CHECK(directory.total_bytes.value_or(0) > directory.usable_bytes.value_or(0));
  }
  std::vector<PartitionIndex> indexes{PartitionIndex(1), PartitionIndex(9)};
  std::vector<wire::DescribeLogDirsRequest::Topic> asked{{"t", ArrayOf(indexes)},
                                                         {"nobody", ArrayOf(indexes)}};
  auto some = client.Call(wire::DescribeLogDirsRequest{.topics = ArrayOf(asked)}, 5);
  REQUIRE(some->results[0].topics.size() == 1);
  REQUIRE(some->results[0].topics[0].partitions.size() == 1);
  CHECK(some->results[0].topics[0].partitions[0].partition_index == PartitionIndex(1));
}

TEST_CASE("describe producers: the idempotent producers that a partition remembers") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 2);
  Produce(client, "t", 1, BatchOf({"a", "b"}, Idempotent(4711, 0, 3)));
  std::vector<PartitionIndex> indexes{PartitionIndex(0), PartitionIndex(1), PartitionIndex(2),
                                      PartitionIndex(1)};
  std::vector<wire::DescribeProducersRequest::Topic> asked{{"t", ArrayOf(indexes)}};
  auto answer = client.Call(wire::DescribeProducersRequest{ArrayOf(asked)}, 0);
  const auto& partitions = answer->topics[0].partitions;
  REQUIRE(partitions.size() == 4);
  CHECK(partitions[0].active_producers.empty());
  REQUIRE(partitions[1].active_producers.size() == 1);
  const auto& producer = partitions[1].active_producers[0];
  CHECK(producer.producer_id == ProducerId(4711));
  CHECK(producer.producer_epoch == 3);
  CHECK(producer.last_sequence == 1);
  CHECK(producer.last_timestamp == TimestampMs(1'700'000'000'000));
  CHECK_FALSE(producer.current_txn_start_offset.has_value());
  CHECK(partitions[2].error_code == ErrorCode::kUnknownTopicOrPartition);
  CHECK(partitions[3].error_code == ErrorCode::kInvalidRequest);
}

}  // namespace
}  // namespace millrace::test
