#include <set>

#include "tests/broker/core/group/support.h"

namespace millrace::core::group {

namespace {

const JoinOptions kAtOnce{.needs_member_id = false};

ErrorCode ErrorOf(const Harness& harness, RequestId join) { return harness.Joined(join).error; }

}  // namespace

TEST_CASE("rebalance: an empty group waits for more, again while they come, and not for ever") {
  Harness harness({.initial_rebalance_delay_ms = 3'000});
  JoinOptions how{.needs_member_id = false, .rebalance_timeout_ms = 7'000};
  std::vector<RequestId> joins{harness.SendJoin("g", "", how)};
  CHECK(harness.After(JoinOf("g")) == 3'000);
  joins.push_back(harness.SendJoin("g", "", how));
  REQUIRE(harness.Ring(JoinOf("g")));
  CHECK(harness.After(JoinOf("g")) == 3'000);
  joins.push_back(harness.SendJoin("g", "", how));
  REQUIRE(harness.Ring(JoinOf("g")));
  CHECK(harness.After(JoinOf("g")) == 1'000);
  joins.push_back(harness.SendJoin("g", "", how));
  CHECK(harness.log.empty());
  REQUIRE(harness.Ring(JoinOf("g")));
  for (RequestId join : joins) CHECK(harness.Joined(join).generation == GenerationId(1));
  CHECK_FALSE(harness.HasTimer(JoinOf("g")));
  CHECK(harness.membership("g").members.size() == 4);
}

TEST_CASE("rebalance: an empty group to which nobody else comes waits once") {
  Harness harness({.initial_rebalance_delay_ms = 3'000});
  RequestId join = harness.SendJoin("g", "", kAtOnce);
  CHECK(harness.Now("g").state == GroupState::kPreparingRebalance);
  CHECK(harness.Ask(List{}).groups.size() == 1);
  CHECK(harness.Ask(Delete{"g"}).error == ErrorCode::kNonEmptyGroup);
  CHECK(harness.Commit("g", 1) == ErrorCode::kUnknownMemberId);
  REQUIRE(harness.Ring(JoinOf("g")));
  CHECK(harness.Joined(join).generation == GenerationId(1));
}

TEST_CASE("rebalance: all who join are told at once, and the leader alone who the members are") {
  Harness harness;
  JoinAnswer first = harness.Stable("g");
  RequestId second = harness.SendJoin("g", "", kAtOnce);
  CHECK_FALSE(harness.IsAnswered(second));
  CHECK(harness.Heartbeat("g", first.member_id, 1) == ErrorCode::kRebalanceInProgress);
  RequestId again = harness.SendJoin("g", first.member_id);
  const JoinAnswer& leader = harness.Joined(again);
  const JoinAnswer& follower = harness.Joined(second);
  CHECK(leader.generation == GenerationId(2));
  CHECK(follower.generation == GenerationId(2));
  CHECK(leader.leader == first.member_id);
  CHECK(follower.leader == first.member_id);
  CHECK(leader.members.size() == 2);
  CHECK(follower.members.empty());
  CHECK(harness.Heartbeat("g", follower.member_id, 2) == ErrorCode::kNone);
}

TEST_CASE("rebalance: who does not join again within the longest rebalance time-out is removed") {
  Harness harness;
  JoinAnswer gone = harness.Stable("g", "a", {.rebalance_timeout_ms = 50'000});
  RequestId stays =
      harness.SendJoin("g", "", {.needs_member_id = false, .rebalance_timeout_ms = 20'000});
  CHECK(harness.After(JoinOf("g")) == 50'000);
  REQUIRE(harness.Ring(JoinOf("g")));
  const JoinAnswer& joined = harness.Joined(stays);
  CHECK(joined.error == ErrorCode::kNone);
  CHECK(joined.leader == joined.member_id);
  CHECK(joined.members.size() == 1);
  CHECK_FALSE(harness.HasTimer(SessionOf("g", gone.member_id)));
  CHECK(harness.Heartbeat("g", gone.member_id, 2) == ErrorCode::kUnknownMemberId);
}

TEST_CASE("rebalance: a static member that does not join again stays until its session ends") {
  Harness harness;
  JoinAnswer gone = harness.Stable("g", "a", {.instance_id = "i"});
  RequestId stays = harness.SendJoin("g", "", kAtOnce);
  REQUIRE(harness.Ring(JoinOf("g")));
  const JoinAnswer& joined = harness.Joined(stays);
  CHECK(joined.leader == joined.member_id);
  CHECK(joined.members.size() == 2);
  REQUIRE(harness.Ring(SessionOf("g", gone.member_id)));
  CHECK(harness.Now("g").members.size() == 1);
}

TEST_CASE("rebalance: while nobody but absent static members is left, it goes on waiting") {
  Harness harness;
  JoinAnswer one = harness.Stable("g", "a", {.instance_id = "i"});
  RequestId other = harness.SendJoin("g", "", kAtOnce);
  CHECK(harness.Leave("g", harness.Now("g").members.begin()->first) == ErrorCode::kNone);
  CHECK(ErrorOf(harness, other) == ErrorCode::kUnknownMemberId);
  REQUIRE(harness.Ring(JoinOf("g")));
  CHECK(harness.HasTimer(JoinOf("g")));
  CHECK(harness.Now("g").state == GroupState::kPreparingRebalance);
  JoinAnswer back = harness.Join("g", one.member_id, {.instance_id = "i"});
  CHECK(back.generation == GenerationId(2));
}

TEST_CASE("rebalance: the protocol that most like best is chosen, of those that all know") {
  Harness harness;
  auto likes = [](std::vector<std::string> names) {
    JoinOptions how{.protocols = {}, .needs_member_id = false};
    for (std::string& name : names) how.protocols.emplace_back(std::move(name), "m");
    return how;
  };
  JoinAnswer first = harness.Stable("g", "a", likes({"a", "b", "c"}));
  RequestId second = harness.SendJoin("g", "", likes({"d", "c", "b"}));
  RequestId third = harness.SendJoin("g", "", likes({"c", "b"}));
  CHECK(harness.Join("g", "", likes({"d", "a"})).error == ErrorCode::kInconsistentGroupProtocol);
  JoinAnswer again = harness.Join("g", first.member_id, likes({"a", "b", "c"}));
  CHECK(again.protocol == "c");
  CHECK(harness.Joined(second).protocol == "c");
  CHECK(harness.Joined(third).protocol == "c");
}

TEST_CASE("rebalance: of protocols with as many votes the first by name is chosen") {
  Harness harness;
  JoinOptions one{.protocols = {{"b", "m"}, {"b", "m"}, {"a", "m"}}, .needs_member_id = false};
  JoinOptions other{.protocols = {{"a", "m"}, {"b", "m"}}, .needs_member_id = false};
  JoinAnswer first = harness.Stable("g", "a", one);
  CHECK(first.protocol == "b");
  RequestId second = harness.SendJoin("g", "", other);
  CHECK(harness.Join("g", first.member_id, one).protocol == "a");
  CHECK(harness.Joined(second).protocol == "a");
}

TEST_CASE("rebalance: a full group keeps who is in, and who comes back last finds no room") {
  Harness harness;
  auto members = harness.StableGroup("g", 2);
  Options smaller;
  smaller.members_max = 1;
  harness.machine = Machine(smaller);
  for (const EncodedRecord& record : harness.log) {
    harness.machine.Apply(**Decode(record.key, record.value));
  }
  CHECK(harness.Join("g", "", kAtOnce).error == ErrorCode::kGroupMaxSizeReached);
  RequestId first = harness.SendJoin("g", members[0].member_id);
  CHECK(harness.Join("g", members[1].member_id).error == ErrorCode::kGroupMaxSizeReached);
  CHECK(ErrorOf(harness, first) == ErrorCode::kNone);
  CHECK(harness.membership("g").members.size() == 1);
}

TEST_CASE(
    "rebalance: who has only been given an id is waited for, until it comes or its time is up") {
  Harness harness;
  JoinAnswer first = harness.Stable("g");
  JoinAnswer given = harness.Join("g", "");
  JoinAnswer late = harness.Join("g", "");
  RequestId again = harness.SendJoin("g", first.member_id);
  CHECK_FALSE(harness.IsAnswered(again));
  RequestId comes = harness.SendJoin("g", given.member_id);
  CHECK_FALSE(harness.IsAnswered(comes));
  REQUIRE(harness.Ring(SessionOf("g", late.member_id)));
  CHECK(harness.Joined(again).members.size() == 2);
  CHECK(ErrorOf(harness, comes) == ErrorCode::kNone);
}

TEST_CASE("rebalance: who is given an id when there are too many makes room in another group") {
  Harness harness({.pending_members_max = 1});
  JoinAnswer first = harness.Stable("g");
  harness.Join("g", "");
  RequestId again = harness.SendJoin("g", first.member_id);
  CHECK_FALSE(harness.IsAnswered(again));
  harness.Join("other", "");
  CHECK(harness.Joined(again).generation == GenerationId(2));
}

TEST_CASE(
    "rebalance: followers wait for the leader's shares; whom it leaves out has an empty one") {
  Harness harness;
  auto members = harness.CompletingGroup("g", 3);
  RequestId second = harness.SendSync("g", members[1]);
  RequestId third = harness.SendSync("g", members[2]);
  CHECK_FALSE(harness.IsAnswered(second));
  CHECK_FALSE(harness.HasTimer(SessionOf("g", members[1].member_id)));
  SyncAnswer leader = harness.Synced(harness.SendSync(
      "g", members[0], {{members[0].member_id, "x"}, {members[1].member_id, "y"}, {"none", "z"}}));
  CHECK(leader.assignment == "x");
  CHECK(harness.Synced(second).assignment == "y");
  CHECK(harness.Synced(third).assignment.empty());
  CHECK(harness.HasTimer(SessionOf("g", members[1].member_id)));
  CHECK_FALSE(harness.HasTimer(SyncOf("g")));
}

TEST_CASE(
    "rebalance: who has not synced in time is removed, before and after the shares are there") {
  Harness harness;
  auto members = harness.CompletingGroup("g", 3);
  RequestId second = harness.SendSync("g", members[1]);
  SECTION("the leader is late") {
    REQUIRE(harness.Ring(SyncOf("g")));
    CHECK(harness.Synced(second).error == ErrorCode::kRebalanceInProgress);
    CHECK(harness.Now("g").members.size() == 1);
    CHECK(harness.Now("g").state == GroupState::kPreparingRebalance);
    CHECK(harness.Join("g", members[1].member_id).leader == members[1].member_id);
  }
  SECTION("a follower is late") {
    harness.SendSync("g", members[0], {});
    CHECK(harness.Synced(second).error == ErrorCode::kNone);
    REQUIRE(harness.Ring(SyncOf("g")));
    CHECK(harness.Now("g").members.size() == 2);
    CHECK_FALSE(harness.Now("g").FindMember(members[2].member_id));
  }
}

TEST_CASE("rebalance: one that begins while syncs wait answers them") {
  Harness harness;
  auto members = harness.CompletingGroup("g", 2);
  RequestId sync = harness.SendSync("g", members[1]);
  harness.SendJoin("g", "", kAtOnce);
  CHECK(harness.Synced(sync).error == ErrorCode::kRebalanceInProgress);
  CHECK(harness.HasTimer(SessionOf("g", members[1].member_id)));
  CHECK(harness.Synced(harness.SendSync("g", members[0])).error == ErrorCode::kRebalanceInProgress);
}

TEST_CASE("rebalance: a heartbeat is told of it and counts; who waits for an answer needs none") {
  Harness harness;
  auto members = harness.StableGroup("g", 2);
  harness.SendJoin("g", members[0].member_id);
  TimerId session = SessionOf("g", members[1].member_id);
  harness.timers.clear();
  CHECK(harness.Heartbeat("g", members[1].member_id, members[1].generation->value()) ==
        ErrorCode::kRebalanceInProgress);
  CHECK(harness.HasTimer(session));
  CHECK(harness.Heartbeat("g", members[0].member_id, members[0].generation->value()) ==
        ErrorCode::kRebalanceInProgress);
  CHECK_FALSE(harness.HasTimer(SessionOf("g", members[0].member_id)));
  harness.SendJoin("g", members[1].member_id);
  CHECK(harness.HasTimer(SessionOf("g", members[0].member_id)));
}

TEST_CASE(
    "rebalance: the session of a member that waits does not run out, but of a new one it may") {
  Harness harness;
  JoinAnswer first = harness.Stable("g");
  RequestId fresh = harness.SendJoin("g", "", kAtOnce);
  Membership now = harness.Now("g");
  REQUIRE(now.members.size() == 2);
  for (const auto& [member_id, member] : now.members) {
    if (member_id == first.member_id) continue;
    CHECK(harness.After(SessionOf("g", member_id)) == 300'000);
    REQUIRE(harness.Ring(SessionOf("g", member_id)));
  }
  CHECK(ErrorOf(harness, fresh) == ErrorCode::kUnknownMemberId);
  CHECK(harness.Join("g", first.member_id).members.size() == 1);
}

TEST_CASE("rebalance: a second join or sync of a member takes the place of the one that waits") {
  Harness harness;
  auto members = harness.StableGroup("g", 2);
  RequestId older = harness.SendJoin("g", members[0].member_id);
  RequestId newer = harness.SendJoin("g", members[0].member_id);
  CHECK(ErrorOf(harness, older) == ErrorCode::kRebalanceInProgress);
  CHECK_FALSE(harness.IsAnswered(newer));
  JoinAnswer other = harness.Join("g", members[1].member_id);
  CHECK(harness.Joined(newer).generation == other.generation);
  RequestId older_sync = harness.SendSync("g", other);
  RequestId newer_sync = harness.SendSync("g", other);
  CHECK(harness.Synced(older_sync).error == ErrorCode::kRebalanceInProgress);
  harness.SendSync("g", harness.Joined(newer), {{other.member_id, "x"}});
  CHECK(harness.Synced(newer_sync).assignment == "x");
}

TEST_CASE("rebalance: a member that leaves while it waits is told, and the others go on") {
  Harness harness;
  auto members = harness.StableGroup("g", 3);
  RequestId second = harness.SendJoin("g", members[1].member_id, {.protocols = {{"range", "n"}}});
  RequestId third = harness.SendJoin("g", members[2].member_id);
  CHECK(harness.Leave("g", members[1].member_id) == ErrorCode::kNone);
  CHECK(ErrorOf(harness, second) == ErrorCode::kUnknownMemberId);
  CHECK_FALSE(harness.IsAnswered(third));
  CHECK(harness.Leave("g", members[0].member_id) == ErrorCode::kNone);
  CHECK(harness.Joined(third).leader == members[2].member_id);
}

TEST_CASE("rebalance: several that leave at once cause one generation") {
  Harness harness;
  auto members = harness.StableGroup("g", 3);
  Identity who[] = {{members[0].member_id, std::nullopt}, {members[1].member_id, std::nullopt}};
  CHECK(harness.Ask(Leave{"g", who}).members == std::vector<ErrorCode>(2, ErrorCode::kNone));
  CHECK(harness.Now("g").members.size() == 1);
  JoinAnswer left = harness.Join("g", members[2].member_id);
  CHECK(left.generation == *members[2].generation + 1);
}

TEST_CASE("rebalance: a follower that joins a stable group again without news is told what is") {
  Harness harness;
  auto members = harness.StableGroup("g", 2);
  size_t records = harness.log.size();
  JoinAnswer again = harness.Join("g", members[1].member_id);
  CHECK(again.generation == members[1].generation);
  CHECK(again.members.empty());
  CHECK(harness.log.size() == records);
  CHECK(harness.Synced(harness.SendSync("g", again)).assignment == "1");
  RequestId changed = harness.SendJoin("g", members[1].member_id, {.protocols = {{"range", "n"}}});
  CHECK_FALSE(harness.IsAnswered(changed));
  RequestId leader = harness.SendJoin("g", members[0].member_id);
  CHECK(harness.Joined(leader).generation == *members[0].generation + 1);
  CHECK(harness.Joined(leader).members[1].metadata == "n");
}

TEST_CASE("rebalance: a static follower that comes back to a stable group disturbs nobody") {
  Harness harness;
  JoinAnswer leader = harness.Stable("g");
  RequestId joins = harness.SendJoin("g", "", {.instance_id = "i"});
  leader = harness.Join("g", leader.member_id);
  JoinAnswer old = harness.Joined(joins);
  harness.SendSync("g", leader, {{old.member_id, "share"}});
  REQUIRE(harness.Synced(harness.SendSync("g", old, {}, "i")).assignment == "share");
  JoinAnswer fresh = harness.Join("g", "", {.instance_id = "i"});
  CHECK(fresh.generation == old.generation);
  CHECK(fresh.leader == leader.member_id);
  CHECK(fresh.members.empty());
  CHECK_FALSE(fresh.skip_assignment);
  CHECK(harness.Heartbeat("g", leader.member_id, leader.generation->value()) == ErrorCode::kNone);
  CHECK(harness.Synced(harness.SendSync("g", fresh, {}, "i")).assignment == "share");
}

TEST_CASE("rebalance: a static member that is replaced while its join waits is fenced") {
  Harness harness;
  JoinAnswer other = harness.Stable("g");
  RequestId old = harness.SendJoin("g", "", {.instance_id = "i"});
  RequestId fresh = harness.SendJoin("g", "", {.instance_id = "i"});
  CHECK(ErrorOf(harness, old) == ErrorCode::kFencedInstanceId);
  JoinAnswer leader = harness.Join("g", other.member_id);
  CHECK(leader.members.size() == 2);
  CHECK(ErrorOf(harness, fresh) == ErrorCode::kNone);
  CHECK(harness.Joined(fresh).member_id != harness.Joined(old).member_id);
}

TEST_CASE(
    "rebalance: a static member that is replaced while its sync waits is fenced, and all rejoin") {
  Harness harness;
  JoinAnswer leader = harness.Stable("g");
  RequestId joins = harness.SendJoin("g", "", {.instance_id = "i"});
  leader = harness.Join("g", leader.member_id);
  RequestId sync = harness.SendSync("g", harness.Joined(joins), {}, "i");
  RequestId fresh = harness.SendJoin("g", "", {.instance_id = "i"});
  CHECK(harness.Synced(sync).error == ErrorCode::kFencedInstanceId);
  CHECK(harness.Synced(harness.SendSync("g", leader)).error == ErrorCode::kRebalanceInProgress);
  JoinAnswer again = harness.Join("g", leader.member_id);
  CHECK(again.generation == *leader.generation + 1);
  CHECK(ErrorOf(harness, fresh) == ErrorCode::kNone);
}

TEST_CASE(
    "rebalance: offsets are committed while members join again, not before they have synced") {
  Harness harness;
  auto members = harness.StableGroup("g", 2);
  GenerationId generation = *members[0].generation;
  harness.SendJoin("g", members[0].member_id);
  CHECK(harness.Commit("g", 7, members[1].member_id, generation) == ErrorCode::kNone);
  CHECK(harness.Commit("g", 7) == ErrorCode::kUnknownMemberId);
  harness.SendJoin("g", members[1].member_id);
  CHECK(harness.Commit("g", 8, members[1].member_id, generation) == ErrorCode::kIllegalGeneration);
  CHECK(harness.Commit("g", 8, members[1].member_id, generation + 1) ==
        ErrorCode::kRebalanceInProgress);
}

TEST_CASE("rebalance: shares that no record could hold are refused to all, who join again") {
  Harness harness({.group_bytes_max = 2'000});
  auto members = harness.CompletingGroup("g", 2);
  RequestId follower = harness.SendSync("g", members[1]);
  RequestId leader =
      harness.SendSync("g", members[0], {{members[1].member_id, std::string(2'000, 'x')}});
  CHECK(harness.Synced(follower).error == ErrorCode::kUnknownServerError);
  CHECK(harness.Synced(leader).error == ErrorCode::kUnknownServerError);
  CHECK(harness.Now("g").state == GroupState::kPreparingRebalance);
  CHECK(harness.HasTimer(JoinOf("g")));
}

TEST_CASE(
    "rebalance: a member for whom the record has no room is refused, and nobody is disturbed") {
  Harness harness({.group_bytes_max = 1'000});
  auto members = harness.StableGroup("g", 2);
  JoinOptions large{.protocols = {{"range", std::string(1'000, 'x')}}, .needs_member_id = false};
  CHECK(harness.Join("g", "", large).error == ErrorCode::kUnknownServerError);
  CHECK(harness.Now("g").state == GroupState::kStable);
  CHECK(harness.Now("g").members.size() == 2);
}

TEST_CASE(
    "rebalance: one that was not complete is not remembered, and its generation not given out") {
  Harness harness;
  auto members = harness.StableGroup("g", 2);
  harness.Leave("g", members[1].member_id);
  REQUIRE(harness.Now("g").state == GroupState::kPreparingRebalance);
  harness.machine = harness.Replayed();
  harness.timers.clear();
  CHECK(harness.membership("g").state == GroupState::kStable);
  CHECK(harness.membership("g").members.size() == 2);
  CHECK(harness.Heartbeat("g", members[0].member_id, members[0].generation->value()) ==
        ErrorCode::kNone);
  RequestId again = harness.SendJoin("g", members[0].member_id);
  REQUIRE(harness.Ring(JoinOf("g")));
  CHECK(harness.Joined(again).generation == *members[0].generation + 1);
}

TEST_CASE("rebalance: after loading, all members of a generation without shares must sync") {
  Harness harness;
  auto members = harness.CompletingGroup("g", 2);
  harness.machine = harness.Replayed();
  harness.machine.OnLoaded();
  RequestId follower = harness.SendSync("g", members[1]);
  CHECK(harness.Synced(harness.SendSync("g", members[0], {{members[1].member_id, "x"}})).error ==
        ErrorCode::kNone);
  CHECK(harness.Synced(follower).assignment == "x");
  CHECK_FALSE(harness.HasTimer(SyncOf("g")));
}

}  // namespace millrace::core::group
