#include "broker/core/group/machine.h"

#include <variant>

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
                 [this](const PutGroup& put) { groups_[put.group_id].membership = put.membership; },
                 [this](const DeleteGroup& gone) { groups_.erase(gone.group_id); },
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

Output Machine::OnLoaded() const {
  Output output;
  for (const auto& [group_id, group] : groups_) {
    const Membership& membership = group.membership;
    for (const auto& [member_id, member] : membership.members) {
      TouchSession(output, group_id, member_id, member);
      if (membership.state == GroupState::kCompletingRebalance) {
        SetTimer(output, {TimerKind::kSync, group_id, ""}, member.rebalance_timeout_ms);
      }
    }
  }
  return output;
}

const Group* Machine::Find(std::string_view group_id) const {
  auto found = groups_.find(group_id);
  return found == groups_.end() ? nullptr : &found->second;
}

Membership Machine::MembershipOf(std::string_view group_id) const {
  const Group* group = Find(group_id);
  return group == nullptr ? Membership() : group->membership;
}

void Machine::Emit(Output& output, Record record) {
  Apply(record);
  output.records.push_back(std::move(record));
}

void Machine::Become(Output& output, std::string_view group_id, Membership membership,
                     TimestampMs now) {
  const Group* before = Find(group_id);
  INVARIANT(before == nullptr || membership.generation >= before->membership.generation);
  INVARIANT(membership.members.empty() == (membership.state == GroupState::kEmpty));
  bool is_same = before != nullptr && before->membership.state == membership.state;
  if (!is_same) membership.state_since = now;
  Emit(output, PutGroup{std::string(group_id), std::move(membership)});
}

void Machine::SetTimer(Output& output, TimerId id, std::optional<int64_t> after_ms) {
  output.timers.push_back({std::move(id), after_ms});
}

void Machine::TouchSession(Output& output, std::string_view group_id, const std::string& member_id,
                           const Member& member) {
  SetTimer(output, {TimerKind::kSession, std::string(group_id), member_id},
           member.session_timeout_ms);
}

ErrorCode CheckMember(const Membership& membership, const Identity& who) {
  if (who.instance_id.has_value()) {
    std::optional<std::string> holder = membership.FindStatic(*who.instance_id);
    if (!holder.has_value()) return ErrorCode::kUnknownMemberId;
    if (*holder != who.member_id) return ErrorCode::kFencedInstanceId;
  }
  bool is_member = membership.FindMember(who.member_id) != nullptr;
  return is_member ? ErrorCode::kNone : ErrorCode::kUnknownMemberId;
}

Output Machine::On(RequestId request, const Describe& describe, TimestampMs) {
  Output output;
  const Group* group = Find(describe.group_id);
  DescribeAnswer answer;
  if (group == nullptr) {
    answer.error = ErrorCode::kGroupIdNotFound;
    answer.membership.state = GroupState::kDead;
  } else {
    answer.membership = group->membership;
  }
  output.replies.push_back({request, std::move(answer)});
  return output;
}

Output Machine::On(RequestId request, const List&, TimestampMs) {
  Output output;
  ListAnswer answer;
  for (const auto& [group_id, group] : groups_) {
    answer.groups.push_back(
        {group_id, group.membership.protocol_type.value_or(""), group.membership.state});
  }
  output.replies.push_back({request, std::move(answer)});
  return output;
}

Output Machine::On(RequestId request, const Delete& asked, TimestampMs) {
  Output output;
  DeleteAnswer answer;
  const Group* group = Find(asked.group_id);
  if (group == nullptr) {
    answer.error = ErrorCode::kGroupIdNotFound;
  } else if (group->membership.state != GroupState::kEmpty) {
    answer.error = ErrorCode::kNonEmptyGroup;
  } else {
    std::string group_id(asked.group_id);
    DropOffsets(output, group_id, *group);
    Emit(output, DeleteGroup{group_id});
  }
  output.replies.push_back({request, answer});
  return output;
}

Output Machine::OnTimeout(const TimerId& timer, TimestampMs now) {
  Output output;
  if (timer.kind == TimerKind::kSession && ForgetPending(output, timer.group_id, timer.member_id)) {
    return output;
  }
  Membership membership = MembershipOf(timer.group_id);
  bool is_due = timer.kind == TimerKind::kSession
                    ? membership.members.contains(timer.member_id)
                    : membership.state == GroupState::kCompletingRebalance;
  if (is_due) EndMembership(output, timer.group_id, std::move(membership), now);
  return output;
}

}  // namespace millrace::core::group
