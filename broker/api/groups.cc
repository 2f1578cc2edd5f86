// JoinGroup, SyncGroup, Heartbeat and LeaveGroup: what the members of a classic group ask.
#include <string>

#include "broker/api/group_text.h"
#include "broker/api/handlers.h"

namespace millrace::api {

namespace {

using core::group::Identity;
using core::group::JoinAnswer;
using core::group::SyncAnswer;

constexpr int16_t kMemberIdRequiredSince = 4;
constexpr int16_t kSkipAssignmentSince = 9;
constexpr int16_t kProtocolIsMandatorySince = 5;
constexpr int16_t kBatchedLeaveSince = 3;

core::group::Join MakeJoin(const Context& context, const wire::JoinGroupRequest& request) {
  auto protocols = context.arena().NewArray<core::group::Join::Protocol>(request.protocols.size());
  for (size_t i = 0; i < protocols.size(); ++i) {
    protocols[i] = {request.protocols[i].name, AsText(request.protocols[i].metadata)};
  }
  return {.group_id = request.group_id,
          .who = {request.member_id, request.group_instance_id},
          .client_id = context.client_id.value_or(""),
          .client_host = context.arena().Copy(ClientHost(context.peer.address)),
          .session_timeout_ms = request.session_timeout_ms,
          .rebalance_timeout_ms = request.rebalance_timeout_ms.value_or(request.session_timeout_ms),
          .protocol_type = request.protocol_type,
          .protocols = {protocols.begin(), protocols.size()},
          .needs_member_id = context.version >= kMemberIdRequiredSince,
          .can_skip_assignment = context.version >= kSkipAssignmentSince,
          .fresh_id = context.arena().Copy(UuidText(FreshRandomBytes()))};
}

wire::JoinGroupResponse MakeResponse(const Context& context, const JoinAnswer& answer) {
  wire::JoinGroupResponse response;
  response.error_code = answer.error;
  response.generation_id = answer.generation;
  response.protocol_type = answer.protocol_type;
  response.protocol_name = answer.protocol;
  response.leader = answer.leader;
  response.skip_assignment = answer.skip_assignment;
  response.member_id = answer.member_id;
  response.members =
      context.arena().NewArray<wire::JoinGroupResponse::Member>(answer.members.size());
  for (size_t i = 0; i < answer.members.size(); ++i) {
    const JoinAnswer::Member& member = answer.members[i];
    response.members[i].member_id = member.member_id;
    response.members[i].group_instance_id = member.instance_id;
    response.members[i].metadata = AsBytes(member.metadata);
  }
  return response;
}

core::group::Sync MakeSync(const Context& context, const wire::SyncGroupRequest& request) {
  auto assignments =
      context.arena().NewArray<core::group::Sync::Assignment>(request.assignments.size());
  for (size_t i = 0; i < assignments.size(); ++i) {
    const auto& asked = request.assignments[i];
    assignments[i] = {asked.member_id, AsText(asked.assignment)};
  }
  return {.group_id = request.group_id,
          .who = {request.member_id, request.group_instance_id},
          .generation = request.generation_id,
          .protocol_type = request.protocol_type,
          .protocol = request.protocol_name,
          .assignments = {assignments.begin(), assignments.size()}};
}

}  // namespace

awaitable<void> HandleJoinGroup(Context& context, wire::JoinGroupRequest& request,
                                AnswerSlot slot) {
  JoinAnswer answer = co_await context.services.groups.Call(MakeJoin(context, request));
  Answer(context, slot, MakeResponse(context, answer));
}

awaitable<void> HandleSyncGroup(Context& context, wire::SyncGroupRequest& request,
                                AnswerSlot slot) {
  wire::SyncGroupResponse response;
  bool says_protocol = request.protocol_type.has_value() && request.protocol_name.has_value();
  if (context.version >= kProtocolIsMandatorySince && !says_protocol) {
    response.error_code = ErrorCode::kInconsistentGroupProtocol;
    Answer(context, slot, response);
    co_return;
  }
  SyncAnswer answer = co_await context.services.groups.Call(MakeSync(context, request));
  response.error_code = answer.error;
  response.protocol_type = answer.protocol_type;
  response.protocol_name = answer.protocol;
  response.assignment = AsBytes(answer.assignment);
  Answer(context, slot, response);
}

awaitable<void> HandleHeartbeat(Context& context, wire::HeartbeatRequest& request,
                                AnswerSlot slot) {
  wire::HeartbeatResponse response;
  core::group::Heartbeat heartbeat{.group_id = request.group_id,
                                   .who = {request.member_id, request.group_instance_id},
                                   .generation = request.generation_id};
  core::group::HeartbeatAnswer answer = co_await context.services.groups.Call(heartbeat);
  // Sessions begin anew when the coordinator is loaded, so the member has nothing to do meanwhile.
  bool is_loading = answer.error == ErrorCode::kCoordinatorLoadInProgress;
  response.error_code = is_loading ? ErrorCode::kNone : answer.error;
  Answer(context, slot, response);
}

awaitable<void> HandleLeaveGroup(Context& context, wire::LeaveGroupRequest& request,
                                 AnswerSlot slot) {
  wire::LeaveGroupResponse response;
  bool is_batched = context.version >= kBatchedLeaveSince;
  size_t count = is_batched ? request.members.size() : 1;
  auto members = context.arena().NewArray<Identity>(count);
  for (size_t i = 0; i < request.members.size(); ++i) {
    members[i] = {request.members[i].member_id, request.members[i].group_instance_id};
  }
  if (!is_batched) members[0].member_id = request.member_id;
  core::group::Leave leave{.group_id = request.group_id, .members = {members.begin(), count}};
  core::group::LeaveAnswer answer = co_await context.services.groups.Call(leave);
  response.error_code = answer.error;
  bool has_results = answer.error == ErrorCode::kNone;
  if (has_results && !is_batched) response.error_code = answer.members[0];
  if (has_results && is_batched) {
    response.members = context.arena().NewArray<wire::LeaveGroupResponse::Member>(count);
    for (size_t i = 0; i < count; ++i) {
      response.members[i] = {members[i].member_id, members[i].instance_id, answer.members[i]};
    }
  }
  Answer(context, slot, response);
}

}  // namespace millrace::api
