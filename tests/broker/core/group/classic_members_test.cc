// Members of a consumer group that speak the classic protocol.
#include "tests/broker/core/group/classic_support.h"

namespace millrace::core::group {
namespace {

// A consumer group of one that has it all.
struct Cluster {
  explicit Cluster(ConsumerOptions consumer = {}) : harness(MakeOptions(std::move(consumer))) {
    harness.machine.SetImage(image);
    REQUIRE(Beat(harness, "g", a).error == ErrorCode::kNone);
  }
  static Options MakeOptions(ConsumerOptions consumer) {
    consumer.assignment_interval_ms = 0;
    return {.consumer = std::move(consumer)};
  }

  const ConsumerGroup& group() const {
    return *harness.machine.groups().find("g")->second.consumer;
  }
  const ConsumerMember& member(const ClassicConsumer& one) const {
    const ConsumerMember* found = group().FindMember(one.id);
    REQUIRE(found != nullptr);
    return *found;
  }
  JoinAnswer Join(ClassicConsumer& one) { return JoinOnce(harness, "g", one, *image); }
  void Enter(ClassicConsumer& one) { group::Enter(harness, "g", one, *image); }
  void Settle(std::vector<ClassicConsumer*> classics) {
    for (int round = 0; round < 5; ++round) {
      REQUIRE(Beat(harness, "g", a).error == ErrorCode::kNone);
      for (ClassicConsumer* one : classics) Beat(harness, "g", *one, *image);
    }
    REQUIRE(group().State() == ConsumerGroupState::kStable);
  }

  ImagePtr image = ImageOf({{"orders", 6}, {"bills", 2}});
  Harness harness;
  Consumer a{.id = "a"};
};

TEST_CASE("classic member: it is refused where it does not speak what the group speaks") {
  Cluster cluster;
  auto refused = [&](JoinOptions how) { return cluster.harness.Join("g", "", how).error; };
  const std::string metadata = ClassicConsumer{}.Metadata(*cluster.image);
  CHECK(refused({.protocols = {{"range", metadata}}, .protocol_type = "connect"}) ==
        ErrorCode::kInconsistentGroupProtocol);
  CHECK(refused({.protocols = {}}) == ErrorCode::kInconsistentGroupProtocol);
  CHECK(refused({.protocols = {{"range", "unreadable"}}}) == ErrorCode::kInconsistentGroupProtocol);
  ClassicConsumer one;
  cluster.Enter(one);
  CHECK(refused({.protocols = {{"sticky", metadata}}}) == ErrorCode::kInconsistentGroupProtocol);
  CHECK(refused({.protocols = {{"sticky", metadata}, {"range", metadata}}}) ==
        ErrorCode::kMemberIdRequired);
  CHECK(refused({.protocols = {{"range", metadata}}, .session_timeout_ms = 1}) ==
        ErrorCode::kInvalidSessionTimeout);
  CHECK(refused({.protocols = {{"range", metadata + std::string(300'000, 'x')}},
                 .needs_member_id = false}) == ErrorCode::kUnknownServerError);
}

TEST_CASE("classic member: it joins with the id that it is given, and is answered at once") {
  Cluster cluster;
  ClassicConsumer one;
  CHECK(cluster.Join(one).error == ErrorCode::kMemberIdRequired);
  CHECK(cluster.group().members.size() == 1);
  JoinAnswer joined = cluster.Join(one);
  REQUIRE(joined.error == ErrorCode::kNone);
  CHECK(joined.member_id == one.id);
  CHECK(joined.generation == GenerationId(2));
  CHECK(joined.protocol_type == "consumer");
  CHECK(joined.protocol == "range");
  CHECK(joined.leader.empty());
  CHECK(joined.members.empty());
  CHECK(cluster.harness.After(SessionOf("g", one.id)) == 10'000);
  CHECK(cluster.harness.After(SyncOf("g", one.id)) == 60'000);
  SyncAnswer synced = SyncOnce(cluster.harness, "g", one);
  CHECK(synced.error == ErrorCode::kNone);
  CHECK(synced.protocol == "range");
  CHECK(Take(one, synced, *cluster.image));
  CHECK(one.owned.empty());
  CHECK_FALSE(cluster.harness.HasTimer(SyncOf("g", one.id)));
  // When the other one has given up its half there is something to take.
  CHECK(BeatOnce(cluster.harness, "g", one) == ErrorCode::kNone);
  cluster.Settle({&one});
  CHECK(one.owned.size() == 3);
  CHECK(cluster.a.owned.size() == 3);
  CHECK(cluster.harness.Replayed().groups() == cluster.harness.machine.groups());
}

TEST_CASE("classic member: the assignment is in the version of its subscription") {
  Cluster cluster;
  JoinAnswer joined = cluster.harness.Join(
      "g", "", {.protocols = {{"range", Subscription({"bills"})}}, .needs_member_id = false});
  REQUIRE(joined.error == ErrorCode::kNone);
  SyncAnswer synced = cluster.harness.Sync("g", joined, "");
  REQUIRE(synced.assignment.size() > 2);
  CHECK(synced.assignment.substr(0, 2) == std::string_view("\0\0", 2));
  CHECK(DecodedAssignment(synced.assignment, *cluster.image) == PartitionsOf(2, {0, 1}));
}

TEST_CASE("classic member: a cooperative one gives up first, and says so by joining again") {
  Cluster cluster;
  ClassicConsumer one{.is_cooperative = true};
  cluster.Enter(one);
  cluster.Settle({&one});
  REQUIRE(one.owned.size() == 3);
  ClassicConsumer two{.is_cooperative = true};
  cluster.Enter(two);
  CHECK(BeatOnce(cluster.harness, "g", one) == ErrorCode::kRebalanceInProgress);
  JoinAnswer joined = cluster.Join(one);
  CHECK(cluster.member(one).state == MemberState::kUnrevoked);
  CHECK(cluster.harness.HasTimer(RevokeOf("g", one.id)));
  const PartitionSet before = one.owned;
  CHECK_FALSE(Take(one, SyncOnce(cluster.harness, "g", one), *cluster.image));
  CHECK(Includes(before, one.owned));
  CHECK(one.owned.size() == 2);
  CHECK(BeatOnce(cluster.harness, "g", one) == ErrorCode::kRebalanceInProgress);
  CHECK(*cluster.Join(one).generation > *joined.generation);
  CHECK_FALSE(cluster.harness.HasTimer(RevokeOf("g", one.id)));
  CHECK(SyncOnce(cluster.harness, "g", one).error == ErrorCode::kNone);
  cluster.Settle({&one, &two});
  CHECK(two.owned.size() == 2);
}

TEST_CASE("classic member: a sync or a heartbeat of somebody else, or of before, is refused") {
  Cluster cluster;
  ClassicConsumer one;
  cluster.Enter(one);
  auto sync = [&](auto change) {
    Sync asked{.group_id = "g",
               .who = {one.id, std::nullopt},
               .generation = one.generation,
               .protocol_type = "consumer",
               .protocol = "range",
               .assignments = {}};
    change(asked);
    return cluster.harness.Ask(asked).error;
  };
  CHECK(sync([](auto&) {}) == ErrorCode::kNone);
  CHECK(sync([](auto& bad) { bad.who.member_id = "other"; }) == ErrorCode::kUnknownMemberId);
  CHECK(sync([](auto& bad) { bad.who.member_id = "a"; }) == ErrorCode::kUnknownMemberId);
  CHECK(sync([](auto& bad) { bad.who.instance_id = "i"; }) == ErrorCode::kUnknownMemberId);
  CHECK(sync([](auto& bad) { bad.generation = GenerationId(9); }) == ErrorCode::kIllegalGeneration);
  CHECK(sync([](auto& bad) { bad.protocol_type = "connect"; }) ==
        ErrorCode::kInconsistentGroupProtocol);
  CHECK(sync([](auto& bad) { bad.protocol = "sticky"; }) == ErrorCode::kInconsistentGroupProtocol);
  const int32_t generation = one.generation.value();
  CHECK(cluster.harness.Heartbeat("g", "other", generation) == ErrorCode::kUnknownMemberId);
  CHECK(cluster.harness.Heartbeat("g", "a", generation) == ErrorCode::kUnknownMemberId);
  CHECK(cluster.harness.Heartbeat("g", one.id, generation - 1) == ErrorCode::kIllegalGeneration);
  CHECK(cluster.harness.Heartbeat("g", one.id, generation) == ErrorCode::kNone);
  // Another one comes: there is a new target.
  Consumer b{.id = "b"};
  Beat(cluster.harness, "g", b);
  CHECK(sync([](auto&) {}) == ErrorCode::kRebalanceInProgress);
}

TEST_CASE("classic member: it commits in its generation, in any version of the request") {
  Cluster cluster;
  ClassicConsumer one;
  cluster.Enter(one);
  auto commit = [&](GenerationId generation, std::optional<std::string_view> instance_id) {
    return cluster.harness
        .Ask(Commit{.group_id = "g",
                    .who = {one.id, instance_id},
                    .generation = generation,
                    .retention_ms = std::nullopt,
                    .knows_group_id_not_found = false,
                    .partitions = {}})
        .error;
  };
  CHECK(commit(one.generation, std::nullopt) == ErrorCode::kNone);
  CHECK(commit(GenerationId(1), std::nullopt) == ErrorCode::kIllegalGeneration);
  CHECK(commit(GenerationId(-1), std::nullopt) == ErrorCode::kIllegalGeneration);
  CHECK(commit(one.generation, "other") == ErrorCode::kUnknownMemberId);
  auto fetch = [&](int32_t epoch) {
    return cluster.harness
        .Ask(Fetch{.group_id = "g",
                   .member_id = one.id,
                   .member_epoch = MemberEpoch(epoch),
                   .all = true,
                   .partitions = {}})
        .error;
  };
  CHECK(fetch(one.generation.value()) == ErrorCode::kNone);
  CHECK(fetch(1) == ErrorCode::kIllegalGeneration);
}

TEST_CASE("classic member: it leaves by its id, and a static one by its instance id alone") {
  Cluster cluster;
  ClassicConsumer one;
  ClassicConsumer named{.instance_id = "named"};
  cluster.Enter(one);
  cluster.Enter(named);
  CHECK(cluster.harness.Leave("g", "other") == ErrorCode::kUnknownMemberId);
  CHECK(cluster.harness.Leave("g", one.id) == ErrorCode::kNone);
  CHECK(cluster.harness.Leave("g", "", "named") == ErrorCode::kNone);
  CHECK(cluster.group().members.size() == 1);
  CHECK_FALSE(cluster.harness.HasTimer(SessionOf("g", one.id)));
  CHECK_FALSE(cluster.harness.HasTimer(SyncOf("g", named.id)));
  cluster.Settle({});
  CHECK(cluster.a.owned.size() == 6);
}

TEST_CASE("classic member: a static one takes the place of the one before, and fences it") {
  Cluster cluster;
  ClassicConsumer named{.instance_id = "named"};
  cluster.Enter(named);
  cluster.Settle({&named});
  const PartitionSet had = named.owned;
  const MemberEpoch epoch = cluster.group().epoch;
  ClassicConsumer again{.instance_id = "named"};
  cluster.Enter(again);
  CHECK(again.id != named.id);
  CHECK(again.owned == had);
  CHECK(cluster.group().epoch == epoch);  // nobody else need know
  CHECK(cluster.group().members.size() == 2);
  CHECK(BeatOnce(cluster.harness, "g", named) == ErrorCode::kFencedInstanceId);
  CHECK(cluster.Join(named).error == ErrorCode::kFencedInstanceId);
  ClassicConsumer stranger{.id = "stranger", .instance_id = "other"};
  CHECK(cluster.Join(stranger).error == ErrorCode::kUnknownMemberId);
}

TEST_CASE("classic member: one that is silent, or does not join or sync in time, is put out") {
  Cluster cluster;
  ClassicConsumer one;
  CHECK(cluster.Join(one).error == ErrorCode::kMemberIdRequired);
  CHECK(cluster.Join(one).error == ErrorCode::kNone);
  SECTION("silent") { REQUIRE(cluster.harness.Ring(SessionOf("g", one.id))); }
  SECTION("no sync") { REQUIRE(cluster.harness.Ring(SyncOf("g", one.id))); }
  SECTION("no rejoin") {
    REQUIRE(Take(one, SyncOnce(cluster.harness, "g", one), *cluster.image));
    CHECK_FALSE(cluster.harness.HasTimer(RejoinOf("g", one.id)));
    Consumer b{.id = "b"};
    Beat(cluster.harness, "g", b);
    CHECK(BeatOnce(cluster.harness, "g", one) == ErrorCode::kRebalanceInProgress);
    CHECK(cluster.harness.After(RejoinOf("g", one.id)) == 60'000);
    // Being told again gives it no more time.
    const size_t timers = cluster.harness.timers.size();
    CHECK(BeatOnce(cluster.harness, "g", one) == ErrorCode::kRebalanceInProgress);
    CHECK(cluster.harness.timers.size() == timers);
    REQUIRE(cluster.harness.Ring(RejoinOf("g", one.id)));
  }
  CHECK(BeatOnce(cluster.harness, "g", one) == ErrorCode::kUnknownMemberId);
  CHECK(cluster.group().FindMember(one.id) == nullptr);
}

TEST_CASE("classic member: one that joins again in time is no longer waited for") {
  Cluster cluster;
  ClassicConsumer one;
  cluster.Enter(one);
  Consumer b{.id = "b"};
  Beat(cluster.harness, "g", b);
  CHECK(BeatOnce(cluster.harness, "g", one) == ErrorCode::kRebalanceInProgress);
  cluster.Enter(one);
  CHECK_FALSE(cluster.harness.HasTimer(RejoinOf("g", one.id)));
}

TEST_CASE("classic member: a full group takes none, but keeps those that it has") {
  Cluster cluster({.members_max = 2});
  ClassicConsumer named{.instance_id = "named"};
  cluster.Enter(named);
  ClassicConsumer late;
  CHECK(cluster.Join(late).error == ErrorCode::kGroupMaxSizeReached);
  ClassicConsumer again{.instance_id = "named"};
  cluster.Enter(again);
  cluster.Enter(again);
}

TEST_CASE("classic member: after a restart its session is the one that it asked for") {
  Cluster cluster;
  ClassicConsumer one;
  cluster.Enter(one);
  Machine replayed = cluster.harness.Replayed();
  CHECK(replayed.groups() == cluster.harness.machine.groups());
  Output loaded = replayed.OnLoaded();
  auto found = std::ranges::find_if(loaded.timers, [&](const TimerChange& change) {
    return change.id == SessionOf("g", one.id);
  });
  REQUIRE(found != loaded.timers.end());
  CHECK(found->after_ms == 10'000);
}

TEST_CASE("classic member: where members come together it does not join again before the target") {
  Harness harness({.consumer = {.assignment_interval_ms = 1'000}});
  ImagePtr image = ImageOf({{"orders", 6}});
  harness.machine.SetImage(image);
  Consumer a{.id = "a"};
  Beat(harness, "g", a);
  ClassicConsumer one;
  Enter(harness, "g", one, *image);
  CHECK(BeatOnce(harness, "g", one) == ErrorCode::kNone);
  REQUIRE(harness.Ring(AssignOf("g")));
  CHECK(BeatOnce(harness, "g", one) == ErrorCode::kRebalanceInProgress);
}

}  // namespace
}  // namespace millrace::core::group
