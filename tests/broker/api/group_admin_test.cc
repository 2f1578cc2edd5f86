#include <catch2/catch.hpp>

#include "tests/broker/group_calls.h"

namespace millrace::test {
namespace {

std::vector<std::string> List(TestClient& client, std::vector<std::string_view> states,
                              std::vector<std::string_view> types = {}) {
  wire::ListGroupsRequest request;
  request.states_filter = ArrayOf(states);
  request.types_filter = ArrayOf(types);
  auto answer = client.Call(request, 5);
  REQUIRE(answer->error_code == ErrorCode::kNone);
  std::vector<std::string> names;
  for (const auto& group : answer->groups) {
    CHECK(group.group_type == "classic");
    names.push_back(std::string(group.group_id) + ":" + std::string(group.group_state));
  }
  std::sort(names.begin(), names.end());
  return names;
}

using Names = std::vector<std::string>;

TEST_CASE("group admin: an unknown group is dead, and from version 6 on not found") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  TestClient client = broker.Connect();
  FindGroup(client);
  std::vector<std::string_view> names{"none"};
  wire::DescribeGroupsRequest request;
  request.groups = ArrayOf(names);
  for (int16_t version = 0; version <= 6; ++version) {
    CAPTURE(version);
    auto answer = client.Call(request, version);
    REQUIRE(answer->groups.size() == 1);
    CHECK(answer->groups[0].group_state == "Dead");
    CHECK(answer->groups[0].error_code ==
          (version >= 6 ? ErrorCode::kGroupIdNotFound : ErrorCode::kNone));
    if (version >= 6) CHECK(answer->groups[0].error_message == "Group none not found.");
  }
}

TEST_CASE("group admin: a group that is named again is described once, where it was named first") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  TestClient client = broker.Connect();
  FindGroup(client);
  JoinAndSync(client, {.group = "g"});
  std::vector<std::string_view> names{"none", "g", "none", "g", "a", "g"};
  wire::DescribeGroupsRequest request;
  request.groups = ArrayOf(names);
  auto answer = client.Call(request, 6);
  REQUIRE(answer->groups.size() == 3);
  CHECK(answer->groups[0].group_id == "none");
  CHECK(answer->groups[1].group_id == "g");
  CHECK(answer->groups[1].members.size() == 1);
  CHECK(answer->groups[2].group_id == "a");
}

TEST_CASE("group admin: of a long name only the beginning is said again in words") {
  TestBroker broker(1, GroupSettings());
  TestClient client = broker.Connect();
  FindGroup(client);
  std::string longest(32'767, 'g');
  std::string umlauts = "g";
  for (int i = 0; i < 50; ++i) umlauts += "ä";
  std::vector<std::string_view> names{longest, umlauts};
  wire::DescribeGroupsRequest request;
  request.groups = ArrayOf(names);
  auto answer = client.Call(request, 6);
  REQUIRE(answer->groups.size() == 2);
  CHECK(answer->groups[0].group_id == longest);
  CHECK(answer->groups[0].error_message == "Group " + std::string(100, 'g') + "... not found.");
  CHECK(answer->groups[1].error_message == "Group " + umlauts.substr(0, 99) + "... not found.");
}

TEST_CASE("group admin: members are described, with metadata and assignment once stable") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  TestClient client = broker.Connect();
  FindGroup(client);
  Joined member = Join(client, {.version = 3});
  std::vector<std::string_view> names{"g"};
  wire::DescribeGroupsRequest request;
  request.groups = ArrayOf(names);
  {
    auto answer = client.Call(request, 6);
    CHECK(answer->groups[0].group_state == "CompletingRebalance");
    REQUIRE(answer->groups[0].members.size() == 1);
    CHECK(answer->groups[0].members[0].member_metadata.empty());
  }
  std::string got;
  Sync(client, "g", member, "parts", got);
  auto answer = client.Call(request, 6);
  const auto& group = answer->groups[0];
  CHECK(group.error_code == ErrorCode::kNone);
  CHECK(group.group_state == "Stable");
  CHECK(group.protocol_type == "consumer");
  CHECK(group.protocol_data == "range");
  REQUIRE(group.members.size() == 1);
  CHECK(group.members[0].member_id == member.member_id);
  CHECK(group.members[0].client_id == "test");
  CHECK(group.members[0].client_host == "/127.0.0.1");
  CHECK(group.members[0].member_metadata.size() == std::string_view("subscription").size());
  CHECK(group.members[0].member_assignment.size() == 5);
}

TEST_CASE("group admin: groups of all coordinators are listed, by state and type") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  FindGroup(client);
  CHECK(List(client, {}).empty());
  JoinAndSync(client, {.group = "a"});
  JoinAndSync(client, {.group = "b"});
  Commit(client, {.group = "c"});
  CHECK(List(client, {}) == Names{"a:Stable", "b:Stable", "c:Empty"});
  CHECK(List(client, {"stable"}) == Names{"a:Stable", "b:Stable"});
  CHECK(List(client, {" Empty "}, {"Classic"}) == Names{"c:Empty"});
  CHECK(List(client, {"dead", "EMPTY", "Stable", "empty"}, {"share", "classic"}) ==
        Names{"a:Stable", "b:Stable", "c:Empty"});
  CHECK(List(client, {"Dead"}).empty());
  CHECK(List(client, {}, {"consumer"}).empty());
  auto oldest = client.Call(wire::ListGroupsRequest{}, 0);
  CHECK(oldest->groups.size() == 3);
}

TEST_CASE("group admin: a group without members is deleted, with its offsets, for good") {
  TestBroker broker(GENERATE(1, 4), GroupSettings());
  std::optional<TestClient> client(broker.Connect());
  CreateTopic(*client, "t");
  FindGroup(*client);
  JoinAndSync(*client, {.group = "busy"});
  Commit(*client, {.group = "idle", .offset = 5});
  std::vector<std::string_view> names{"busy", "idle", "none"};
  wire::DeleteGroupsRequest request;
  request.groups_names = ArrayOf(names);
  auto answer = client->Call(request, 2);
  REQUIRE(answer->results.size() == 3);
  CHECK(answer->results[0].error_code == ErrorCode::kNonEmptyGroup);
  CHECK(answer->results[1].error_code == ErrorCode::kNone);
  CHECK(answer->results[2].error_code == ErrorCode::kGroupIdNotFound);
  client.reset();
  broker.Restart();
  client.emplace(broker.Connect());
  WaitUntilLoaded(*client);
  CHECK_FALSE(FetchOffset(*client, {.group = "idle"}).offset.has_value());
  CHECK(List(*client, {}) == Names{"busy:Stable"});
}

}  // namespace
}  // namespace millrace::test
