#include <catch2/catch.hpp>

#include "tests/broker/group_calls.h"

namespace millrace::test {
namespace {

TEST_CASE("groups: before anybody has asked for a coordinator there is none") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  TestClient client = broker.Connect();
  CHECK(Join(client, {}).error == ErrorCode::kNotCoordinator);
  CHECK(Heartbeat(client, "g", {}) == ErrorCode::kNotCoordinator);
  CHECK(client.Call(wire::ListGroupsRequest{}, 5)->error_code == ErrorCode::kNone);
}

TEST_CASE("groups: the coordinator is this broker, and __consumer_offsets is there then") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  TestClient client = broker.Connect();
  std::vector<std::string_view> keys{"one", "two"};
  wire::FindCoordinatorRequest request;
  request.coordinator_keys = ArrayOf(keys);
  auto answer = client.Call(request, 6);
  REQUIRE(answer->coordinators.size() == 2);
  for (const auto& coordinator : answer->coordinators) {
    CHECK(coordinator.error_code == ErrorCode::kNone);
    CHECK(coordinator.node_id == BrokerId(1));
    CHECK(coordinator.port == broker.port());
  }
  CHECK(answer->coordinators[1].key == "two");
  auto metadata = client.Call(wire::MetadataRequest{}, 13);
  REQUIRE(metadata->topics.size() == 1);
  CHECK(metadata->topics[0].name == "__consumer_offsets");
  CHECK(metadata->topics[0].is_internal);
  CHECK(metadata->topics[0].partitions.size() == 3);
  CHECK(Produce(client, "__consumer_offsets", 0, BatchOf({"garbage"})).error_code ==
        ErrorCode::kInvalidTopicException);
  CHECK(DeleteTopic(client, "__consumer_offsets") == ErrorCode::kInvalidTopicException);
  std::vector<wire::CreatePartitionsRequest::Topic> more{
      {.name = "__consumer_offsets", .count = 4, .assignments = std::nullopt}};
  auto grown = client.Call(wire::CreatePartitionsRequest{.topics = ArrayOf(more)}, 3);
  CHECK(grown->results[0].error_code == ErrorCode::kInvalidTopicException);
}

TEST_CASE("groups: other kinds of coordinators are refused") {
  TestBroker broker(1, GroupSettings());
  TestClient client = broker.Connect();
  wire::FindCoordinatorRequest request;
  request.key = "x";
  request.key_type = wire::CoordinatorType::kTransaction;
  CHECK(client.Call(request, 3)->error_code == ErrorCode::kTransactionalIdAuthorizationFailed);
  request.key_type = wire::CoordinatorType::kShare;
  CHECK(client.Call(request, 3)->error_code == ErrorCode::kInvalidRequest);
}

TEST_CASE("groups: join, sync, heartbeat and leave, over all versions") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  TestClient client = broker.Connect();
  FindGroup(client);
  for (int16_t version = 0; version <= 9; ++version) {
    CAPTURE(version);
    std::string group = "g" + std::to_string(version);
    auto at_most = [&](int16_t newest) { return std::min(version, newest); };
    Joined joined = Join(client, {.group = group, .version = version});
    if (version >= 4) {
      CHECK(joined.error == ErrorCode::kMemberIdRequired);
      joined = Join(client, {.group = group, .member_id = joined.member_id, .version = version});
    }
    REQUIRE(joined.error == ErrorCode::kNone);
    CHECK(joined.member_id.starts_with("test-"));
    CHECK(joined.leader == joined.member_id);
    CHECK(joined.generation == GenerationId(1));
    CHECK(joined.members == std::vector{joined.member_id});
    std::string got;
    CHECK(Sync(client, group, joined, "parts", got, at_most(5)).error_code == ErrorCode::kNone);
    CHECK(got == "parts");
    CHECK(Heartbeat(client, group, joined, at_most(4)) == ErrorCode::kNone);
    CHECK(Leave(client, group, "stranger", at_most(5)) == ErrorCode::kUnknownMemberId);
    CHECK(Leave(client, group, joined.member_id, at_most(5)) == ErrorCode::kNone);
    CHECK(Heartbeat(client, group, joined, at_most(4)) == ErrorCode::kUnknownMemberId);
  }
}

TEST_CASE("groups: a member beyond group.max.size finds no room, whatever its connection") {
  TestBroker broker(GENERATE(1, 4), GroupSettings({{"group.max.size", "1"}}));
  TestClient first = broker.Connect();
  TestClient second = broker.Connect();
  FindGroup(first);
  Joined member = JoinAndSync(first, {});
  CHECK(Join(second, {}).error == ErrorCode::kGroupMaxSizeReached);
  CHECK(Leave(first, "g", member.member_id) == ErrorCode::kNone);
  CHECK(JoinAndSync(second, {}).generation == GenerationId(3));
}

TEST_CASE("groups: who is not heard of for a session time-out is no member any more") {
  TestBroker broker(GENERATE(1, 4), GroupSettings({{"group.max.size", "1"}}));
  TestClient client = broker.Connect();
  FindGroup(client);
  Joined member = Join(client, {.session_timeout_ms = 20, .version = 3});
  // Join is refused until the session is over: each try asks the broker, none waits here.
  Joined next = Join(client, {});
  while (next.error == ErrorCode::kGroupMaxSizeReached) next = Join(client, {});
  CHECK(next.error == ErrorCode::kMemberIdRequired);
  CHECK(Heartbeat(client, "g", member) == ErrorCode::kUnknownMemberId);
}

TEST_CASE("groups: membership survives a restart, and its session begins anew") {
  TestBroker broker(GENERATE(1, 4), GroupSettings({{"group.max.size", "1"}}));
  std::optional<TestClient> client(broker.Connect());
  FindGroup(*client);
  Joined member = JoinAndSync(*client, {}, "parts");
  Joined open = Join(*client, {.group = "open", .version = 3});
  Joined brief = Join(*client, {.group = "brief", .session_timeout_ms = 20, .version = 3});
  client.reset();
  broker.Restart();
  client.emplace(broker.Connect());
  WaitUntilLoaded(*client);
  CHECK(Heartbeat(*client, "g", member) == ErrorCode::kNone);
  std::string got;
  CHECK(Sync(*client, "g", member, "others", got).error_code == ErrorCode::kNone);
  CHECK(got == "parts");
  CHECK(Sync(*client, "open", open, "late", got).error_code == ErrorCode::kNone);
  CHECK(got == "late");
  Joined next = Join(*client, {.group = "brief"});
  while (next.error != ErrorCode::kMemberIdRequired) next = Join(*client, {.group = "brief"});
  CHECK(Heartbeat(*client, "brief", brief) == ErrorCode::kUnknownMemberId);
}

TEST_CASE("groups: a static member takes its own place again, and its old id is fenced") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  TestClient client = broker.Connect();
  FindGroup(client);
  Joined old = JoinAndSync(client, {.instance_id = "i"});
  Joined fresh = Join(client, {.instance_id = "i"});
  CHECK(fresh.error == ErrorCode::kNone);
  CHECK(fresh.skip_assignment);
  CHECK(fresh.generation == old.generation);
  CHECK(Join(client, {.member_id = old.member_id, .instance_id = "i"}).error ==
        ErrorCode::kFencedInstanceId);
}

TEST_CASE("groups: a sync of version 5 must name the protocol") {
  TestBroker broker(1, GroupSettings());
  TestClient client = broker.Connect();
  FindGroup(client);
  Joined joined = Join(client, {.version = 3});
  wire::SyncGroupRequest request;
  request.group_id = "g";
  request.generation_id = GenerationId(1);
  request.member_id = joined.member_id;
  CHECK(client.Call(request, 5)->error_code == ErrorCode::kInconsistentGroupProtocol);
  CHECK(client.Call(request, 4)->error_code == ErrorCode::kNone);
}

TEST_CASE("groups: a join that waits holds up nobody, and is answered when the others have come") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  TestClient first = broker.Connect();
  TestClient second = broker.Connect();
  FindGroup(first);
  Joined leader = JoinAndSync(first, {});
  std::string metadata = "subscription";
  std::vector<wire::JoinGroupRequest::Protocol> protocols{
      {"range", std::as_bytes(std::span(metadata))}};
  wire::JoinGroupRequest join;
  join.group_id = "g";
  join.session_timeout_ms = 30'000;
  join.rebalance_timeout_ms = 60'000;
  join.protocol_type = "consumer";
  join.protocols = ArrayOf(protocols);
  second.Send(join, 3);
  while (Heartbeat(first, "g", leader) != ErrorCode::kRebalanceInProgress) {
  }
  Joined again = Join(first, {.member_id = leader.member_id});
  CHECK(again.error == ErrorCode::kNone);
  CHECK(again.members.size() == 2);
  auto joined = second.Receive<wire::JoinGroupRequest>(3);
  CHECK(joined->error_code == ErrorCode::kNone);
  CHECK(joined->generation_id == again.generation);
  CHECK(joined->members.size() == 0);

  wire::SyncGroupRequest sync;
  sync.group_id = "g";
  sync.generation_id = *again.generation;
  std::string follower(joined->member_id);
  sync.member_id = follower;
  second.Send(sync, 3);
  wire::HeartbeatRequest heartbeat;
  heartbeat.group_id = "g";
  heartbeat.generation_id = *again.generation;
  heartbeat.member_id = follower;
  second.Send(heartbeat, 3);
  std::string got;
  CHECK(Sync(first, "g", again, "all", got).error_code == ErrorCode::kNone);
  CHECK(second.Receive<wire::SyncGroupRequest>(3)->error_code == ErrorCode::kNone);
  CHECK(second.Receive<wire::HeartbeatRequest>(3)->error_code == ErrorCode::kNone);
}

TEST_CASE("groups: a broker stops while joins wait, and whose client has gone is forgotten") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  std::optional<TestClient> member(broker.Connect());
  FindGroup(*member);
  JoinAndSync(*member, {});
  std::string metadata = "subscription";
  std::vector<wire::JoinGroupRequest::Protocol> protocols{
      {"range", std::as_bytes(std::span(metadata))}};
  wire::JoinGroupRequest join;
  join.group_id = "g";
  join.session_timeout_ms = 30'000;
  join.rebalance_timeout_ms = 600'000;
  join.protocol_type = "consumer";
  join.protocols = ArrayOf(protocols);
  std::optional<TestClient> gone(broker.Connect());
  TestClient waits = broker.Connect();
  gone->Send(join, 3);
  waits.Send(join, 3);
  auto described = [&] {
    std::vector<std::string_view> names{"g"};
    wire::DescribeGroupsRequest request;
    request.groups = ArrayOf(names);
    return member->Call(request, 5)->groups[0].members.size();
  };
  while (described() < 3) {
  }
  gone.reset();
  member.reset();
  broker.Restart();
  member.emplace(broker.Connect());
  WaitUntilLoaded(*member);
}

}  // namespace
}  // namespace millrace::test
