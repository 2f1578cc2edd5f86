#include <deque>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "tests/broker/support.h"

namespace millrace::test {
namespace {

using NewTopic = wire::CreateTopicsRequest::Topic;

auto Create(TestClient& client, std::vector<NewTopic> topics, int16_t version = 7,
            bool validate_only = false) {
  return client.Call(
      wire::CreateTopicsRequest{.topics = ArrayOf(topics), .validate_only = validate_only},
      version);
}

ErrorCode CreateOne(TestClient& client, const NewTopic& topic, int16_t version = 7) {
  return Create(client, {topic}, version)->topics[0].error_code;
}

ErrorCode MetadataError(TestClient& client, std::string_view name) {
  std::vector<wire::MetadataRequest::Topic> topics{{.topic_id = {}, .name = name}};
  wire::MetadataRequest request{.topics = ArrayOf(topics), .allow_auto_topic_creation = false};
  return client.Call(request, 12)->topics[0].error_code;
}

TEST_CASE("create topics: what cannot be is refused, by its reason, and creates nothing") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  for (std::string_view name : {"", ".", "..", "a/b", "a b"}) {
    CHECK(CreateOne(client, {.name = name, .num_partitions = 1, .replication_factor = 1}) ==
          ErrorCode::kInvalidTopicException);
  }
  std::string long_name(250, 'x');
  CHECK(CreateOne(client, {.name = long_name, .num_partitions = 1, .replication_factor = 1}) ==
        ErrorCode::kInvalidTopicException);
  for (int32_t partitions : {0, -2, 2'000'000'000}) {
    CHECK(CreateOne(client, {.name = "t", .num_partitions = partitions, .replication_factor = 1}) ==
          ErrorCode::kInvalidPartitions);
  }
  for (int16_t replicas : {0, 2, -3}) {
    CHECK(CreateOne(client, {.name = "t", .num_partitions = 1, .replication_factor = replicas}) ==
          ErrorCode::kInvalidReplicationFactor);
  }
  for (auto [name, value] :
       {std::pair{"segment.bytes", "1"}, {"no.such.config", "1"}, {"cleanup.policy", "squash"}}) {
    std::vector<wire::CreateTopicsRequest::Config> configs{{name, value}};
    CHECK(CreateOne(client, {.name = "t",
                             .num_partitions = 1,
                             .replication_factor = 1,
                             .configs = ArrayOf(configs)}) == ErrorCode::kInvalidConfig);
  }
  CHECK(MetadataError(client, "t") == ErrorCode::kUnknownTopicOrPartition);
}

TEST_CASE("create topics: names that differ in dots and underscores alone collide") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "a.b_c");
  for (std::string_view name : {"a_b_c", "a.b.c", "a_b.c"}) {
    CHECK(CreateOne(client, {.name = name, .num_partitions = 1, .replication_factor = 1}) ==
          ErrorCode::kInvalidTopicException);
  }
  for (std::string_view name : {"a-b_c", "a.b_d", "a.b_cc"}) CreateTopic(client, std::string(name));
  CHECK(CreateOne(client,
                  {.name = "__cluster_metadata", .num_partitions = 1, .replication_factor = 1}) ==
        ErrorCode::kInvalidRequest);
}

TEST_CASE("create topics: a broker that is told to stop meanwhile stops") {
  TestBroker broker(GENERATE(1, 4));
  {
    TestClient client = broker.Connect();
    std::deque<std::string> names;
    std::vector<wire::CreateTopicsRequest::Topic> topics;
    for (int i = 0; i < 200; ++i) {
      names.push_back(fmt::format("t{}", i));
      topics.push_back({.name = names.back(), .num_partitions = 1, .replication_factor = 1});
    }
    client.Send(wire::CreateTopicsRequest{.topics = ArrayOf(topics)}, 7);
    TestClient other = broker.Connect();
    while (MetadataError(other, "t3") != ErrorCode::kNone) {
    }
    broker.Restart();
  }
  TestClient client = broker.Connect();
  CHECK(MetadataError(client, "t3") == ErrorCode::kNone);
}

TEST_CASE("create topics: assignments must name this broker and number the partitions") {
  TestBroker broker(1, {{"node.id", "5"}});
  TestClient client = broker.Connect();
  std::vector<BrokerId> self{BrokerId(5)}, other{BrokerId(6)};
  using Assignments = std::vector<wire::CreateTopicsRequest::Assignment>;
  auto create = [&](Assignments assignments, std::optional<int32_t> partitions = std::nullopt) {
    return CreateOne(client, {.name = "t",
                              .num_partitions = partitions,
                              .replication_factor = std::nullopt,
                              .assignments = ArrayOf(assignments)});
  };
  CHECK(create({{PartitionIndex(0), ArrayOf(other)}}) == ErrorCode::kInvalidReplicaAssignment);
  CHECK(create({{PartitionIndex(1), ArrayOf(self)}}) == ErrorCode::kInvalidReplicaAssignment);
  CHECK(create({{PartitionIndex(0), ArrayOf(self)}, {PartitionIndex(0), ArrayOf(self)}}) ==
        ErrorCode::kInvalidReplicaAssignment);
  CHECK(create({{PartitionIndex(0), {}}}) == ErrorCode::kInvalidReplicaAssignment);
  CHECK(create({{PartitionIndex(0), ArrayOf(self)}}, 1) == ErrorCode::kInvalidRequest);
  CHECK(create({{PartitionIndex(1), ArrayOf(self)}, {PartitionIndex(0), ArrayOf(self)}}) ==
        ErrorCode::kNone);
}

TEST_CASE("create topics: a name that stands twice in a request, or exists, is refused") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  NewTopic t{.name = "t", .num_partitions = 1, .replication_factor = 1};
  NewTopic u{.name = "u", .num_partitions = 1, .replication_factor = 1};
  auto answer = Create(client, {t, u, t});
  CHECK(answer->topics[0].error_code == ErrorCode::kInvalidRequest);
  CHECK(answer->topics[1].error_code == ErrorCode::kNone);
  CHECK(answer->topics[2].error_code == ErrorCode::kInvalidRequest);
  CHECK(CreateOne(client, u) == ErrorCode::kTopicAlreadyExists);
  CHECK(CreateOne(client, t) == ErrorCode::kNone);
}

TEST_CASE("create topics: validate_only checks everything and creates nothing") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  NewTopic t{.name = "t", .num_partitions = 3, .replication_factor = 1};
  auto answer = Create(client, {t}, 7, true);
  CHECK(answer->topics[0].error_code == ErrorCode::kNone);
  CHECK(answer->topics[0].num_partitions == 3);
  CHECK(answer->topics[0].topic_id.is_zero());
  CHECK(MetadataError(client, "t") == ErrorCode::kUnknownTopicOrPartition);
  t.num_partitions = 0;
  CHECK(Create(client, {t}, 7, true)->topics[0].error_code == ErrorCode::kInvalidPartitions);
}

TEST_CASE("create topics: every version creates, defaults come from the broker") {
  TestBroker broker(GENERATE(1, 4), {{"num.partitions", "3"}});
  TestClient client = broker.Connect();
  for (int16_t version = 0; version <= 7; ++version) {
    std::string name = "v" + std::to_string(version);
    NewTopic topic{.name = name, .num_partitions = 2, .replication_factor = 1};
    CHECK(CreateOne(client, topic, version) == ErrorCode::kNone);
    CHECK(MetadataError(client, name) == ErrorCode::kNone);
  }
  std::vector<wire::CreateTopicsRequest::Config> configs{{"retention.ms", "5"}};
  auto answer = Create(client, {{.name = "d",
                                 .num_partitions = std::nullopt,
                                 .replication_factor = std::nullopt,
                                 .configs = ArrayOf(configs)}});
  CHECK(answer->topics[0].num_partitions == 3);
  CHECK(answer->topics[0].replication_factor == 1);
  CHECK_FALSE(answer->topics[0].topic_id.is_zero());
  REQUIRE(answer->topics[0].configs.has_value());
  bool has_config = false;
  for (const auto& config : *answer->topics[0].configs) {
    has_config |= config.name == "retention.ms" && config.value == "5";
  }
  CHECK(has_config);
}

TEST_CASE("create topics: of many that ask for the same topic one gets it") {
  TestBroker broker(GENERATE(1, 4));
  std::vector<TestClient> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(broker.Connect());
  std::vector<NewTopic> topics{{.name = "t", .num_partitions = 2, .replication_factor = 1}};
  for (TestClient& client : clients) {
    client.Send(wire::CreateTopicsRequest{.topics = ArrayOf(topics)}, 7);
  }
  int created = 0;
  for (TestClient& client : clients) {
    auto error = client.Receive<wire::CreateTopicsRequest>(7)->topics[0].error_code;
    created += error == ErrorCode::kNone ? 1 : 0;
    CHECK((error == ErrorCode::kNone || error == ErrorCode::kTopicAlreadyExists));
  }
  CHECK(created == 1);
}

TEST_CASE("delete topics: what is not there, or is named twice over, is refused") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  TopicId id = CreateTopic(client, "t");
  TopicId unknown = id;
  unknown.bytes[3] ^= std::byte{1};
  std::vector<wire::DeleteTopicsRequest::Topic> topics{{.name = "nobody", .topic_id = {}},
                                                       {.name = std::nullopt, .topic_id = unknown},
                                                       {.name = "t", .topic_id = id}};
  auto answer = client.Call(wire::DeleteTopicsRequest{.topics = ArrayOf(topics)}, 6);
  CHECK(answer->responses[0].error_code == ErrorCode::kUnknownTopicOrPartition);
  CHECK(answer->responses[1].error_code == ErrorCode::kUnknownTopicId);
  CHECK(answer->responses[2].error_code == ErrorCode::kInvalidRequest);
  CHECK(MetadataError(client, "t") == ErrorCode::kNone);
}

TEST_CASE("delete topics: it can be forbidden") {
  TestBroker broker(1, {{"delete.topic.enable", "false"}});
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  CHECK(DeleteTopic(client, "t") == ErrorCode::kTopicDeletionDisabled);
  CHECK(MetadataError(client, "t") == ErrorCode::kNone);
}

TEST_CASE("delete topics: by name in every version, and by id") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  for (int16_t version = 0; version < 6; ++version) {
    CreateTopic(client, "t", 2);
    std::vector<std::string_view> names{"t"};
    auto answer = client.Call(wire::DeleteTopicsRequest{.topic_names = ArrayOf(names)}, version);
    CHECK(answer->responses[0].error_code == ErrorCode::kNone);
    CHECK(MetadataError(client, "t") == ErrorCode::kUnknownTopicOrPartition);
  }
  TopicId id = CreateTopic(client, "t", 2);
  std::vector<wire::DeleteTopicsRequest::Topic> topics{{.name = std::nullopt, .topic_id = id}};
  auto answer = client.Call(wire::DeleteTopicsRequest{.topics = ArrayOf(topics)}, 6);
  CHECK(answer->responses[0].error_code == ErrorCode::kNone);
  CHECK(answer->responses[0].name == "t");
  CHECK(MetadataError(client, "t") == ErrorCode::kUnknownTopicOrPartition);
}

TEST_CASE("delete topics: a topic of the same name starts empty, also after restarts") {
  TestBroker broker(GENERATE(1, 4));
  {
    TestClient client = broker.Connect();
    CreateTopic(client, "t", 2);
    Produce(client, "t", 1, BatchOf({"old", "older"}));
  }
  broker.Restart();
  TestClient client = broker.Connect();
  CHECK(DeleteTopic(client, "t") == ErrorCode::kNone);
  CreateTopic(client, "t", 2);
  CHECK(ReadAll(client, "t", 1).empty());
  CHECK(Produce(client, "t", 1, BatchOf({"new"})).base_offset == Offset(0));
  broker.Restart();
  TestClient later = broker.Connect();
  CHECK(ReadAll(later, "t", 1) == std::vector<std::string>{"new"});
}

}  // namespace
}  // namespace millrace::test
