// Groups that go from one protocol to the other while they have members.
#include "tests/broker/core/group/classic_support.h"

namespace millrace::core::group {
namespace {

struct Cluster {
  explicit Cluster(ConsumerOptions consumer = {}, size_t classic_members_max = 1'000)
      : harness(MakeOptions(std::move(consumer), classic_members_max)) {
    harness.machine.SetImage(image);
  }

  static Options MakeOptions(ConsumerOptions consumer, size_t members_max) {
    consumer.assignment_interval_ms = 0;
    return {.members_max = members_max, .consumer = std::move(consumer)};
  }

  const ConsumerGroup& group() const {
    auto found = harness.machine.groups().find("g");
    REQUIRE(found != harness.machine.groups().end());
    REQUIRE(found->second.consumer.has_value());
    return *found->second.consumer;
  }
  bool is_consumer_group() const {
    auto found = harness.machine.groups().find("g");
    return found != harness.machine.groups().end() && found->second.consumer.has_value();
  }

  // Classic members of one generation, each with a share of the six partitions of orders.
  std::vector<ClassicConsumer> Generation(size_t count, const ClassicConsumer& model = {}) {
    std::vector<ClassicConsumer> members = Unsynced(count, model);
    Harness::Assignments shares;
    for (size_t i = 0; i < count; ++i) {
      for (int32_t p = 0; p < 6; ++p) {
        if (static_cast<size_t>(p) % count == i) {
          members[i].owned.push_back({TopicNumber(1), PartitionIndex(p)});
        }
      }
      shares.emplace_back(members[i].id, EncodedAssignment(members[i].owned, *image));
    }
    for (size_t i = 0; i < count; ++i) {
      JoinAnswer joined{
          .generation = members[i].generation, .member_id = members[i].id, .members = {}};
      harness.SendSync("g", joined, joined.member_id == leader ? shares : Harness::Assignments());
    }
    REQUIRE(harness.membership("g").state == GroupState::kStable);
    return members;
  }

  // The same before the sync.
  std::vector<ClassicConsumer> Unsynced(size_t count, const ClassicConsumer& model = {}) {
    std::vector<ClassicConsumer> members;
    for (const JoinAnswer& joined : harness.CompletingGroup("g", count, model.How(*image))) {
      members.push_back(model);
      members.back().id = joined.member_id;
      members.back().generation = *joined.generation;
      leader = joined.leader;
    }
    return members;
  }

  void Settle(std::vector<Consumer*> consumers, std::vector<ClassicConsumer*> classics) {
    for (int round = 0; round < 5; ++round) {
      for (ClassicConsumer* one : classics) Beat(harness, "g", *one, *image);
      for (Consumer* one : consumers) {
        REQUIRE(Beat(harness, "g", *one).error == ErrorCode::kNone);
      }
    }
    REQUIRE(group().State() == ConsumerGroupState::kStable);
    for (Consumer* one : consumers) REQUIRE(one->owned == group().FindMember(one->id)->assigned);
    for (ClassicConsumer* one : classics) {
      REQUIRE(one->owned == group().FindMember(one->id)->assigned);
    }
  }

  void CheckReplay() const { CHECK(harness.Replayed().groups() == harness.machine.groups()); }

  ImagePtr image = ImageOf({{"orders", 6}, {"bills", 2}});
  Harness harness;
  std::string leader;
};

// All rejoin a classic group that is preparing a generation.
void Rejoin(Cluster& cluster, std::vector<ClassicConsumer*> members) {
  std::vector<RequestId> requests;
  for (ClassicConsumer* one : members) {
    if (!one->is_cooperative) one->owned.clear();
    requests.push_back(cluster.harness.SendJoin("g", one->id, one->How(*cluster.image)));
  }
  for (size_t i = 0; i < members.size(); ++i) {
    const JoinAnswer& joined = cluster.harness.Joined(requests[i]);
    REQUIRE(joined.error == ErrorCode::kNone);
    members[i]->generation = *joined.generation;
    cluster.leader = joined.leader;
  }
}

TEST_CASE("migration: a classic group that must not, or cannot, become a consumer group is left") {
  auto refused = [](Cluster& cluster) {
    const size_t records = cluster.harness.log.size();
    Consumer consumer{.id = "c"};
    ConsumerHeartbeatAnswer answer = Beat(cluster.harness, "g", consumer);
    CHECK_FALSE(answer.message.empty());
    CHECK(cluster.harness.log.size() == records);
    CHECK_FALSE(cluster.is_consumer_group());
    return answer.error;
  };
  SECTION("by policy") {
    Cluster cluster({.may_upgrade = false});
    cluster.Generation(2);
    CHECK(refused(cluster) == ErrorCode::kGroupIdNotFound);
  }
  SECTION("members that are no consumers") {
    Cluster cluster;
    cluster.harness.Stable("g", "a", {.protocol_type = "connect"});
    CHECK(refused(cluster) == ErrorCode::kGroupIdNotFound);
  }
  SECTION("a subscription that cannot be read") {
    Cluster cluster;
    cluster.harness.Stable("g", "");
    CHECK(refused(cluster) == ErrorCode::kGroupIdNotFound);
  }
  SECTION("an assignment that cannot be read") {
    Cluster cluster;
    cluster.harness.Stable("g", "a", ClassicConsumer{}.How(*cluster.image));
    CHECK(refused(cluster) == ErrorCode::kGroupIdNotFound);
  }
  SECTION("too many members") {
    Cluster cluster({.members_max = 1});
    cluster.Generation(2);
    CHECK(refused(cluster) == ErrorCode::kGroupIdNotFound);
  }
  SECTION("as many members as there may be") {
    Cluster cluster({.members_max = 2});
    cluster.Generation(2);
    CHECK(refused(cluster) == ErrorCode::kGroupMaxSizeReached);
  }
  SECTION("a member that says more than its record holds") {
    Cluster cluster;
    cluster.harness.Stable(
        "g", "",
        {.protocols = {{"range", Subscription({"orders"})}, {"other", std::string(300'000, 'x')}}});
    CHECK(refused(cluster) == ErrorCode::kGroupIdNotFound);
  }
  SECTION("a heartbeat that does not join") {
    Cluster cluster;
    cluster.Generation(1);
    Consumer consumer{.id = "c", .epoch = MemberEpoch(1)};
    CHECK(Beat(cluster.harness, "g", consumer).error == ErrorCode::kGroupIdNotFound);
    CHECK_FALSE(cluster.is_consumer_group());
  }
}

TEST_CASE("migration: the first of the consumer protocol makes a classic group a consumer group") {
  Cluster cluster;
  std::vector<ClassicConsumer> old = cluster.Generation(2);
  const int32_t generation = old[0].generation.value();
  const PartitionSet first_share = old[0].owned;
  Consumer c{.id = "c"};
  ConsumerHeartbeatAnswer answer = Beat(cluster.harness, "g", c);
  REQUIRE(answer.error == ErrorCode::kNone);
  CHECK(answer.assignment == PartitionSet());  // all of it is held still
  CHECK(cluster.group().members.size() == 3);
  CHECK(cluster.group().epoch == MemberEpoch(generation + 1));
  const ConsumerMember& kept = *cluster.group().FindMember(old[0].id);
  CHECK(kept.classic.has_value());
  CHECK(kept.epoch == MemberEpoch(generation));
  CHECK(kept.assigned == first_share);
  CHECK(kept.topics == std::vector<std::string>{"orders"});
  CHECK(cluster.harness.After(SessionOf("g", old[0].id)) == 10'000);
  CHECK(cluster.harness.After(SessionOf("g", "c")) == 45'000);
  CHECK(BeatOnce(cluster.harness, "g", old[0]) == ErrorCode::kRebalanceInProgress);
  cluster.Settle({&c}, {&old[0], &old[1]});
  CHECK(c.owned.size() == 2);
  CHECK(old[0].owned.size() == 2);
  CHECK(Includes(first_share, old[0].owned));
  cluster.CheckReplay();
}

TEST_CASE("migration: whoever waits in the classic group joins the consumer group") {
  Cluster cluster;
  std::vector<ClassicConsumer> old = cluster.Unsynced(2);
  // The one that does not lead waits for its assignment.
  ClassicConsumer& follower = old[0].id == cluster.leader ? old[1] : old[0];
  ClassicConsumer& leader = old[0].id == cluster.leader ? old[0] : old[1];
  JoinAnswer joined{.generation = follower.generation, .member_id = follower.id, .members = {}};
  RequestId sync = cluster.harness.SendSync("g", joined);
  CHECK_FALSE(cluster.harness.IsAnswered(sync));
  Consumer c{.id = "c"};
  REQUIRE(Beat(cluster.harness, "g", c).error == ErrorCode::kNone);
  CHECK(cluster.harness.Synced(sync).error == ErrorCode::kRebalanceInProgress);
  CHECK_FALSE(cluster.harness.HasTimer(SyncOf("g")));
  CHECK(c.owned.size() > 0);  // nobody has got anything yet
  CHECK(SyncOnce(cluster.harness, "g", leader).error == ErrorCode::kRebalanceInProgress);
  cluster.Settle({&c}, {&leader, &follower});
  cluster.CheckReplay();
}

TEST_CASE("migration: who waits for its first generation is no member yet, and joins with its id") {
  Cluster cluster;
  std::vector<ClassicConsumer> old = cluster.Generation(1);
  ClassicConsumer late;
  CHECK(JoinOnce(cluster.harness, "g", late, *cluster.image).error == ErrorCode::kMemberIdRequired);
  RequestId join = cluster.harness.SendJoin("g", late.id, late.How(*cluster.image));
  CHECK_FALSE(cluster.harness.IsAnswered(join));
  Consumer c{.id = "c"};
  REQUIRE(Beat(cluster.harness, "g", c).error == ErrorCode::kNone);
  CHECK(cluster.harness.Joined(join).error == ErrorCode::kRebalanceInProgress);
  CHECK_FALSE(cluster.harness.HasTimer(JoinOf("g")));
  CHECK_FALSE(cluster.harness.HasTimer(SessionOf("g", late.id)));
  CHECK(cluster.group().FindMember(late.id) == nullptr);
  CHECK(cluster.group().FindMember(old[0].id)->assigned == old[0].owned);
  CHECK(JoinOnce(cluster.harness, "g", late, *cluster.image).error == ErrorCode::kNone);
  cluster.Settle({&c}, {&old[0], &late});
}

TEST_CASE("migration: a group that has had no generation yet begins as a consumer group") {
  Cluster cluster;
  cluster.harness =
      Harness({.initial_rebalance_delay_ms = 3'000, .consumer = {.assignment_interval_ms = 0}});
  cluster.harness.machine.SetImage(cluster.image);
  ClassicConsumer first;
  JoinOnce(cluster.harness, "g", first, *cluster.image);
  RequestId join = cluster.harness.SendJoin("g", first.id, first.How(*cluster.image));
  Consumer c{.id = "c"};
  REQUIRE(Beat(cluster.harness, "g", c).error == ErrorCode::kNone);
  CHECK(cluster.harness.Joined(join).error == ErrorCode::kRebalanceInProgress);
  CHECK_FALSE(cluster.harness.HasTimer(JoinOf("g")));
  CHECK(cluster.group().members.size() == 1);
  CHECK(c.owned.size() == 6);
  Enter(cluster.harness, "g", first, *cluster.image);
  cluster.Settle({&c}, {&first});
  cluster.CheckReplay();
}

TEST_CASE("migration: what a cooperative member has not given up is its own") {
  Cluster cluster;
  ClassicConsumer model{.is_cooperative = true};
  std::vector<ClassicConsumer> old = cluster.Generation(1, model);
  // It joins again, still with all of it, and another one with it.
  ClassicConsumer other{.is_cooperative = true};
  JoinOnce(cluster.harness, "g", other, *cluster.image);
  RequestId waits = cluster.harness.SendJoin("g", other.id, other.How(*cluster.image));
  RequestId rejoins = cluster.harness.SendJoin("g", old[0].id, old[0].How(*cluster.image));
  old[0].generation = *cluster.harness.Joined(rejoins).generation;
  other.generation = *cluster.harness.Joined(waits).generation;
  Consumer c{.id = "c"};
  REQUIRE(Beat(cluster.harness, "g", c).error == ErrorCode::kNone);
  CHECK(cluster.group().FindMember(old[0].id)->assigned == old[0].owned);
  CHECK(c.owned.empty());
  cluster.Settle({&c}, {&old[0], &other});
  CHECK(c.owned.size() == 2);
}

TEST_CASE("migration: what a leader has given to two is the first one's") {
  Cluster cluster;
  std::vector<ClassicConsumer> old = cluster.Unsynced(2);
  const std::string all = EncodedAssignment(PartitionsOf(1, {0, 1, 2, 3, 4, 5}), *cluster.image);
  for (const ClassicConsumer& one : old) {
    JoinAnswer joined{.generation = one.generation, .member_id = one.id, .members = {}};
    cluster.harness.SendSync("g", joined, {{old[0].id, all}, {old[1].id, all}});
  }
  Consumer c{.id = "c"};
  REQUIRE(Beat(cluster.harness, "g", c).error == ErrorCode::kNone);
  for (const auto& [partition, holders] : cluster.group().holders) CHECK(holders == 1);
  CHECK(cluster.group().holders.size() == 6);
}

TEST_CASE("migration: the last of the consumer protocol leaves a classic group behind") {
  Cluster cluster;
  std::vector<ClassicConsumer> old = cluster.Generation(2);
  Consumer c{.id = "c"};
  Beat(cluster.harness, "g", c);
  cluster.Settle({&c}, {&old[0], &old[1]});
  const GenerationId before = old[0].generation;
  CHECK(cluster.harness.Commit("g", 5, old[0].id, before) == ErrorCode::kNone);
  SECTION("it leaves") {
    CHECK(LeaveWith(cluster.harness, "g", c, kLeaving).error == ErrorCode::kNone);
  }
  SECTION("it falls silent") { REQUIRE(cluster.harness.Ring(SessionOf("g", "c"))); }
  SECTION("it is removed") { CHECK(cluster.harness.Leave("g", "c") == ErrorCode::kNone); }
  CHECK_FALSE(cluster.is_consumer_group());
  CHECK(cluster.harness.membership("g").generation == before);
  CHECK_FALSE(cluster.harness.HasTimer(SessionOf("g", "c")));
  CHECK(cluster.harness.After(SessionOf("g", old[0].id)) == 10'000);
  CHECK(cluster.harness.HasTimer(JoinOf("g")));
  cluster.CheckReplay();
  // They know their generation still, may commit in it, and are told to join again.
  CHECK(BeatOnce(cluster.harness, "g", old[0]) == ErrorCode::kRebalanceInProgress);
  CHECK(cluster.harness.Commit("g", 6, old[0].id, before) == ErrorCode::kNone);
  Rejoin(cluster, {&old[0], &old[1]});
  CHECK(old[0].generation == before + 1);
  CHECK(cluster.harness.membership("g").state == GroupState::kCompletingRebalance);
  REQUIRE(cluster.harness.FetchAll("g").size() == 1);
  CHECK(cluster.harness.FetchAll("g")[0].committed.offset == Offset(6));
}

TEST_CASE("migration: a group that became a classic one prepares again after a restart") {
  Cluster cluster;
  std::vector<ClassicConsumer> old = cluster.Generation(2);
  Consumer c{.id = "c"};
  Beat(cluster.harness, "g", c);
  cluster.Settle({&c}, {&old[0], &old[1]});
  LeaveWith(cluster.harness, "g", c, kLeaving);
  cluster.harness.machine = cluster.harness.Replayed();
  cluster.harness.machine.SetImage(cluster.image);
  Output loaded = cluster.harness.machine.OnLoaded();
  CHECK(loaded.records.empty());
  CHECK(std::ranges::any_of(loaded.timers,
                            [](const TimerChange& change) { return change.id == JoinOf("g"); }));
  CHECK(BeatOnce(cluster.harness, "g", old[0]) == ErrorCode::kRebalanceInProgress);
  Rejoin(cluster, {&old[0], &old[1]});
}

TEST_CASE("migration: a member that was behind may commit until it has joined the classic group") {
  Cluster cluster;
  std::vector<ClassicConsumer> old = cluster.Generation(2);
  Consumer c{.id = "c"};
  Beat(cluster.harness, "g", c);
  LeaveWith(cluster.harness, "g", c, kLeaving);
  REQUIRE_FALSE(cluster.is_consumer_group());
  REQUIRE(cluster.harness.membership("g").generation > old[0].generation);
  cluster.CheckReplay();
  CHECK(cluster.harness.Commit("g", 5, old[0].id, old[0].generation) == ErrorCode::kNone);
  CHECK(BeatOnce(cluster.harness, "g", old[0]) == ErrorCode::kRebalanceInProgress);
  CHECK(cluster.harness.Commit("g", 5, old[0].id, GenerationId(0)) ==
        ErrorCode::kIllegalGeneration);
  const ClassicConsumer before = old[0];
  Rejoin(cluster, {&old[0], &old[1]});
  CHECK(cluster.harness.Commit("g", 5, before.id, before.generation) ==
        ErrorCode::kIllegalGeneration);
}

TEST_CASE("migration: a group goes up again in the middle of going down") {
  Cluster cluster;
  ClassicConsumer model{.is_cooperative = true};
  std::vector<ClassicConsumer> old = cluster.Generation(2, model);
  Consumer c{.id = "c"};
  Beat(cluster.harness, "g", c);
  cluster.Settle({&c}, {&old[0], &old[1]});
  LeaveWith(cluster.harness, "g", c, kLeaving);
  CHECK_FALSE(cluster.is_consumer_group());
  RequestId join = cluster.harness.SendJoin("g", old[0].id, old[0].How(*cluster.image));
  Consumer d{.id = "d"};
  REQUIRE(Beat(cluster.harness, "g", d).error == ErrorCode::kNone);
  CHECK(cluster.harness.Joined(join).error == ErrorCode::kRebalanceInProgress);
  CHECK(cluster.group().FindMember(old[0].id)->assigned == old[0].owned);
  CHECK(cluster.group().FindMember(old[1].id)->assigned == old[1].owned);
  CHECK(d.owned.size() == 2);
  cluster.Settle({&d}, {&old[0], &old[1]});
  cluster.CheckReplay();
}

TEST_CASE("migration: where the policy forbids it a group of classic members stays as it is") {
  Cluster cluster({.may_downgrade = false});
  std::vector<ClassicConsumer> old = cluster.Generation(2);
  Consumer c{.id = "c"};
  Beat(cluster.harness, "g", c);
  cluster.Settle({&c}, {&old[0], &old[1]});
  LeaveWith(cluster.harness, "g", c, kLeaving);
  CHECK(cluster.is_consumer_group());
  // Their heartbeats alone lead them on, also to topics that have grown.
  cluster.Settle({}, {&old[0], &old[1]});
  CHECK(old[0].owned.size() == 3);
  cluster.image = ImageOf({{"orders", 8}, {"bills", 2}});
  cluster.harness.machine.SetImage(cluster.image);
  cluster.Settle({}, {&old[0], &old[1]});
  CHECK(old[0].owned.size() == 4);
}

TEST_CASE("migration: a group that is too large for a classic one stays as it is") {
  Cluster cluster({}, 2);
  std::vector<ClassicConsumer> old = cluster.Generation(2);
  Consumer c{.id = "c"};
  Beat(cluster.harness, "g", c);
  ClassicConsumer third;
  Enter(cluster.harness, "g", third, *cluster.image);
  cluster.Settle({&c}, {&old[0], &old[1], &third});
  LeaveWith(cluster.harness, "g", c, kLeaving);
  CHECK(cluster.is_consumer_group());
  CHECK(cluster.harness.Leave("g", third.id) == ErrorCode::kNone);
  CHECK_FALSE(cluster.is_consumer_group());
}

TEST_CASE("migration: a group that could not go down goes down when it may") {
  Cluster cluster({.may_downgrade = false});
  std::vector<ClassicConsumer> old = cluster.Generation(1);
  Consumer c{.id = "c"};
  Beat(cluster.harness, "g", c);
  cluster.Settle({&c}, {&old[0]});
  LeaveWith(cluster.harness, "g", c, kLeaving);
  CHECK(cluster.is_consumer_group());
  cluster.harness.options.consumer.may_downgrade = true;
  cluster.harness.machine = cluster.harness.Replayed();
  cluster.harness.machine.SetImage(cluster.image);
  cluster.harness.machine.OnLoaded();
  CHECK(BeatOnce(cluster.harness, "g", old[0]) == ErrorCode::kRebalanceInProgress);
  CHECK_FALSE(cluster.is_consumer_group());
}

TEST_CASE("migration: a static member comes back in the other protocol, and again") {
  Cluster cluster;
  ClassicConsumer model{.instance_id = "static"};
  std::vector<ClassicConsumer> old = cluster.Generation(1, model);
  const PartitionSet all = old[0].owned;
  // Up: it takes its own place, and the group has nobody of the classic protocol any more.
  Consumer c{.id = "c", .instance_id = "static"};
  ConsumerHeartbeatAnswer answer = Beat(cluster.harness, "g", c);
  REQUIRE(answer.error == ErrorCode::kNone);
  CHECK(c.owned == all);
  CHECK(cluster.group().members.size() == 1);
  CHECK_FALSE(cluster.harness.HasTimer(SessionOf("g", old[0].id)));
  CHECK(BeatOnce(cluster.harness, "g", old[0]) == ErrorCode::kFencedInstanceId);
  CHECK(cluster.harness.Commit("g", 5, old[0].id, old[0].generation) ==
        ErrorCode::kUnknownMemberId);
  // Down: it has not said that it leaves.
  ClassicConsumer back{.instance_id = "static"};
  JoinAnswer joined = JoinOnce(cluster.harness, "g", back, *cluster.image);
  REQUIRE(joined.error == ErrorCode::kNone);
  CHECK_FALSE(cluster.is_consumer_group());
  CHECK(Beat(cluster.harness, "g", c).error == ErrorCode::kGroupIdNotFound);
  CHECK(SyncOnce(cluster.harness, "g", back).error == ErrorCode::kRebalanceInProgress);
  Rejoin(cluster, {&back});
  CHECK(cluster.harness.membership("g").members.size() == 1);
  cluster.CheckReplay();
}

TEST_CASE("migration: a member changes its protocol under the same id") {
  Cluster cluster;
  std::vector<ClassicConsumer> old = cluster.Generation(2);
  Consumer same{.id = old[0].id};
  REQUIRE(Beat(cluster.harness, "g", same).error == ErrorCode::kNone);
  CHECK(cluster.group().members.size() == 2);
  CHECK_FALSE(cluster.group().FindMember(same.id)->classic.has_value());
  CHECK(same.owned == old[0].owned);
  CHECK(BeatOnce(cluster.harness, "g", old[0]) == ErrorCode::kUnknownMemberId);
  cluster.Settle({&same}, {&old[1]});
  // And back, under its id still: the group goes down.
  old[0].owned.clear();
  REQUIRE(JoinOnce(cluster.harness, "g", old[0], *cluster.image).error == ErrorCode::kNone);
  CHECK_FALSE(cluster.is_consumer_group());
}

// The log is cut behind each record of the input in turn; whoever is not known there any more
// begins anew.
template <class Input>
void CheckEveryCut(Cluster& cluster, std::vector<ClassicConsumer> classics, Input input) {
  const std::vector<EncodedRecord> before = cluster.harness.log;
  input();
  const std::vector<EncodedRecord> after = cluster.harness.log;
  REQUIRE(after.size() > before.size() + 1);
  for (size_t size = before.size(); size <= after.size(); ++size) {
    Cluster cut;
    cut.harness.log.assign(after.begin(), after.begin() + static_cast<ptrdiff_t>(size));
    cut.harness.machine = cut.harness.Replayed();
    cut.harness.machine.SetImage(cut.image);
    cut.harness.machine.OnLoaded();
    Consumer c{.id = "late"};
    REQUIRE(Beat(cut.harness, "g", c).error == ErrorCode::kNone);
    cut.harness.Leave("g", "c");  // if it is a member still
    std::vector<ClassicConsumer> members = classics;
    for (ClassicConsumer& one : members) {
      const ErrorCode error = BeatOnce(cut.harness, "g", one);
      if (error == ErrorCode::kUnknownMemberId) one = ClassicConsumer{};
      Enter(cut.harness, "g", one, *cut.image);
    }
    cut.Settle({&c}, {&members[0], &members[1]});
    CHECK(cut.group().members.size() == 3);
    CHECK(Union(Union(c.owned, members[0].owned), members[1].owned).size() == 6);
  }
}

TEST_CASE("migration: a crash between any two records leaves a group that goes on") {
  Cluster cluster;
  std::vector<ClassicConsumer> old = cluster.Generation(2);
  Consumer c{.id = "c"};
  SECTION("up") {
    CheckEveryCut(cluster, old, [&] { Beat(cluster.harness, "g", c); });
  }
  SECTION("down") {
    Beat(cluster.harness, "g", c);
    cluster.Settle({&c}, {&old[0], &old[1]});
    CheckEveryCut(cluster, old, [&] { LeaveWith(cluster.harness, "g", c, kLeaving); });
  }
}

}  // namespace
}  // namespace millrace::core::group
