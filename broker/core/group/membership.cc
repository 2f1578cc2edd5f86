// SyncGroup, Heartbeat and LeaveGroup: the life of a member between two joins, and its end.
#include <utility>

#include "broker/core/group/machine.h"

namespace millrace::core::group {

namespace {

// A name that the request does not say, or the group does not have, is not compared.
bool Differs(const std::optional<std::string_view>& said, const std::optional<std::string>& known) {
  return said.has_value() && known.has_value() && *said != *known;
}

SyncAnswer Refused(ErrorCode error) {
  SyncAnswer answer;
  answer.error = error;
  return answer;
}

SyncAnswer AssignmentOf(const Membership& membership, const Member& member) {
  return {.protocol_type = membership.protocol_type,
          .protocol = membership.protocol,
          .assignment = member.assignment};
}

ErrorCode CheckGeneration(const Membership& membership, const Identity& who,
                          GenerationId generation) {
  ErrorCode error = CheckMember(membership, who);
  if (error != ErrorCode::kNone) return error;
  return generation == membership.generation ? ErrorCode::kNone : ErrorCode::kIllegalGeneration;
}

}  // namespace

Output Machine::On(RequestId request, const Sync& sync, TimestampMs now) {
  Output output;
  SyncAnswer answer = Decide(output, sync, now);
  output.replies.push_back({request, std::move(answer)});
  return output;
}

SyncAnswer Machine::Decide(Output& output, const Sync& sync, TimestampMs now) {
  if (sync.group_id.empty()) return Refused(ErrorCode::kInvalidGroupId);
  Membership membership = MembershipOf(sync.group_id);
  ErrorCode error = CheckGeneration(membership, sync.who, sync.generation);
  if (error != ErrorCode::kNone) return Refused(error);
  if (Differs(sync.protocol_type, membership.protocol_type) ||
      Differs(sync.protocol, membership.protocol)) {
    return Refused(ErrorCode::kInconsistentGroupProtocol);
  }
  std::string member_id(sync.who.member_id);
  if (membership.state == GroupState::kStable) {
    return AssignmentOf(membership, membership.members[member_id]);
  }
  if (membership.leader != member_id) return Refused(ErrorCode::kRebalanceInProgress);
  for (const Sync::Assignment& one : sync.assignments) {
    auto found = membership.members.find(one.member_id);
    if (found != membership.members.end()) found->second.assignment = one.assignment;
  }
  if (ApproximateBytes(membership) > options_.group_bytes_max) {
    return Refused(ErrorCode::kUnknownServerError);
  }
  membership.state = GroupState::kStable;
  SetTimer(output, {TimerKind::kSync, std::string(sync.group_id), ""}, std::nullopt);
  const Member& member = membership.members[member_id];
  TouchSession(output, sync.group_id, member_id, member);
  SyncAnswer answer = AssignmentOf(membership, member);
  Become(output, sync.group_id, std::move(membership), now);
  return answer;
}

Output Machine::On(RequestId request, const Heartbeat& heartbeat, TimestampMs) {
  Output output;
  HeartbeatAnswer answer = Decide(output, heartbeat);
  output.replies.push_back({request, answer});
  return output;
}

HeartbeatAnswer Machine::Decide(Output& output, const Heartbeat& heartbeat) const {
  if (heartbeat.group_id.empty()) return {ErrorCode::kInvalidGroupId};
  const Group* group = Find(heartbeat.group_id);
  if (group == nullptr) return {ErrorCode::kUnknownMemberId};
  ErrorCode error = CheckGeneration(group->membership, heartbeat.who, heartbeat.generation);
  if (error != ErrorCode::kNone) return {error};
  std::string member_id(heartbeat.who.member_id);
  TouchSession(output, heartbeat.group_id, member_id, *group->membership.FindMember(member_id));
  return {};
}

Output Machine::On(RequestId request, const Leave& leave, TimestampMs now) {
  Output output;
  LeaveAnswer answer = Decide(output, leave, now);
  output.replies.push_back({request, std::move(answer)});
  return output;
}

LeaveAnswer Machine::Decide(Output& output, const Leave& leave, TimestampMs now) {
  LeaveAnswer answer;
  if (leave.group_id.empty()) {
    answer.error = ErrorCode::kInvalidGroupId;
    return answer;
  }
  Membership membership = MembershipOf(leave.group_id);
  size_t members_before = membership.members.size();
  for (const Identity& who : leave.members) {
    answer.members.push_back(LeaveOne(output, leave.group_id, membership, who));
  }
  if (membership.members.size() != members_before) {
    EndMembership(output, leave.group_id, std::move(membership), now);
  }
  return answer;
}

// An administrator removes a static member by its instance id alone.
ErrorCode Machine::LeaveOne(Output& output, std::string_view group_id, Membership& membership,
                            const Identity& who) {
  std::string member_id(who.member_id);
  if (member_id.empty()) {
    if (!who.instance_id.has_value()) return ErrorCode::kUnknownMemberId;
    std::optional<std::string> holder = membership.FindStatic(*who.instance_id);
    if (!holder.has_value()) return ErrorCode::kUnknownMemberId;
    member_id = *std::move(holder);
  } else {
    if (ForgetPending(output, group_id, member_id)) return ErrorCode::kNone;
    ErrorCode error = CheckMember(membership, who);
    if (error != ErrorCode::kNone) return error;
  }
  membership.members.erase(member_id);
  SetTimer(output, {TimerKind::kSession, std::string(group_id), member_id}, std::nullopt);
  return ErrorCode::kNone;
}

// A group has one member, and that one is gone: the group is empty from its next generation on.
void Machine::EndMembership(Output& output, std::string_view group_id, Membership membership,
                            TimestampMs now) {
  for (const auto& [member_id, member] : membership.members) {
    SetTimer(output, {TimerKind::kSession, std::string(group_id), member_id}, std::nullopt);
  }
  SetTimer(output, {TimerKind::kSync, std::string(group_id), ""}, std::nullopt);
  membership.members.clear();
  membership.state = GroupState::kEmpty;
  membership.generation = membership.generation + 1;
  membership.protocol.reset();
  membership.leader.reset();
  Become(output, group_id, std::move(membership), now);
}

}  // namespace millrace::core::group
