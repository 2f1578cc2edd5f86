#include "broker/core/group/reconcile.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/support/seeded.h"

namespace millrace::core::group {
namespace {

PartitionSet Set(const std::vector<int32_t>& indices) {
  PartitionSet set;
  for (int32_t index : indices) set.push_back({TopicId{}, PartitionIndex(index)});
  return MakeSet(set);
}

bool Free(const TopicPartition&) { return true; }
bool Held(const TopicPartition&) { return false; }

ConsumerMember MemberAt(int32_t epoch, const PartitionSet& assigned, const PartitionSet& target) {
  ConsumerMember member;
  member.epoch = MemberEpoch(epoch);
  member.assigned = assigned;
  member.target = target;
  return member;
}

TEST_CASE("reconcile: a member that is there stays as it is") {
  ConsumerMember member = MemberAt(3, Set({1}), Set({1}));
  CHECK(Reconcile(member, MemberEpoch(3), std::nullopt, Held) == member);
}

TEST_CASE("reconcile: what is free is taken at once, with the target's epoch") {
  ConsumerMember next =
      Reconcile(MemberAt(0, {}, Set({1, 2})), MemberEpoch(4), PartitionSet{}, Free);
  CHECK(next.state == MemberState::kStable);
  CHECK(next.epoch == MemberEpoch(4));
  CHECK(next.previous_epoch == MemberEpoch(0));
  CHECK(next.assigned == Set({1, 2}));
}

TEST_CASE("reconcile: what it must give up holds the member back until it says that it did") {
  ConsumerMember member = MemberAt(3, Set({1, 2}), Set({2, 3}));
  ConsumerMember next = Reconcile(member, MemberEpoch(4), std::nullopt, Free);
  CHECK(next.state == MemberState::kUnrevoked);
  CHECK(next.epoch == MemberEpoch(3));
  CHECK(next.assigned == Set({2}));
  CHECK(next.revoking == Set({1}));
  CHECK(Reconcile(next, MemberEpoch(5), std::nullopt, Free) == next);
  CHECK(Reconcile(next, MemberEpoch(5), Set({1, 2}), Free) == next);
  ConsumerMember last = Reconcile(next, MemberEpoch(5), Set({2}), Free);
  CHECK(last.state == MemberState::kStable);
  CHECK(last.epoch == MemberEpoch(5));
  CHECK(last.previous_epoch == MemberEpoch(3));
  CHECK(last.assigned == Set({2, 3}));
  CHECK(last.revoking.empty());
}

TEST_CASE("reconcile: a member that no longer owns the surplus need not be told to give it up") {
  ConsumerMember next =
      Reconcile(MemberAt(3, Set({1, 2}), Set({2})), MemberEpoch(4), Set({2}), Free);
  CHECK(next.state == MemberState::kStable);
  CHECK(next.assigned == Set({2}));
}

TEST_CASE("reconcile: what others hold is waited for in the target's epoch") {
  auto is_free = [](const TopicPartition& one) { return one.index.value() != 2; };
  ConsumerMember next = Reconcile(MemberAt(0, {}, Set({1, 2})), MemberEpoch(4), {}, is_free);
  CHECK(next.state == MemberState::kUnreleased);
  CHECK(next.epoch == MemberEpoch(4));
  CHECK(next.assigned == Set({1}));
  CHECK(Reconcile(next, MemberEpoch(4), std::nullopt, is_free) == next);
  ConsumerMember last = Reconcile(next, MemberEpoch(4), std::nullopt, Free);
  CHECK(last.state == MemberState::kStable);
  CHECK(last.assigned == Set({1, 2}));
}

TEST_CASE("reconcile: what was taken away and given back meanwhile is the member's again") {
  ConsumerMember member = MemberAt(3, Set({1, 2}), Set({2}));
  ConsumerMember next = Reconcile(member, MemberEpoch(4), std::nullopt, Held);
  next.target = Set({1, 2});
  ConsumerMember last = Reconcile(next, MemberEpoch(5), Set({2}), Held);
  CHECK(last.state == MemberState::kStable);
  CHECK(last.assigned == Set({1, 2}));
}

// A client does as it is told at its next heartbeat, or later.
TEST_CASE("reconcile: however targets change, nobody holds what another does, and all arrive") {
  constexpr size_t kMembers = 4;
  constexpr int32_t kPartitions = 10;
  for (uint64_t seed = 0; seed < 500; ++seed) {
    INFO("seed " << seed);
    uint64_t at = 0;
    auto pick = [&](uint64_t bound) { return test::Mix(seed, at++) % bound; };
    ConsumerGroup group;
    std::vector<PartitionSet> owned(kMembers);
    auto name_of = [](size_t i) { return "m" + std::to_string(i); };
    auto retarget = [&] {
      std::vector<PartitionSet> targets(kMembers);
      for (int32_t index = 0; index < kPartitions; ++index) {
        targets[pick(kMembers)].push_back({TopicId{}, PartitionIndex(index)});
      }
      group.target_epoch = group.target_epoch + 1;
      for (size_t i = 0; i < kMembers; ++i) {
        ConsumerMember member = group.members[name_of(i)];
        member.target = targets[i];
        group.Put(name_of(i), member);
      }
    };
    auto heartbeat = [&](size_t i) {
      std::optional<PartitionSet> said;
      if (pick(2) == 0) said = owned[i];
      ConsumerMember next = Reconcile(*group.FindMember(name_of(i)), group.target_epoch, said,
                                      [&](const TopicPartition& one) { return group.IsFree(one); });
      group.Put(name_of(i), next);
      if (pick(2) == 0) owned[i] = next.assigned;
      for (const auto& [partition, count] : group.holders) REQUIRE(count == 1);
      for (size_t a = 0; a < kMembers; ++a) {
        for (size_t b = a + 1; b < kMembers; ++b) REQUIRE_FALSE(Overlap(owned[a], owned[b]));
      }
    };
    retarget();
    for (int step = 0; step < 100; ++step) {
      if (pick(10) == 0) retarget();
      heartbeat(pick(kMembers));
    }
    for (int step = 0; step < 60; ++step) heartbeat(static_cast<size_t>(step) % kMembers);
    for (size_t i = 0; i < kMembers; ++i) {
      const ConsumerMember& member = *group.FindMember(name_of(i));
      CHECK(member.state == MemberState::kStable);
      CHECK(member.epoch == group.target_epoch);
      CHECK(member.assigned == member.target);
    }
    CHECK(group.holders.size() == kPartitions);
  }
}

}  // namespace
}  // namespace millrace::core::group
