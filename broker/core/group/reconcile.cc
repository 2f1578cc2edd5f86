#include "broker/core/group/reconcile.h"

#include <utility>

#include "proto/invariant.h"

namespace millrace::core::group {

namespace {

// Who does not say what it owns may own it still.
bool StillOwns(const std::optional<PartitionSet>& owned, const PartitionSet& partitions) {
  if (partitions.empty()) return false;
  return !owned.has_value() || Overlap(*owned, partitions);
}

void Enter(ConsumerMember& member, MemberEpoch epoch) {
  if (member.epoch == epoch) return;
  member.previous_epoch = std::exchange(member.epoch, epoch);
}

void NoteGained(ConsumerMember& member, const PartitionSet& taken, MemberEpoch epoch) {
  if (taken.empty()) return;
  if (member.gained_epoch != epoch) {
    member.gained_before_epoch = std::exchange(member.gained_epoch, epoch);
    member.gained.clear();
  }
  member.gained = Union(member.gained, taken);
}

}  // namespace

ConsumerMember Reconcile(const ConsumerMember& member, MemberEpoch target_epoch,
                         const std::optional<PartitionSet>& owned,
                         absl::FunctionRef<bool(const TopicPartition&)> is_free) {
  const bool is_there = member.state == MemberState::kStable && member.epoch == target_epoch;
  if (is_there) return member;
  if (member.state == MemberState::kUnrevoked && StillOwns(owned, member.revoking)) return member;

  ConsumerMember next = member;
  next.revoking.clear();
  const PartitionSet surplus = Difference(member.assigned, member.target);
  next.assigned = Intersection(member.assigned, member.target);
  next.gained = Intersection(member.gained, next.assigned);
  if (StillOwns(owned, surplus)) {
    next.state = MemberState::kUnrevoked;
    next.revoking = surplus;
    return next;
  }
  PartitionSet taken;
  bool must_wait = false;
  for (const TopicPartition& one : Difference(member.target, member.assigned)) {
    // What it has just given up is its own to take back.
    if (is_free(one) || Contains(member.revoking, one)) {
      taken.push_back(one);
    } else {
      must_wait = true;
    }
  }
  next.assigned = Union(next.assigned, taken);
  NoteGained(next, taken, target_epoch);
  next.state = must_wait ? MemberState::kUnreleased : MemberState::kStable;
  Enter(next, target_epoch);
  INVARIANT(Includes(next.target, next.assigned));
  INVARIANT(must_wait || next.assigned == next.target);
  return next;
}

}  // namespace millrace::core::group
