#include <catch2/catch.hpp>

#include "proto/wire/consumer_group_describe.h"
#include "proto/wire/consumer_group_heartbeat.h"
#include "proto/wire/consumer_protocol.h"
#include "tests/broker/group_calls.h"

namespace millrace::test {

template <>
struct AnswerTo<wire::ConsumerGroupHeartbeatRequest> {
  using Type = wire::ConsumerGroupHeartbeatResponse;
};
template <>
struct AnswerTo<wire::ConsumerGroupDescribeRequest> {
  using Type = wire::ConsumerGroupDescribeResponse;
};

namespace {

// A stable classic group "g" of one that reads the topic "t".
Joined JoinAsClassic(TestClient& client) {
  FindGroup(client);
  std::vector<std::string_view> names{"t"};
  wire::ConsumerProtocolSubscription subscription;
  subscription.topics = ArrayOf(names);
  return JoinAndSync(client, {.metadata = wire::Encode(subscription, 3)}, "");
}

ErrorCode JoinAsConsumer(TestClient& client) {
  std::vector<std::string_view> names{"t"};
  wire::ConsumerGroupHeartbeatRequest request;
  request.group_id = "g";
  request.member_id = "consumer";
  request.rebalance_timeout_ms = 60'000;
  request.subscribed_topic_names = ArrayOf(names);
  request.topic_partitions.emplace();
  return client.Call(request, 1)->error_code;
}

TEST_CASE("consumer groups: a group has members of both protocols, and says which is which") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 2);
  const Joined classic = JoinAsClassic(client);
  REQUIRE(JoinAsConsumer(client) == ErrorCode::kNone);
  CHECK(Heartbeat(client, "g", classic) == ErrorCode::kRebalanceInProgress);
  std::vector<std::string_view> groups{"g"};
  wire::ConsumerGroupDescribeRequest request;
  request.group_ids = ArrayOf(groups);
  auto answer = client.Call(request, 1);
  REQUIRE(answer->groups.size() == 1);
  REQUIRE(answer->groups[0].members.size() == 2);
  for (const auto& member : answer->groups[0].members) {
    CHECK(member.member_type == (member.member_id == "consumer" ? 1 : 0));
    CHECK(member.subscribed_topic_names[0] == "t");
  }
}

TEST_CASE("consumer groups: the migration policy says whether a classic group becomes one") {
  auto [policy, expected] = GENERATE(table<std::string, ErrorCode>({
      {"bidirectional", ErrorCode::kNone},
      {"upgrade", ErrorCode::kNone},
      {"downgrade", ErrorCode::kGroupIdNotFound},
      {"disabled", ErrorCode::kGroupIdNotFound},
  }));
  CAPTURE(policy);
  TestBroker broker(1, GroupSettings({{"group.consumer.migration.policy", policy}}));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 2);
  const Joined classic = JoinAsClassic(client);
  CHECK(JoinAsConsumer(client) == expected);
  // And whether it becomes a classic group again when the only consumer has gone.
  if (expected != ErrorCode::kNone) return;
  CHECK(Leave(client, "g", "consumer") == ErrorCode::kNone);
  auto listed = client.Call(wire::ListGroupsRequest{}, 5);
  REQUIRE(listed->groups.size() == 1);
  CHECK(listed->groups[0].group_type == (policy == "upgrade" ? "consumer" : "classic"));
}

}  // namespace
}  // namespace millrace::test
