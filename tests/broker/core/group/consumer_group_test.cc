// Consumer groups, whose members the coordinator gives their partitions.
#include "tests/broker/core/group/consumer_support.h"

namespace millrace::core::group {
namespace {

// Targets follow every change at once.
Harness MakeHarness() {
  Harness harness({.consumer = {.assignment_interval_ms = 0}});
  harness.machine.SetImage(ImageOf({{"orders", 6}, {"bills", 2}, {"__internal", 3}}));
  return harness;
}

const ConsumerGroup& GroupIn(const Harness& harness, std::string_view group = "g") {
  auto found = harness.machine.groups().find(group);
  REQUIRE(found != harness.machine.groups().end());
  REQUIRE(found->second.consumer.has_value());
  return *found->second.consumer;
}

// Until nobody has anything left to do.
void Settle(Harness& harness, std::vector<Consumer*> consumers) {
  for (int round = 0; round < 4; ++round) {
    for (Consumer* one : consumers) REQUIRE(Beat(harness, "g", *one).error == ErrorCode::kNone);
  }
}

TEST_CASE("consumer group: a heartbeat that cannot be is refused, and says why") {
  Harness harness = MakeHarness();
  std::vector<std::string_view> names;
  Consumer consumer{.id = "a"};
  const ConsumerHeartbeat good = consumer.Full("g", names);
  auto refused = [&](auto change) {
    ConsumerHeartbeat bad = good;
    change(bad);
    ConsumerHeartbeatAnswer answer = harness.Ask(bad);
    CHECK_FALSE(answer.message.empty());
    return answer.error;
  };
  CHECK(refused([](auto& bad) { bad.group_id = ""; }) == ErrorCode::kInvalidRequest);
  CHECK(refused([](auto& bad) { bad.member_id = ""; }) == ErrorCode::kInvalidRequest);
  CHECK(refused([](auto& bad) { bad.instance_id = ""; }) == ErrorCode::kInvalidRequest);
  CHECK(refused([](auto& bad) { bad.rack_id = ""; }) == ErrorCode::kInvalidRequest);
  CHECK(refused([](auto& bad) { bad.epoch = MemberEpoch(-3); }) == ErrorCode::kInvalidRequest);
  CHECK(refused([](auto& bad) { bad.epoch = kAway; }) == ErrorCode::kInvalidRequest);
  CHECK(refused([](auto& bad) { bad.rebalance_timeout_ms.reset(); }) == ErrorCode::kInvalidRequest);
  CHECK(refused([](auto& bad) { bad.owned.reset(); }) == ErrorCode::kInvalidRequest);
  CHECK(refused([](auto& bad) { bad.owned = PartitionsOf(1, {0}); }) == ErrorCode::kInvalidRequest);
  CHECK(refused([](auto& bad) {
          bad.topics.reset();
          bad.regex.reset();
        }) == ErrorCode::kInvalidRequest);
  CHECK(refused([](auto& bad) { bad.assignor = "other"; }) == ErrorCode::kUnsupportedAssignor);
  CHECK(refused([](auto& bad) { bad.regex = "("; }) == ErrorCode::kInvalidRegularExpression);
  CHECK(refused([](auto& bad) { bad.epoch = MemberEpoch(1); }) == ErrorCode::kGroupIdNotFound);
  CHECK(refused([](auto& bad) { bad.epoch = kLeaving; }) == ErrorCode::kGroupIdNotFound);
  CHECK(harness.log.empty());
}

TEST_CASE("consumer group: the first member has everything at once, and may keep silent then") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a"};
  ConsumerHeartbeatAnswer answer = Beat(harness, "g", a);
  CHECK(answer.error == ErrorCode::kNone);
  CHECK(answer.member_id == "a");
  CHECK(answer.epoch == MemberEpoch(1));
  CHECK(answer.interval_ms == 5'000);
  CHECK(answer.assignment == PartitionsOf(1, {0, 1, 2, 3, 4, 5}));
  CHECK(GroupIn(harness).State() == ConsumerGroupState::kStable);
  CHECK(harness.After(SessionOf("g", "a")) == 45'000);
  const size_t records = harness.log.size();
  ConsumerHeartbeatAnswer brief = BriefBeat(harness, "g", a);
  CHECK(brief.error == ErrorCode::kNone);
  CHECK_FALSE(brief.assignment.has_value());
  CHECK(harness.log.size() == records);
}

TEST_CASE("consumer group: a second member gets its share when the first has given it up") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a"};
  Consumer b{.id = "b"};
  Beat(harness, "g", a);
  CHECK(Beat(harness, "g", b).assignment == PartitionSet{});
  CHECK(b.epoch == MemberEpoch(2));
  const PartitionSet all = a.owned;
  ConsumerHeartbeatAnswer told = BriefBeat(harness, "g", a);
  REQUIRE(told.assignment.has_value());
  CHECK(told.assignment->size() == 3);
  CHECK(told.epoch == MemberEpoch(1));
  CHECK(harness.HasTimer(RevokeOf("g", "a")));
  CHECK(GroupIn(harness).State() == ConsumerGroupState::kReconciling);
  CHECK_FALSE(BriefBeat(harness, "g", b).assignment.has_value());
  a.owned = *told.assignment;
  CHECK(Beat(harness, "g", a).epoch == MemberEpoch(2));
  CHECK_FALSE(harness.HasTimer(RevokeOf("g", "a")));
  ConsumerHeartbeatAnswer given = BriefBeat(harness, "g", b);
  REQUIRE(given.assignment.has_value());
  CHECK(Union(a.owned, *given.assignment) == all);
  CHECK(GroupIn(harness).State() == ConsumerGroupState::kStable);
}

TEST_CASE("consumer group: a member that does not give up in time is put out") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a"};
  Consumer b{.id = "b"};
  Beat(harness, "g", a);
  Beat(harness, "g", b);
  BriefBeat(harness, "g", a);
  REQUIRE(harness.Ring(RevokeOf("g", "a")));
  CHECK(BriefBeat(harness, "g", a).error == ErrorCode::kUnknownMemberId);
  Settle(harness, {&b});
  CHECK(b.owned.size() == 6);
}

TEST_CASE("consumer group: each time that it must give up something a member has its time") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a"};
  Beat(harness, "g", a);
  Consumer b{.id = "b"};
  Beat(harness, "g", b);
  ConsumerHeartbeatAnswer first = BriefBeat(harness, "g", a);
  harness.timers.clear();
  BriefBeat(harness, "g", a);
  CHECK_FALSE(harness.HasTimer(RevokeOf("g", "a")));
  Consumer c{.id = "c"};
  Beat(harness, "g", c);
  a.owned = *first.assignment;
  Beat(harness, "g", a);
  CHECK(GroupIn(harness).members.at("a").state == MemberState::kUnrevoked);
  CHECK(harness.After(RevokeOf("g", "a")) == 60'000);
}

TEST_CASE("consumer group: an administrator removes members by either id") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a", .instance_id = "one"};
  Consumer b{.id = "b"};
  Settle(harness, {&a, &b});
  CHECK(harness.Leave("g", "c") == ErrorCode::kUnknownMemberId);
  CHECK(harness.Leave("g", "", "two") == ErrorCode::kUnknownMemberId);
  CHECK(harness.Leave("g", "b", "one") == ErrorCode::kFencedInstanceId);
  CHECK(harness.Leave("g", "", "one") == ErrorCode::kNone);
  CHECK(harness.Leave("g", "b") == ErrorCode::kNone);
  CHECK(GroupIn(harness).members.empty());
}

TEST_CASE("consumer group: a member id that was asked for in the classic way has one session") {
  Harness harness = MakeHarness();
  JoinAnswer pending = harness.Join("g", "");
  REQUIRE(pending.error == ErrorCode::kMemberIdRequired);
  Consumer a{.id = pending.member_id};
  Settle(harness, {&a});
  CHECK(harness.machine.pending_members() == 0);
  REQUIRE(harness.Ring(SessionOf("g", a.id)));
  CHECK(GroupIn(harness).members.empty());
}

TEST_CASE("consumer group: an instance id is not taken over under another member's id") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a", .instance_id = "one"};
  Consumer b{.id = "b"};
  Settle(harness, {&a, &b});
  LeaveWith(harness, "g", a, kAway);
  Consumer mixed{.id = "b", .instance_id = "one"};
  CHECK(Beat(harness, "g", mixed).error == ErrorCode::kInvalidRequest);
}

TEST_CASE("consumer group: a member gets no more than its record holds") {
  Harness harness = MakeHarness();
  auto image = std::make_shared<ClusterImage>();
  for (int i = 0; i < 30'000; ++i) {
    auto topic = std::make_shared<TopicImage>();
    topic->name = "t" + std::to_string(i);
    topic->id.bytes[0] = static_cast<std::byte>(i >> 8);
    topic->id.bytes[1] = static_cast<std::byte>(i & 0xff);
    topic->partitions.resize(1);
    image->PutTopic(topic);
  }
  harness.machine.SetImage(image);
  Consumer a{.id = "a", .topics = {}, .regex = "t.*"};
  Settle(harness, {&a});
  CHECK(a.owned.size() > 10'000);
  for (const EncodedRecord& record : harness.log) CHECK(record.value->size() < 900'000);
}

TEST_CASE("consumer group: who leaves, or is silent, leaves its partitions to the others") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a"};
  Consumer b{.id = "b"};
  Consumer c{.id = "c"};
  Settle(harness, {&a, &b});
  Settle(harness, {&a, &b, &c});
  CHECK(LeaveWith(harness, "g", a, kLeaving).epoch == kLeaving);
  CHECK_FALSE(harness.HasTimer(SessionOf("g", "a")));
  REQUIRE(harness.Ring(SessionOf("g", "b")));
  Settle(harness, {&c});
  CHECK(c.owned.size() == 6);
  LeaveWith(harness, "g", c, kLeaving);
  CHECK(GroupIn(harness).State() == ConsumerGroupState::kEmpty);
  CHECK(harness.timers.empty());
}

TEST_CASE("consumer group: an old epoch is fenced, but a lost answer is not an old epoch") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a"};
  Consumer b{.id = "b"};
  Settle(harness, {&a});
  Settle(harness, {&a, &b});
  Consumer late = a;
  late.epoch = MemberEpoch(1);
  CHECK(Beat(harness, "g", late).error == ErrorCode::kNone);
  CHECK(late.epoch == a.epoch);
  late.epoch = MemberEpoch(1);
  late.owned = PartitionsOf(1, {0, 1, 2, 3, 4, 5});
  CHECK(Beat(harness, "g", late).error == ErrorCode::kFencedMemberEpoch);
  late.epoch = MemberEpoch(9);
  CHECK(Beat(harness, "g", late).error == ErrorCode::kFencedMemberEpoch);
  Consumer stranger{.id = "c", .epoch = MemberEpoch(1)};
  CHECK(Beat(harness, "g", stranger).error == ErrorCode::kUnknownMemberId);
}

TEST_CASE("consumer group: a static member that says it will be back finds its partitions") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a", .instance_id = "one"};
  Consumer b{.id = "b", .instance_id = "two"};
  Settle(harness, {&a});
  Settle(harness, {&a, &b});
  Consumer early{.id = "c", .instance_id = "one"};
  CHECK(Beat(harness, "g", early).error == ErrorCode::kUnreleasedInstanceId);
  CHECK(LeaveWith(harness, "g", a, kAway).epoch == kAway);
  CHECK(harness.HasTimer(SessionOf("g", "a")));
  Settle(harness, {&b});
  CHECK(b.owned.size() == 3);
  Consumer back{.id = "c", .instance_id = "one"};
  REQUIRE(Beat(harness, "g", back).error == ErrorCode::kNone);
  CHECK(back.owned == a.owned);
  CHECK(back.epoch == b.epoch);
  CHECK(GroupIn(harness).members.size() == 2);
  CHECK(Beat(harness, "g", a).error == ErrorCode::kFencedInstanceId);
  CHECK_FALSE(harness.HasTimer(SessionOf("g", "a")));
}

TEST_CASE("consumer group: a pattern follows the topics as they come and go, but internal ones") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a", .topics = {}, .regex = "(orders|bills|news|__internal)"};
  Settle(harness, {&a});
  CHECK(a.owned.size() == 8);
  harness.machine.SetImage(ImageOf({{"orders", 6}, {"bills", 4}, {"news", 1}, {"other", 5}}));
  Settle(harness, {&a});
  CHECK(a.owned.size() == 11);
  CHECK(a.epoch == MemberEpoch(2));
  harness.machine.SetImage(ImageOf({{"orders", 6}, {"bills", 4}, {"news", 1}, {"more", 5}}));
  Settle(harness, {&a});
  CHECK(a.epoch == MemberEpoch(2));
}

TEST_CASE("consumer group: a member that reads other topics gets them at once") {
  Harness harness({});
  harness.machine.SetImage(ImageOf({{"orders", 6}, {"bills", 2}}));
  Consumer a{.id = "a"};
  Settle(harness, {&a});
  a.topics = {"bills", "bills", "nosuch"};
  Settle(harness, {&a});
  CHECK(a.owned == PartitionsOf(2, {0, 1}));
}

TEST_CASE("consumer group: members that come together share one target") {
  Harness harness({});
  harness.machine.SetImage(ImageOf({{"orders", 6}}));
  Consumer a{.id = "a"};
  Consumer b{.id = "b"};
  Consumer c{.id = "c"};
  Beat(harness, "g", a);
  Beat(harness, "g", b);
  Beat(harness, "g", c);
  CHECK(GroupIn(harness).State() == ConsumerGroupState::kAssigning);
  CHECK(GroupIn(harness).target_epoch == MemberEpoch(1));
  CHECK(harness.After(AssignOf("g")) == 1'000);
  REQUIRE(harness.Ring(AssignOf("g")));
  CHECK(GroupIn(harness).target_epoch == MemberEpoch(3));
  Settle(harness, {&a, &b, &c});
  for (const Consumer* one : {&a, &b, &c}) CHECK(one->owned.size() == 2);
}

TEST_CASE("consumer group: the assignor that most members ask for shares out") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a", .assignor = "range"};
  Consumer b{.id = "b"};
  Settle(harness, {&b});
  Settle(harness, {&a, &b});
  CHECK(harness.Ask(ConsumerDescribe{"g"}).assignor == Assignor::kRange);
  CHECK(a.owned == PartitionsOf(1, {0, 1, 2}));
}

TEST_CASE("consumer group: what is set for the group counts before what is set for all") {
  Harness harness = MakeHarness();
  auto image = std::make_shared<ClusterImage>(*ImageOf({{"orders", 6}}));
  image->groups = std::make_shared<const ClusterImage::GroupConfigs>(
      ClusterImage::GroupConfigs{{"g",
                                  {{"consumer.session.timeout.ms", "50000"},
                                   {"consumer.heartbeat.interval.ms", "7000"},
                                   {"consumer.assignment.interval.ms", "3000"}}}});
  harness.machine.SetImage(image);
  Consumer a{.id = "a"};
  CHECK(Beat(harness, "g", a).interval_ms == 7'000);
  CHECK(harness.After(SessionOf("g", "a")) == 50'000);
  CHECK(harness.After(AssignOf("g")) == 3'000);
  Consumer b{.id = "b"};
  CHECK(Beat(harness, "other", b).interval_ms == 5'000);
  CHECK_FALSE(harness.HasTimer(AssignOf("other")));
}

TEST_CASE("consumer group: it takes no more members than it may") {
  Harness harness({.consumer = {.members_max = 1}});
  harness.machine.SetImage(ImageOf({{"orders", 6}}));
  Consumer a{.id = "a"};
  Consumer b{.id = "b"};
  Settle(harness, {&a});
  CHECK(Beat(harness, "g", b).error == ErrorCode::kGroupMaxSizeReached);
  a.epoch = kJoining;
  a.owned.clear();
  CHECK(Beat(harness, "g", a).error == ErrorCode::kNone);
}

TEST_CASE("consumer group: members that are no consumers keep those out, and the reverse") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a"};
  JoinAnswer classic = harness.Stable("g", "a", {.protocol_type = "connect"});
  CHECK(Beat(harness, "g", a).error == ErrorCode::kGroupIdNotFound);
  CHECK(harness.Ask(ConsumerDescribe{"g"}).error == ErrorCode::kGroupIdNotFound);
  harness.Leave("g", classic.member_id);
  Settle(harness, {&a});
  CHECK(harness.Join("g", "", {.protocol_type = "connect"}).error ==
        ErrorCode::kInconsistentGroupProtocol);
  CHECK(harness.Ask(Describe{"g"}).error == ErrorCode::kGroupIdNotFound);
  CHECK(harness.Ask(Delete{"g"}).error == ErrorCode::kNonEmptyGroup);
  LeaveWith(harness, "g", a, kLeaving);
  harness.Stable("g");
  CHECK(harness.membership("g").state == GroupState::kStable);
  CHECK(harness.Replayed().groups() == harness.machine.groups());
}

TEST_CASE("consumer group: offsets are those of its members, at their epochs") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a"};
  Settle(harness, {&a});
  CHECK(harness.Commit("g", 5) == ErrorCode::kUnknownMemberId);
  CHECK(harness.Commit("g", 5, "b", GenerationId(1)) == ErrorCode::kUnknownMemberId);
  CHECK(harness.Commit("g", 5, "a", GenerationId(0)) == ErrorCode::kStaleMemberEpoch);
  CHECK(harness.Commit("g", 5, "a", GenerationId(1)) == ErrorCode::kNone);
  auto fetched = [&](std::string_view member, int32_t epoch) {
    return harness
        .Ask(Fetch{.group_id = "g",
                   .member_id = member,
                   .member_epoch = MemberEpoch(epoch),
                   .all = true,
                   .partitions = {}})
        .error;
  };
  CHECK(fetched("a", 1) == ErrorCode::kNone);
  CHECK(fetched("a", 2) == ErrorCode::kStaleMemberEpoch);
  CHECK(fetched("b", 1) == ErrorCode::kUnknownMemberId);
  DeleteOffsets::Partition one{{TopicNumber(1), PartitionIndex(0)}, "orders"};
  auto remove = [&] {
    return harness.Ask(DeleteOffsets{.group_id = "g", .partitions = {&one, 1}}).partitions.at(0);
  };
  CHECK(remove() == ErrorCode::kGroupSubscribedToTopic);
  LeaveWith(harness, "g", a, kLeaving);
  CHECK(harness.Commit("g", 6) == ErrorCode::kNone);
  CHECK(remove() == ErrorCode::kNone);
}

TEST_CASE("consumer group: what a member has had all the time it may commit an epoch behind") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a"};
  Consumer b{.id = "b"};
  Settle(harness, {&a});
  harness.machine.SetImage(ImageOf({{"orders", 6}, {"bills", 2}}));
  Settle(harness, {&a, &b});
  REQUIRE(a.epoch == MemberEpoch(2));
  auto commit = [&](const Consumer& who, int32_t epoch, const TopicPartition& at) {
    Commit::Partition one{at, Offset(1), std::nullopt, ""};
    return harness
        .Ask(Commit{.group_id = "g",
                    .who = {who.id, std::nullopt},
                    .generation = GenerationId(epoch),
                    .retention_ms = std::nullopt,
                    .partitions = {&one, 1}})
        .error;
  };
  CHECK(commit(a, 1, a.owned[0]) == ErrorCode::kNone);
  CHECK(commit(a, 1, b.owned[0]) == ErrorCode::kStaleMemberEpoch);
  CHECK(commit(a, 3, a.owned[0]) == ErrorCode::kStaleMemberEpoch);
  CHECK(commit(b, 1, b.owned[0]) == ErrorCode::kStaleMemberEpoch);
  LeaveWith(harness, "g", b, kLeaving);
  Settle(harness, {&a});
  REQUIRE(a.epoch == MemberEpoch(3));
  const PartitionSet gained = GroupIn(harness).members.at("a").gained;
  const PartitionSet had = Difference(a.owned, gained);
  REQUIRE_FALSE(gained.empty());
  CHECK(commit(a, 2, gained[0]) == ErrorCode::kStaleMemberEpoch);
  CHECK(commit(a, 2, had[0]) == ErrorCode::kNone);
  CHECK(commit(a, 0, had[0]) == ErrorCode::kStaleMemberEpoch);
}

TEST_CASE("consumer group: offsets expire from when it became empty, then the group goes") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a"};
  Settle(harness, {&a});
  harness.Commit("g", 5, "a", GenerationId(1));
  auto names = [](const TopicId&) -> std::optional<std::string_view> { return "orders"; };
  harness.now = harness.now + harness.options.offsets_retention_ms * 2;
  harness.CleanUp(names);
  CHECK(harness.FetchAll("g").size() == 1);
  LeaveWith(harness, "g", a, kLeaving);
  harness.now = harness.now + harness.options.offsets_retention_ms - 1;
  harness.CleanUp(names);
  CHECK(harness.FetchAll("g").size() == 1);
  harness.now = harness.now + 1;
  harness.CleanUp(names);
  CHECK(harness.machine.groups().empty());
  CHECK(harness.Replayed().groups().empty());
}

TEST_CASE("consumer group: after a restart it goes on where it was, with new sessions") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a"};
  Consumer b{.id = "b"};
  Beat(harness, "g", a);
  Beat(harness, "g", b);
  BriefBeat(harness, "g", a);
  Machine replayed = harness.Replayed();
  CHECK(replayed.groups() == harness.machine.groups());
  Output loaded = replayed.OnLoaded();
  std::vector<TimerId> set;
  for (const TimerChange& change : loaded.timers) set.push_back(change.id);
  CHECK(std::ranges::count(set, SessionOf("g", "a")) == 1);
  CHECK(std::ranges::count(set, SessionOf("g", "b")) == 1);
  CHECK(std::ranges::count(set, RevokeOf("g", "a")) == 1);
}

TEST_CASE("consumer group: it is listed as one, in its state") {
  Harness harness = MakeHarness();
  Consumer a{.id = "a"};
  Settle(harness, {&a});
  ListAnswer listed = harness.Ask(List{});
  REQUIRE(listed.groups.size() == 1);
  CHECK(listed.groups[0].is_consumer_group);
  CHECK(listed.groups[0].state == "Stable");
  CHECK(listed.groups[0].protocol_type == "consumer");
}

}  // namespace
}  // namespace millrace::core::group
