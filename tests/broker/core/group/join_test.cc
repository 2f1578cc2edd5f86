#include "tests/broker/core/group/support.h"

namespace millrace::core::group {

TEST_CASE("join: an empty group id and a session time-out out of bounds are refused") {
  Harness harness;
  CHECK(harness.Join("", "x").error == ErrorCode::kInvalidGroupId);
  JoinAnswer answer = harness.Join("g", "x", {.session_timeout_ms = 5'999});
  CHECK(answer.error == ErrorCode::kInvalidSessionTimeout);
  CHECK(answer.member_id == "x");
  CHECK(harness.Join("g", "", {.session_timeout_ms = 1'800'001}).error ==
        ErrorCode::kInvalidSessionTimeout);
  CHECK(harness.machine.groups().empty());
}

TEST_CASE("join: a member id that nobody gave out is unknown, in a group that is or is not") {
  Harness harness;
  CHECK(harness.Join("g", "mine").error == ErrorCode::kUnknownMemberId);
  harness.Commit("g", 1);
  JoinAnswer answer = harness.Join("g", "mine");
  CHECK(answer.error == ErrorCode::kUnknownMemberId);
  CHECK(answer.member_id == "mine");
}

TEST_CASE("join: without protocols, or with others than the group's, it is inconsistent") {
  Harness harness;
  CHECK(harness.Join("g", "", {.protocols = {}}).error == ErrorCode::kInconsistentGroupProtocol);
  CHECK(harness.Join("g", "", {.protocol_type = ""}).error ==
        ErrorCode::kInconsistentGroupProtocol);
  JoinAnswer member = harness.Stable("g");
  CHECK(harness.Join("g", member.member_id, {.protocol_type = "connect"}).error ==
        ErrorCode::kInconsistentGroupProtocol);
  CHECK(harness.Join("g", member.member_id, {.protocols = {{"other", ""}}}).error ==
        ErrorCode::kInconsistentGroupProtocol);
  CHECK(harness.membership("g").generation == GenerationId(1));
}

TEST_CASE("join: a full group takes no more") {
  Harness harness({.members_max = 1});
  harness.Stable("g");
  JoinAnswer answer = harness.Join("g", "");
  CHECK(answer.error == ErrorCode::kGroupMaxSizeReached);
  CHECK(answer.member_id.empty());
  CHECK(harness.Join("g", "", {.instance_id = "i"}).error == ErrorCode::kGroupMaxSizeReached);
  CHECK(harness.membership("g").members.size() == 1);
}

TEST_CASE(
    "join: of two that were given ids, the first to come back is the member of a full group") {
  Harness harness({.members_max = 1});
  JoinAnswer a = harness.Join("g", "");
  JoinAnswer b = harness.Join("g", "");
  CHECK(a.error == ErrorCode::kMemberIdRequired);
  CHECK(b.error == ErrorCode::kMemberIdRequired);
  CHECK(harness.Join("g", b.member_id).error == ErrorCode::kNone);
  CHECK(harness.Join("g", a.member_id).error == ErrorCode::kGroupMaxSizeReached);
  CHECK(harness.machine.pending_members() == 0);
}

TEST_CASE("join: a new member is given an id, and joins with it") {
  Harness harness;
  JoinAnswer first = harness.Join("g", "");
  CHECK(first.error == ErrorCode::kMemberIdRequired);
  CHECK(first.member_id == "client-id1");
  CHECK_FALSE(first.generation.has_value());
  CHECK(harness.log.empty());
  CHECK(harness.HasTimer(SessionOf("g", "client-id1")));

  JoinAnswer joined = harness.Join("g", first.member_id);
  CHECK(joined.error == ErrorCode::kNone);
  CHECK(joined.generation == GenerationId(1));
  CHECK(joined.member_id == first.member_id);
  CHECK(joined.leader == first.member_id);
  CHECK(joined.protocol_type == "consumer");
  CHECK(joined.protocol == "range");
  CHECK_FALSE(joined.skip_assignment);
  REQUIRE(joined.members.size() == 1);
  CHECK(joined.members[0].member_id == first.member_id);
  CHECK(joined.members[0].metadata == "m");
  CHECK(harness.membership("g").state == GroupState::kCompletingRebalance);
  CHECK(harness.HasTimer(SyncOf("g")));
}

TEST_CASE("join: a member id fits in a string on the wire, and what is unique about it stays") {
  constexpr size_t kStringBytesMax = 32'767;
  Harness harness;
  std::string longest(kStringBytesMax, 'c');
  std::string_view whole = std::string_view(longest).substr(4);
  std::string umlauts;
  while (umlauts.size() + 2 <= kStringBytesMax) umlauts += "ä";
  CHECK(harness.Join("g", "", {.client_id = longest}).member_id == std::string(whole) + "-id1");
  CHECK(harness.Join("g", "", {.client_id = whole}).member_id == std::string(whole) + "-id2");
  CHECK(harness.Join("g", "", {.client_id = umlauts}).member_id ==
        umlauts.substr(0, kStringBytesMax - 5) + "-id3");
  JoinAnswer given = harness.Join("s", "", {.instance_id = longest});
  CHECK(given.error == ErrorCode::kNone);
  CHECK(given.member_id == std::string(whole) + "-id4");
  CHECK(harness.Heartbeat("s", given.member_id, 1, longest) == ErrorCode::kNone);
}

TEST_CASE("join: an id that is not used within the session time-out is forgotten") {
  Harness harness;
  JoinAnswer given = harness.Join("g", "");
  REQUIRE(harness.Ring(SessionOf("g", given.member_id)));
  CHECK(harness.machine.pending_members() == 0);
  CHECK(harness.Join("g", given.member_id).error == ErrorCode::kUnknownMemberId);
}

TEST_CASE("join: ids that are never used do not pile up") {
  Harness harness({.pending_members_max = 3});
  std::string first = harness.Join("g0", "").member_id;
  for (int i = 1; i < 10; ++i) harness.Join("g" + std::to_string(i), "");
  CHECK(harness.machine.pending_members() == 3);
  CHECK(harness.timers.size() == 3);
  CHECK(harness.Join("g0", first).error == ErrorCode::kUnknownMemberId);
}

TEST_CASE("join: before version 4 a member joins without being given an id first") {
  Harness harness;
  JoinAnswer joined = harness.Join("g", "", {.needs_member_id = false});
  CHECK(joined.error == ErrorCode::kNone);
  CHECK(joined.generation == GenerationId(1));
}

TEST_CASE("join: the protocol that the member likes best is chosen") {
  Harness harness;
  JoinAnswer joined = harness.Stable("g", "a", {.protocols = {{"sticky", "s"}, {"range", "r"}}});
  CHECK(joined.protocol == "sticky");
  CHECK(joined.members[0].metadata == "s");
}

TEST_CASE("join: a leader that joins again begins a generation, without assignment until sync") {
  Harness harness;
  JoinAnswer first = harness.Stable("g", "old");
  JoinAnswer again = harness.Join("g", first.member_id);
  CHECK(again.error == ErrorCode::kNone);
  CHECK(again.generation == GenerationId(2));
  CHECK(harness.membership("g").members.at(first.member_id).assignment.empty());
  CHECK(harness.Heartbeat("g", first.member_id, 1) == ErrorCode::kIllegalGeneration);
  CHECK(harness.Sync("g", again, "new").assignment == "new");
}

TEST_CASE("join: said twice before the sync, it is answered twice with the same generation") {
  Harness harness;
  JoinAnswer first = harness.Join("g", "", {.needs_member_id = false});
  size_t records = harness.log.size();
  JoinAnswer second = harness.Join("g", first.member_id);
  CHECK(second.generation == first.generation);
  CHECK(second.members.size() == 1);
  CHECK(harness.log.size() == records);
  JoinAnswer changed = harness.Join("g", first.member_id, {.protocols = {{"range", "other"}}});
  CHECK(changed.generation == GenerationId(2));
}

TEST_CASE("join: a static member that comes back keeps its assignment, and the old id is fenced") {
  Harness harness;
  JoinAnswer old = harness.Stable("g", "parts", {.instance_id = "i"});
  CHECK(old.member_id == "i-id1");
  JoinAnswer fresh = harness.Join("g", "", {.instance_id = "i"});
  CHECK(fresh.error == ErrorCode::kNone);
  CHECK(fresh.member_id == "i-id2");
  CHECK(fresh.generation == GenerationId(1));
  CHECK(fresh.leader == fresh.member_id);
  CHECK(fresh.skip_assignment);
  CHECK(fresh.members.size() == 1);
  CHECK(harness.Heartbeat("g", old.member_id, 1, "i") == ErrorCode::kFencedInstanceId);
  CHECK(harness.Join("g", old.member_id, {.instance_id = "i"}).error ==
        ErrorCode::kFencedInstanceId);
  CHECK(harness.Leave("g", old.member_id, "i") == ErrorCode::kFencedInstanceId);
  CHECK(harness.Sync("g", fresh, "", "i").assignment == "parts");
  CHECK_FALSE(harness.HasTimer(SessionOf("g", old.member_id)));
  CHECK(harness.HasTimer(SessionOf("g", fresh.member_id)));
}

TEST_CASE("join: an older static leader is not told that it leads, so that it shares out nothing") {
  Harness harness;
  JoinAnswer old = harness.Stable("g", "parts", {.instance_id = "i"});
  JoinAnswer fresh = harness.Join("g", "", {.instance_id = "i", .can_skip_assignment = false});
  CHECK(fresh.leader == old.member_id);
  CHECK_FALSE(fresh.skip_assignment);
  CHECK(fresh.members.empty());
}

TEST_CASE("join: a static member that comes back with another protocol, or unsynced, rebalances") {
  Harness harness;
  harness.Stable("g", "parts", {.instance_id = "i", .protocols = {{"a", ""}, {"b", ""}}});
  JoinAnswer fresh = harness.Join("g", "", {.instance_id = "i", .protocols = {{"b", ""}}});
  CHECK(fresh.generation == GenerationId(2));
  CHECK(fresh.protocol == "b");
  JoinAnswer again = harness.Join("g", "", {.instance_id = "i", .protocols = {{"b", ""}}});
  CHECK(again.generation == GenerationId(3));
  CHECK(harness.membership("g").members.size() == 1);
}

TEST_CASE("join: metadata that no record could hold is refused, and the group stays as it was") {
  Harness harness({.group_bytes_max = 1000});
  JoinAnswer member = harness.Stable("g");
  std::string large(1000, 'x');
  CHECK(harness.Join("g", member.member_id, {.protocols = {{"range", large}}}).error ==
        ErrorCode::kUnknownServerError);
  CHECK(harness.membership("g").generation == GenerationId(1));
  CHECK(harness.membership("g").state == GroupState::kStable);
}

}  // namespace millrace::core::group
