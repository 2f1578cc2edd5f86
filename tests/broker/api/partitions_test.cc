// CreatePartitions and DescribeTopicPartitions.
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "proto/wire/authorized_operations.h"
#include "tests/broker/support.h"

namespace millrace::test {
namespace {

using Growth = wire::CreatePartitionsRequest::Topic;
using Assignment = wire::CreatePartitionsRequest::Assignment;

std::vector<ErrorCode> Grow(TestClient& client, std::vector<Growth> topics,
                            bool validate_only = false, int16_t version = 3) {
  auto answer = client.Call(
      wire::CreatePartitionsRequest{
          .topics = ArrayOf(topics), .timeout_ms = 30'000, .validate_only = validate_only},
      version);
  std::vector<ErrorCode> errors;
  for (const auto& result : answer->results) {
    errors.push_back(result.error_code);
    CHECK(result.error_message.has_value() == (result.error_code != ErrorCode::kNone));
  }
  return errors;
}

size_t PartitionCount(TestClient& client, std::string_view name) {
  std::vector<wire::MetadataRequest::Topic> topics{{.topic_id = {}, .name = name}};
  wire::MetadataRequest request{.topics = ArrayOf(topics), .allow_auto_topic_creation = false};
  return client.Call(request, 12)->topics[0].partitions.size();
}

using Errors = std::vector<ErrorCode>;

TEST_CASE("create partitions: what cannot be is refused and changes nothing") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 3);
  CHECK(Grow(client, {{"nobody", 4}}) == Errors{ErrorCode::kUnknownTopicOrPartition});
  for (int32_t count : {-1, 0, 2, 3, 2'000'000'000}) {
    CHECK(Grow(client, {{"t", count}}) == Errors{ErrorCode::kInvalidPartitions});
  }
  CHECK(Grow(client, {{"t", 4}, {"t", 5}}) ==
        Errors{ErrorCode::kInvalidRequest, ErrorCode::kInvalidRequest});
  std::vector<BrokerId> self{BrokerId(1)};
  std::vector<BrokerId> nobody{BrokerId(77)};
  std::vector<Assignment> one{{ArrayOf(self)}};
  std::vector<Assignment> wrong{{ArrayOf(nobody)}};
  CHECK(Grow(client, {{"t", 5, ArrayOf(one)}}) == Errors{ErrorCode::kInvalidReplicaAssignment});
  CHECK(Grow(client, {{"t", 4, ArrayOf(wrong)}}) == Errors{ErrorCode::kInvalidReplicaAssignment});
  CHECK(Grow(client, {{"t", 4, ArrayOf(one)}}, true) == Errors{ErrorCode::kNone});
  CHECK(PartitionCount(client, "t") == 3);
}

TEST_CASE("create partitions: new ones serve at once, old ones go on, and a restart keeps both") {
  TestBroker broker(GENERATE(1, 4));
  {
    TestClient client = broker.Connect();
    CreateTopic(client, "t", 2);
    REQUIRE(Produce(client, "t", 1, BatchOf({"old"})).error_code == ErrorCode::kNone);
    int32_t count = 2;
    for (int16_t version = 0; version <= 3; ++version) {
      CHECK(Grow(client, {{"t", ++count}}, false, version) == Errors{ErrorCode::kNone});
    }
    CHECK(PartitionCount(client, "t") == 6);
    REQUIRE(Produce(client, "t", 5, BatchOf({"new"})).error_code == ErrorCode::kNone);
    CHECK(ReadAll(client, "t", 1) == std::vector<std::string>{"old"});
  }
  broker.Restart();
  TestClient client = broker.Connect();
  CHECK(PartitionCount(client, "t") == 6);
  CHECK(ReadAll(client, "t", 1) == std::vector<std::string>{"old"});
  CHECK(ReadAll(client, "t", 5) == std::vector<std::string>{"new"});
}

// Every topic with its partitions, page by page.
std::vector<std::string> Pages(TestClient& client, std::vector<std::string_view> names,
                               int32_t limit) {
  std::vector<std::string> seen;
  std::vector<wire::DescribeTopicPartitionsRequest::Topic> topics;
  for (std::string_view name : names) topics.push_back({name});
  wire::DescribeTopicPartitionsRequest request{.topics = ArrayOf(topics),
                                               .response_partition_limit = limit};
  std::string cursor_topic;
  for (;;) {
    auto answer = client.Call(request, 0);
    int32_t on_page = 0;
    for (const auto& topic : answer->topics) {
      std::string name(topic.name.value_or(""));
      if (topic.error_code != ErrorCode::kNone) {
        seen.push_back(name + ":" + std::string(ErrorName(topic.error_code)));
      }
      for (const auto& partition : topic.partitions) {
        seen.push_back(name + std::to_string(partition.partition_index.value()));
        CHECK(partition.leader_id == BrokerId(1));
        CHECK(topic.topic_authorized_operations == wire::kAllTopicOperations);
        ++on_page;
      }
    }
    CHECK(on_page <= limit);
    if (!answer->next_cursor.has_value()) return seen;
    cursor_topic = answer->next_cursor->topic_name;
    request.cursor = {cursor_topic, answer->next_cursor->partition_index};
  }
}

TEST_CASE("describe topic partitions: pages of any size show each partition once, in order") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "b", 3);
  CreateTopic(client, "a", 2);
  std::vector<std::string> all{"a0", "a1", "b0", "b1", "b2"};
  for (int32_t limit : {1, 2, 3, 4, 5, 2000}) CHECK(Pages(client, {}, limit) == all);
  CHECK(Pages(client, {"b", "nobody", "b", "a/b"}, 2) ==
        std::vector<std::string>{"a/b:INVALID_TOPIC_EXCEPTION", "b0", "b1", "b2",
                                 "nobody:UNKNOWN_TOPIC_OR_PARTITION"});
}

TEST_CASE("metadata: operations are told to those who ask for them") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  wire::MetadataRequest request;
  CHECK(client.Call(request, 10)->cluster_authorized_operations == wire::kOperationsNotRequested);
  CHECK(client.Call(request, 12)->topics[0].topic_authorized_operations ==
        wire::kOperationsNotRequested);
  request.include_cluster_authorized_operations = true;
  request.include_topic_authorized_operations = true;
  auto answer = client.Call(request, 10);
  CHECK(answer->cluster_authorized_operations == 8096);
  CHECK(answer->topics[0].topic_authorized_operations == 3576);
}

}  // namespace
}  // namespace millrace::test
