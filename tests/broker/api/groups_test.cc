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

}  // namespace
}  // namespace millrace::test
