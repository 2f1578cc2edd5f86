#include <catch2/catch.hpp>

#include "tests/broker/support.h"

namespace millrace::test {
namespace {

auto Ask(TestClient& client, std::vector<std::string_view> names, int16_t version = 12,
         bool may_create = true) {
  std::vector<wire::MetadataRequest::Topic> topics;
  for (std::string_view name : names) topics.push_back({.topic_id = {}, .name = name});
  wire::MetadataRequest request{.topics = ArrayOf(topics), .allow_auto_topic_creation = may_create};
  return client.Call(request, version);
}

TEST_CASE("metadata: an unknown topic is created, and there when asked again") {
  TestBroker broker(GENERATE(1, 4), {{"num.partitions", "3"}});
  TestClient client = broker.Connect();
  CHECK(Ask(client, {"t"})->topics[0].error_code == ErrorCode::kLeaderNotAvailable);
  auto answer = Ask(client, {"t"});
  CHECK(answer->topics[0].error_code == ErrorCode::kNone);
  REQUIRE(answer->topics[0].partitions.size() == 3);
  for (const auto& partition : answer->topics[0].partitions) {
    CHECK(partition.leader_id == BrokerId(1));
    CHECK(partition.isr_nodes.size() == 1);
  }
  REQUIRE(answer->brokers.size() == 1);
  CHECK(answer->brokers[0].port == broker.port());
  CHECK(answer->cluster_id == broker.broker().cluster_id());
}

TEST_CASE("metadata: nothing is created where the client or the broker forbids it") {
  bool broker_allows = GENERATE(true, false);
  TestBroker broker(1, {{"auto.create.topics.enable", broker_allows ? "true" : "false"}});
  TestClient client = broker.Connect();
  for (int i = 0; i < 2; ++i) {
    CHECK(Ask(client, {"t"}, 12, !broker_allows)->topics[0].error_code ==
          ErrorCode::kUnknownTopicOrPartition);
  }
}

TEST_CASE("metadata: a name that can be no topic's is refused") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  for (std::string_view name : {"", "a/b", ".."}) {
    CHECK(Ask(client, {name})->topics[0].error_code == ErrorCode::kInvalidTopicException);
  }
}

TEST_CASE("metadata: no list means all topics, an empty one none") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  for (const char* name : {"b", "a", "c"}) CreateTopic(client, name);
  for (int16_t version = 0; version <= 13; ++version) {
    auto all = client.Call(wire::MetadataRequest{}, version);
    REQUIRE(all->topics.size() == 3);
    CHECK(all->topics[0].name == "a");
    if (version > 0) CHECK(Ask(client, {}, version)->topics.empty());
  }
}

TEST_CASE("metadata: by id") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  TopicId id = CreateTopic(client, "t");
  TopicId unknown = id;
  unknown.bytes[0] ^= std::byte{1};
  std::vector<wire::MetadataRequest::Topic> topics{{.topic_id = id, .name = std::nullopt},
                                                   {.topic_id = unknown, .name = std::nullopt}};
  auto answer = client.Call(wire::MetadataRequest{.topics = ArrayOf(topics)}, 12);
  CHECK(answer->topics[0].name == "t");
  CHECK(answer->topics[1].error_code == ErrorCode::kUnknownTopicId);
  CHECK(answer->topics[1].topic_id == unknown);
}

TEST_CASE("metadata: a topic that is named often is answered once, whatever ids stand beside it") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  TopicId id = CreateTopic(client, "t");
  std::vector<wire::MetadataRequest::Topic> topics;
  for (uint8_t i = 0; i < 100; ++i) {
    id.bytes[0] = std::byte{i};
    topics.push_back({.topic_id = id, .name = "t"});
  }
  auto answer = client.Call(wire::MetadataRequest{.topics = ArrayOf(topics)}, 12);
  CHECK(answer->topics.size() == 1);
}

TEST_CASE("producer ids: a transactional id is refused, others get a fresh id each") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CHECK(client.Call(wire::InitProducerIdRequest{.transactional_id = "x"}, 4)->error_code ==
        ErrorCode::kTransactionalIdAuthorizationFailed);
  auto first = client.Call(wire::InitProducerIdRequest{}, 0);
  REQUIRE(first->producer_id.has_value());
  CHECK(first->producer_epoch == ProducerEpoch(0));
  TestClient other = broker.Connect();
  auto second = other.Call(wire::InitProducerIdRequest{}, 5);
  CHECK(second->producer_id > first->producer_id);
  broker.Restart();
  TestClient later = broker.Connect();
  CHECK(later.Call(wire::InitProducerIdRequest{}, 5)->producer_id > second->producer_id);
}

TEST_CASE("find coordinator: this broker, in every version") {
  TestBroker broker(1, {{"offsets.topic.num.partitions", "2"}});
  TestClient client = broker.Connect();
  std::vector<std::string_view> keys{"a", "b"};
  for (int16_t version = 0; version <= 6; ++version) {
    wire::FindCoordinatorRequest request{.key = "g", .coordinator_keys = ArrayOf(keys)};
    auto answer = client.Call(request, version);
    if (version < 4) {
      CHECK(answer->error_code == ErrorCode::kNone);
      CHECK(answer->node_id == BrokerId(1));
      CHECK(answer->port == broker.port());
    } else {
      REQUIRE(answer->coordinators.size() == 2);
      CHECK(answer->coordinators[1].key == "b");
      CHECK(answer->coordinators[1].error_code == ErrorCode::kNone);
      CHECK(answer->coordinators[1].node_id == BrokerId(1));
      CHECK(answer->coordinators[1].port == broker.port());
    }
  }
}

TEST_CASE("describe cluster: the broker, and not a controller") {
  TestBroker broker(1, {{"node.id", "3"}, {"broker.rack", "r1"}});
  TestClient client = broker.Connect();
  wire::DescribeClusterRequest controllers{.endpoint_type = wire::EndpointType::kController};
  CHECK(client.Call(controllers, 1)->error_code == ErrorCode::kMismatchedEndpointType);
  wire::DescribeClusterRequest unknown{.endpoint_type = static_cast<wire::EndpointType>(9)};
  CHECK(client.Call(unknown, 1)->error_code == ErrorCode::kUnsupportedEndpointType);
  for (int16_t version = 0; version <= 2; ++version) {
    auto answer = client.Call(wire::DescribeClusterRequest{}, version);
    CHECK(answer->error_code == ErrorCode::kNone);
    REQUIRE(answer->brokers.size() == 1);
    CHECK(answer->brokers[0].broker_id == BrokerId(3));
    CHECK(answer->brokers[0].rack == "r1");
    CHECK(answer->cluster_id == broker.broker().cluster_id());
  }
}

}  // namespace
}  // namespace millrace::test
