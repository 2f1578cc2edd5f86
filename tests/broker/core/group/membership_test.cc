#include "tests/broker/core/group/support.h"

namespace millrace::core::group {

TEST_CASE("membership: requests for an unknown group or by an unknown member are refused") {
  Harness harness;
  CHECK(harness.Heartbeat("", "m", 1) == ErrorCode::kInvalidGroupId);
  CHECK(harness.Heartbeat("g", "m", 1) == ErrorCode::kUnknownMemberId);
  CHECK(harness.Leave("g", "m") == ErrorCode::kUnknownMemberId);
  JoinAnswer nobody;
  nobody.member_id = "m";
  CHECK(harness.Sync("g", nobody, "").error == ErrorCode::kUnknownMemberId);
  JoinAnswer member = harness.Stable("g");
  CHECK(harness.Heartbeat("g", "m", 1) == ErrorCode::kUnknownMemberId);
  CHECK(harness.Heartbeat("g", member.member_id, 1, "i") == ErrorCode::kUnknownMemberId);
  CHECK(harness.Leave("g", "") == ErrorCode::kUnknownMemberId);
  CHECK(harness.Leave("g", "", "i") == ErrorCode::kUnknownMemberId);
  CHECK(harness.membership("g").members.size() == 1);
}

TEST_CASE("membership: another generation is illegal") {
  Harness harness;
  JoinAnswer member = harness.Stable("g");
  CHECK(harness.Heartbeat("g", member.member_id, 0) == ErrorCode::kIllegalGeneration);
  CHECK(harness.Heartbeat("g", member.member_id, 2) == ErrorCode::kIllegalGeneration);
  member.generation = GenerationId(2);
  CHECK(harness.Sync("g", member, "").error == ErrorCode::kIllegalGeneration);
}

TEST_CASE("membership: a sync that names another protocol is inconsistent") {
  Harness harness;
  JoinAnswer member = harness.Join("g", "", {.needs_member_id = false});
  Sync sync{.group_id = "g",
            .who = {member.member_id, std::nullopt},
            .generation = *member.generation,
            .protocol_type = "connect",
            .protocol = "range",
            .assignments = {}};
  CHECK(harness.Ask(sync).error == ErrorCode::kInconsistentGroupProtocol);
  sync.protocol_type = "consumer";
  sync.protocol = "sticky";
  CHECK(harness.Ask(sync).error == ErrorCode::kInconsistentGroupProtocol);
  sync.protocol = "range";
  SyncAnswer answer = harness.Ask(sync);
  CHECK(answer.error == ErrorCode::kNone);
  CHECK(answer.protocol_type == "consumer");
  CHECK(answer.protocol == "range");
  CHECK(answer.assignment.empty());  // the leader has handed in none
}

TEST_CASE("membership: sync makes the group stable, and can be asked again") {
  Harness harness;
  JoinAnswer member = harness.Join("g", "", {.needs_member_id = false});
  CHECK(harness.Heartbeat("g", member.member_id, 1) == ErrorCode::kNone);
  CHECK(harness.Sync("g", member, "parts").assignment == "parts");
  CHECK(harness.membership("g").state == GroupState::kStable);
  CHECK_FALSE(harness.HasTimer(SyncOf("g")));
  size_t records = harness.log.size();
  CHECK(harness.Sync("g", member, "others").assignment == "parts");
  CHECK(harness.log.size() == records);
  CHECK(harness.Heartbeat("g", member.member_id, 1) == ErrorCode::kNone);
}

TEST_CASE("membership: the last to leave empties the group, which keeps its generation's count") {
  Harness harness;
  JoinAnswer member = harness.Stable("g");
  harness.Commit("g", 7, member.member_id, member.generation);
  CHECK(harness.Leave("g", member.member_id) == ErrorCode::kNone);
  const Membership& left = harness.membership("g");
  CHECK(left.state == GroupState::kEmpty);
  CHECK(left.generation == GenerationId(2));
  CHECK(left.protocol_type == "consumer");
  CHECK_FALSE(left.leader.has_value());
  CHECK(harness.timers.empty());
  CHECK(harness.FetchAll("g").size() == 1);
  CHECK(harness.Heartbeat("g", member.member_id, 2) == ErrorCode::kUnknownMemberId);
  CHECK(harness.Stable("g").generation == GenerationId(3));
}

TEST_CASE("membership: several leave at once, each with its own answer") {
  Harness harness;
  harness.Stable("g", "a", {.instance_id = "i"});
  Identity who[] = {{"unknown", std::nullopt}, {"", "i"}, {"", "i"}};
  LeaveAnswer answer = harness.Ask(Leave{"g", who});
  CHECK(answer.members == std::vector<ErrorCode>{ErrorCode::kUnknownMemberId, ErrorCode::kNone,
                                                 ErrorCode::kUnknownMemberId});
  CHECK(harness.membership("g").state == GroupState::kEmpty);
}

TEST_CASE("membership: who has only been given an id can leave, too") {
  Harness harness;
  JoinAnswer given = harness.Join("g", "");
  CHECK(harness.Leave("g", given.member_id) == ErrorCode::kNone);
  CHECK(harness.machine.pending_members() == 0);
  CHECK(harness.timers.empty());
}

TEST_CASE(
    "membership: of those who have only been given an id, who is named leaves, in its group") {
  Harness harness({.pending_members_max = 3});
  std::string a = harness.Join("g", "").member_id;
  std::string b = harness.Join("g", "").member_id;
  std::string c = harness.Join("g", "").member_id;
  Identity who[] = {{b, std::nullopt}, {b, std::nullopt}, {"b", std::nullopt}};
  CHECK(harness.Ask(Leave{"other", who}).members ==
        std::vector<ErrorCode>(3, ErrorCode::kUnknownMemberId));
  CHECK(harness.Ask(Leave{"g", who}).members ==
        std::vector<ErrorCode>{ErrorCode::kNone, ErrorCode::kUnknownMemberId,
                               ErrorCode::kUnknownMemberId});
  CHECK(harness.machine.pending_members() == 2);
  CHECK_FALSE(harness.HasTimer(SessionOf("g", b)));
  harness.Join("g", "");
  CHECK(harness.HasTimer(SessionOf("g", a)));
  harness.Join("g", "");  // the oldest is forgotten for it
  CHECK_FALSE(harness.HasTimer(SessionOf("g", a)));
  CHECK(harness.Leave("g", a) == ErrorCode::kUnknownMemberId);
  CHECK(harness.Leave("g", c) == ErrorCode::kNone);
  CHECK(harness.machine.pending_members() == 2);
}

TEST_CASE("membership: a session that runs out ends it, and makes room for the next") {
  Harness harness({.members_max = 1});
  JoinAnswer member = harness.Stable("g");
  CHECK(harness.Join("g", "").error == ErrorCode::kGroupMaxSizeReached);
  REQUIRE(harness.Ring(SessionOf("g", member.member_id)));
  CHECK(harness.membership("g").state == GroupState::kEmpty);
  CHECK(harness.Stable("g").error == ErrorCode::kNone);
}

TEST_CASE("membership: heartbeat, sync and commit begin the session anew") {
  Harness harness;
  JoinAnswer member = harness.Stable("g");
  TimerId session = SessionOf("g", member.member_id);
  harness.timers.clear();
  harness.Heartbeat("g", member.member_id, 1);
  CHECK(harness.HasTimer(session));
  harness.timers.clear();
  harness.Commit("g", 1, member.member_id, member.generation);
  CHECK(harness.HasTimer(session));
  harness.timers.clear();
  JoinAnswer again = harness.Join("g", member.member_id);
  harness.timers.clear();
  harness.Sync("g", again, "");
  CHECK(harness.HasTimer(session));
}

TEST_CASE("membership: a leader that never syncs is removed") {
  Harness harness;
  JoinAnswer member = harness.Join("g", "", {.needs_member_id = false});
  REQUIRE(harness.Ring(SyncOf("g")));
  CHECK(harness.membership("g").state == GroupState::kEmpty);
  CHECK(harness.timers.empty());
}

TEST_CASE("membership: after loading, sessions and open syncs have their time again") {
  Harness harness;
  JoinAnswer stable = harness.Stable("s");
  JoinAnswer open = harness.Join("o", "", {.needs_member_id = false});
  Output output = harness.Replayed().OnLoaded();
  CHECK(output.records.empty());
  REQUIRE(output.timers.size() == 3);
  auto has = [&](const TimerId& id) {
    return std::any_of(output.timers.begin(), output.timers.end(), [&](const TimerChange& change) {
      return change.id == id && change.after_ms.has_value();
    });
  };
  CHECK(has(SessionOf("s", stable.member_id)));
  CHECK(has(SessionOf("o", open.member_id)));
  CHECK(has(SyncOf("o")));
}

TEST_CASE("groups: described, listed and deleted") {
  Harness harness;
  CHECK(harness.Ask(Describe{"g"}).error == ErrorCode::kGroupIdNotFound);
  CHECK(harness.Ask(Delete{"g"}).error == ErrorCode::kGroupIdNotFound);
  JoinAnswer member = harness.Stable("g", "parts");
  harness.Commit("simple", 1);
  CHECK(harness.Ask(Describe{"g"}).membership.members.size() == 1);
  ListAnswer listed = harness.Ask(List{});
  REQUIRE(listed.groups.size() == 2);
  CHECK(listed.groups[0].group_id == "g");
  CHECK(listed.groups[0].protocol_type == "consumer");
  CHECK(listed.groups[0].state == "Stable");
  CHECK(listed.groups[1].protocol_type.empty());
  CHECK(harness.Ask(Delete{"g"}).error == ErrorCode::kNonEmptyGroup);
  harness.Commit("g", 1, member.member_id, member.generation);
  harness.Leave("g", member.member_id);
  CHECK(harness.Ask(Delete{"g"}).error == ErrorCode::kNone);
  CHECK_FALSE(harness.machine.groups().contains("g"));
  CHECK(harness.Replayed().groups() == harness.machine.groups());
}

}  // namespace millrace::core::group
