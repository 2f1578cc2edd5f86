// SyncGroup, Heartbeat and LeaveGroup: the life of a member between two joins, and its end.
#include <utility>

#include "broker/core/group/answers.h"
#include "broker/core/group/machine.h"
#include "proto/invariant.h"

namespace millrace::core::group {

namespace {

// A name that the request does not say, or the group does not have, is not compared.
bool Differs(const std::optional<std::string_view>& said, const std::optional<std::string>& known) {
  return said.has_value() && known.has_value() && *said != *known;
}

ErrorCode CheckGeneration(const Membership& membership, const Identity& who,
                          GenerationId generation) {
  ErrorCode error = CheckMember(membership, who);
  if (error != ErrorCode::kNone) return error;
  const bool is_present = membership.IsPresent(generation, *membership.FindMember(who.member_id));
  return is_present ? ErrorCode::kNone : ErrorCode::kIllegalGeneration;
}

// An administrator removes a static member by its instance id alone.
template <class Members>
ErrorCode FindLeaving(const Members& members, const Identity& who, std::string& member_id) {
  if (!member_id.empty()) return CheckMember(members, who);
  if (!who.instance_id.has_value()) return ErrorCode::kUnknownMemberId;
  std::optional<std::string> holder = members.FindStatic(*who.instance_id);
  if (!holder.has_value()) return ErrorCode::kUnknownMemberId;
  member_id = *std::move(holder);
  return ErrorCode::kNone;
}

}  // namespace

Output Machine::On(RequestId request, const Sync& sync, TimestampMs now) {
  Output output;
  Step step{output, sync.group_id, now};
  std::optional<SyncAnswer> answer = Decide(step, request, sync);
  if (answer.has_value()) output.replies.push_back({request, *std::move(answer)});
  GoOn(step);
  return output;
}

std::optional<SyncAnswer> Machine::Decide(const Step& step, RequestId request, const Sync& sync) {
  if (sync.group_id.empty()) return RefusedSync(ErrorCode::kInvalidGroupId);
  if (FindConsumerGroup(sync.group_id) != nullptr) return SyncConsumers(step, sync);
  const Membership& membership = MembershipOf(sync.group_id);
  ErrorCode error = CheckGeneration(membership, sync.who, sync.generation);
  if (error != ErrorCode::kNone) return RefusedSync(error);
  if (Differs(sync.protocol_type, membership.protocol_type) ||
      Differs(sync.protocol, membership.protocol)) {
    return RefusedSync(ErrorCode::kInconsistentGroupProtocol);
  }
  std::string member_id(sync.who.member_id);
  if (membership.state == GroupState::kPreparingRebalance) {
    return RefusedSync(ErrorCode::kRebalanceInProgress);
  }
  if (membership.state == GroupState::kStable) {
    auto live = live_.find(sync.group_id);
    if (live != live_.end()) NoteSynced(step, live->second, member_id);
    const Member& member = *membership.FindMember(member_id);
    TouchSession(step.output, sync.group_id, member_id, member);
    return Assigned(membership, member);
  }
  WaitForAssignment(step, request, member_id);
  if (membership.leader == member_id) ShareOut(step, sync);
  return std::nullopt;
}

void Machine::WaitForAssignment(const Step& step, RequestId request, const std::string& member_id) {
  Live& live = live_[std::string(step.group_id)];
  auto [waiting, is_first] = live.syncs.try_emplace(member_id, request);
  if (!is_first) {
    RequestId older = std::exchange(waiting->second, request);
    step.output.replies.push_back({older, RefusedSync(ErrorCode::kRebalanceInProgress)});
  }
  NoteSynced(step, live, member_id);
  SetTimer(step.output, {TimerKind::kSession, std::string(step.group_id), member_id}, std::nullopt);
}

// The leader has handed in the assignments; whom it has left out has an empty one.
void Machine::ShareOut(const Step& step, const Sync& sync) {
  Membership membership = MembershipOf(sync.group_id);
  for (const Sync::Assignment& one : sync.assignments) {
    auto found = membership.members.find(one.member_id);
    if (found != membership.members.end()) found->second.assignment = one.assignment;
  }
  Live& live = live_.find(sync.group_id)->second;
  if (ApproximateBytes(membership) > options_.group_bytes_max) {
    AnswerSyncs(step, live, ErrorCode::kUnknownServerError);
    Prepare(step);
    return;
  }
  membership.state = GroupState::kStable;
  Become(step, std::move(membership));
  AnswerSyncs(step, live, ErrorCode::kNone);
}

void Machine::NoteSynced(const Step& step, Live& live, std::string_view member_id) {
  auto found = live.unsynced.find(member_id);
  if (found == live.unsynced.end()) return;
  live.unsynced.erase(found);
  if (!live.unsynced.empty()) return;
  SetTimer(step.output, {TimerKind::kSync, std::string(step.group_id), ""}, std::nullopt);
}

Output Machine::On(RequestId request, const Heartbeat& heartbeat, TimestampMs now) {
  Output output;
  Step step{output, heartbeat.group_id, now};
  HeartbeatAnswer answer = Decide(step, heartbeat);
  // The member names a generation that it was told of, so that is committed. A slow disk is no
  // reason to leave it without a sign of life.
  bool is_free =
      answer.error == ErrorCode::kNone || answer.error == ErrorCode::kRebalanceInProgress;
  output.replies.push_back({request, answer, is_free});
  return output;
}

HeartbeatAnswer Machine::Decide(const Step& step, const Heartbeat& heartbeat) {
  if (heartbeat.group_id.empty()) return {ErrorCode::kInvalidGroupId};
  if (FindConsumerGroup(heartbeat.group_id) != nullptr) GoOn(step);
  if (FindConsumerGroup(heartbeat.group_id) != nullptr) return HeartbeatConsumers(step, heartbeat);
  const Membership& membership = MembershipOf(heartbeat.group_id);
  ErrorCode error = CheckGeneration(membership, heartbeat.who, heartbeat.generation);
  if (error != ErrorCode::kNone) return {error};
  std::string member_id(heartbeat.who.member_id);
  TouchSession(step.output, heartbeat.group_id, member_id, *membership.FindMember(member_id));
  bool is_preparing = membership.state == GroupState::kPreparingRebalance;
  return {is_preparing ? ErrorCode::kRebalanceInProgress : ErrorCode::kNone};
}

Output Machine::On(RequestId request, const Leave& leave, TimestampMs now) {
  Output output;
  Step step{output, leave.group_id, now};
  LeaveAnswer answer = Decide(step, leave);
  output.replies.push_back({request, std::move(answer)});
  GoOn(step);
  return output;
}

LeaveAnswer Machine::Decide(const Step& step, const Leave& leave) {
  LeaveAnswer answer;
  if (leave.group_id.empty()) {
    answer.error = ErrorCode::kInvalidGroupId;
    return answer;
  }
  for (const Identity& who : leave.members) answer.members.push_back(LeaveOne(step, who));
  return answer;
}

ErrorCode Machine::LeaveOne(const Step& step, const Identity& who) {
  std::string member_id(who.member_id);
  const ConsumerGroup* consumer = FindConsumerGroup(step.group_id);
  if (consumer != nullptr) {
    ErrorCode error = FindLeaving(*consumer, who, member_id);
    if (error == ErrorCode::kNone) RemoveConsumer(step, member_id);
    return error;
  }
  if (!member_id.empty() && ForgetPending(step.output, step.group_id, member_id)) {
    return ErrorCode::kNone;
  }
  ErrorCode error = FindLeaving(MembershipOf(step.group_id), who, member_id);
  if (error == ErrorCode::kNone) Remove(step, member_id);
  return error;
}

}  // namespace millrace::core::group
