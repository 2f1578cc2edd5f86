#include "broker/core/group/machine.h"

#include <variant>

#include "broker/core/group/subscription.h"
#include "proto/invariant.h"

namespace millrace::core::group {

namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

}  // namespace

void Machine::Apply(const Record& record) {
  std::visit(Overloaded{
                 [this](const PutGroup& put) {
                   Group& group = groups_[put.group_id];
                   group.membership = put.membership;
                   group.consumer.reset();
                 },
                 [this](const DeleteGroup& gone) { groups_.erase(gone.group_id); },
                 [this](const PutConsumerGroup& put) {
                   ConsumerGroup& group = ConsumerGroupOf(put.group_id);
                   group.epoch = put.epoch;
                   group.target_epoch = put.target_epoch;
                   group.topics_hash = put.topics_hash;
                   group.state_since = put.state_since;
                 },
                 [this](const PutConsumerMember& put) {
                   ConsumerGroupOf(put.group_id).Put(put.member_id, put.member);
                 },
                 [this](const DeleteConsumerMember& gone) {
                   auto found = groups_.find(gone.group_id);
                   if (found == groups_.end() || !found->second.consumer.has_value()) return;
                   found->second.consumer->Remove(gone.member_id);
                 },
                 [this](const PutOffset& put) {
                   groups_[put.group_id].offsets[put.partition] = put.committed;
                 },
                 [this](const DeleteOffset& gone) {
                   auto found = groups_.find(gone.group_id);
                   if (found != groups_.end()) found->second.offsets.erase(gone.partition);
                 },
             },
             record);
}

Output Machine::OnLoaded() {
  Output output;
  for (const auto& [group_id, group] : groups_) {
    if (group.consumer.has_value()) {
      for (const auto& [member_id, member] : group.consumer->members) {
        TouchConsumer(output, group_id, member_id);
      }
    }
    const Membership& membership = group.membership;
    for (const auto& [member_id, member] : membership.members) {
      TouchSession(output, group_id, member_id, member);
    }
    if (membership.state == GroupState::kPreparingRebalance) {
      PrepareAgain({output, group_id, TimestampMs(0)});
    }
    if (membership.state != GroupState::kCompletingRebalance) continue;
    Live& live = live_[group_id];
    for (const auto& [member_id, member] : membership.members) live.unsynced.insert(member_id);
    SetTimer(output, {TimerKind::kSync, group_id, ""}, membership.RebalanceTimeoutMs());
  }
  return output;
}

const Group* Machine::Find(std::string_view group_id) const {
  auto found = groups_.find(group_id);
  return found == groups_.end() ? nullptr : &found->second;
}

const Live* Machine::FindLive(std::string_view group_id) const {
  auto found = live_.find(group_id);
  return found == live_.end() ? nullptr : &found->second;
}

bool Machine::Exists(std::string_view group_id) const {
  return &MembershipOf(group_id) != &nobody_;
}

const Membership& Machine::MembershipOf(std::string_view group_id) const {
  const Live* live = FindLive(group_id);
  if (live != nullptr && live->preparing.has_value()) return *live->preparing;
  const Group* group = Find(group_id);
  return group == nullptr ? nobody_ : group->membership;
}

// Nobody else's while a classic rebalance is being prepared.
const ConsumerGroup* Machine::FindConsumerGroup(std::string_view group_id) const {
  const Live* live = FindLive(group_id);
  if (live != nullptr && live->preparing.has_value()) return nullptr;
  const Group* group = Find(group_id);
  return group == nullptr || !group->consumer.has_value() ? nullptr : &*group->consumer;
}

bool Machine::HasMembers(std::string_view group_id) const {
  const ConsumerGroup* consumer = FindConsumerGroup(group_id);
  if (consumer != nullptr) return !consumer->members.empty();
  return MembershipOf(group_id).state != GroupState::kEmpty;
}

void Machine::Emit(Output& output, Record record) {
  Apply(record);
  output.records.push_back(std::move(record));
}

void Machine::Become(const Step& step, Membership membership) {
  const Group* before = Find(step.group_id);
  INVARIANT(before == nullptr || membership.generation >= before->membership.generation);
  INVARIANT(membership.members.empty() == (membership.state == GroupState::kEmpty));
  INVARIANT(membership.state != GroupState::kPreparingRebalance);
  bool is_same = before != nullptr && before->membership.state == membership.state;
  if (!is_same) membership.state_since = step.now;
  Emit(step.output, PutGroup{std::string(step.group_id), std::move(membership)});
}

void Machine::SetTimer(Output& output, TimerId id, std::optional<int64_t> after_ms) {
  output.timers.push_back({std::move(id), after_ms});
}

void Machine::TouchSession(Output& output, std::string_view group_id, const std::string& member_id,
                           const Member& member) const {
  const Live* live = FindLive(group_id);
  if (live != nullptr && live->IsWaiting(member_id)) return;
  SetTimer(output, {TimerKind::kSession, std::string(group_id), member_id},
           member.session_timeout_ms);
}

Output Machine::On(RequestId request, const Describe& describe, TimestampMs) {
  Output output;
  DescribeAnswer answer{.membership = MembershipOf(describe.group_id)};
  if (!Exists(describe.group_id) || FindConsumerGroup(describe.group_id) != nullptr) {
    answer.error = ErrorCode::kGroupIdNotFound;
    answer.membership.state = GroupState::kDead;
  }
  output.replies.push_back({request, std::move(answer)});
  return output;
}

Output Machine::On(RequestId request, const ConsumerDescribe& describe, TimestampMs) {
  Output output;
  ConsumerDescribeAnswer answer;
  const ConsumerGroup* group = FindConsumerGroup(describe.group_id);
  if (group == nullptr) {
    answer.error = ErrorCode::kGroupIdNotFound;
  } else {
    answer.group = *group;
    answer.assignor = AssignorOf(*group);
  }
  output.replies.push_back({request, std::move(answer)});
  return output;
}

Output Machine::On(RequestId request, const List&, TimestampMs) {
  Output output;
  ListAnswer answer;
  auto add = [&answer](const std::string& group_id, const Membership& membership) {
    answer.groups.push_back(
        {group_id, membership.protocol_type.value_or(""), StateName(membership.state)});
  };
  for (const auto& [group_id, group] : groups_) {
    const ConsumerGroup* consumer = FindConsumerGroup(group_id);
    if (consumer == nullptr) {
      add(group_id, MembershipOf(group_id));
    } else {
      answer.groups.push_back(
          {group_id, std::string(kConsumerProtocolType), StateName(consumer->State()), true});
    }
  }
  for (const auto& [group_id, live] : live_) {
    bool is_unrecorded = live.preparing.has_value() && Find(group_id) == nullptr;
    if (is_unrecorded) add(group_id, *live.preparing);
  }
  output.replies.push_back({request, std::move(answer)});
  return output;
}

Output Machine::On(RequestId request, const Delete& asked, TimestampMs) {
  Output output;
  DeleteAnswer answer;
  if (!Exists(asked.group_id)) {
    answer.error = ErrorCode::kGroupIdNotFound;
  } else if (HasMembers(asked.group_id)) {
    answer.error = ErrorCode::kNonEmptyGroup;
  } else {
    std::string group_id(asked.group_id);
    DropOffsets(output, group_id, *Find(group_id));
    Emit(output, DeleteGroup{group_id});
  }
  output.replies.push_back({request, answer});
  return output;
}

Output Machine::OnTimeout(const TimerId& timer, TimestampMs now) {
  Output output;
  Step step{output, timer.group_id, now};
  switch (timer.kind) {
    case TimerKind::kSession:
      if (ForgetPending(output, timer.group_id, timer.member_id)) break;
      if (MembershipOf(timer.group_id).members.contains(timer.member_id)) {
        Remove(step, timer.member_id);
      } else {
        RemoveConsumer(step, timer.member_id);
      }
      break;
    case TimerKind::kJoin:
      timer.member_id.empty() ? OnJoinTimeout(step) : RemoveConsumer(step, timer.member_id);
      break;
    case TimerKind::kSync:
      timer.member_id.empty() ? OnSyncTimeout(step) : RemoveConsumer(step, timer.member_id);
      break;
    case TimerKind::kRevoke:
      OnRevokeTimeout(step, timer.member_id);
      break;
    case TimerKind::kAssign:
      OnAssignTimeout(step);
      break;
  }
  GoOn(step);
  return output;
}

}  // namespace millrace::core::group
