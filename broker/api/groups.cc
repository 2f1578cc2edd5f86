// JoinGroup, SyncGroup, Heartbeat and LeaveGroup: what the members of a classic group ask.
#include <string>
#include <utility>

#include "broker/api/group_text.h"
#include "broker/api/handlers.h"

namespace millrace::api {

namespace {

using core::group::Identity;
using core::group::JoinAnswer;
using core::group::SyncAnswer;
using service::GroupService;

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

wire::JoinGroupResponse MakeResponse(wire::Arena& arena, const JoinAnswer& answer) {
  wire::JoinGroupResponse response;
  response.error_code = answer.error;
  response.generation_id = answer.generation;
  response.protocol_type = answer.protocol_type;
  response.protocol_name = answer.protocol;
  response.leader = answer.leader;
  response.skip_assignment = answer.skip_assignment;
  response.member_id = answer.member_id;
  response.members = arena.NewArray<wire::JoinGroupResponse::Member>(answer.members.size());
  for (size_t i = 0; i < answer.members.size(); ++i) {
    const JoinAnswer::Member& member = answer.members[i];
    response.members[i].member_id = member.member_id;
    response.members[i].group_instance_id = member.instance_id;
    response.members[i].metadata = AsBytes(member.metadata);
  }
  return response;
}

wire::SyncGroupResponse MakeResponse(wire::Arena&, const SyncAnswer& answer) {
  wire::SyncGroupResponse response;
  response.error_code = answer.error;
  response.protocol_type = answer.protocol_type;
  response.protocol_name = answer.protocol;
  response.assignment = AsBytes(answer.assignment);
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

// Gives the question up when its client has gone. The member stays until its session ends.
class Desertion final : public AnswerWatcher {
 public:
  explicit Desertion(GroupService::Ticket ticket) : ticket_(std::move(ticket)) {}
  void OnClosed() override {
    is_closed_ = true;
    GroupService::Abandon(ticket_);
  }
  void OnMemoryShort() override {}  // what it waits for is other members
  bool is_closed() const { return is_closed_; }

 private:
  GroupService::Ticket ticket_;
  bool is_closed_ = false;
};

// A coroutine of its own: other requests of the connection may begin.
template <class Input>
awaitable<void> AnswerWhenThere(ParkedRequest parked, GroupService& groups,
                                GroupService::Ticket ticket) {
  Desertion desertion(ticket);
  if (!parked.slot.Watch(desertion)) {
    GroupService::Abandon(ticket);
    co_return;
  }
  typename Input::Answer answer = co_await groups.End<Input>(std::move(ticket));
  if (desertion.is_closed()) co_return;
  Answer(parked.slot, parked.correlation_id, parked.version, MakeResponse(*parked.arena, answer));
}

template <class Input>
awaitable<void> AskAndAnswer(Context& context, Input input, AnswerSlot slot) {
  constexpr size_t kWaitingBytes = 1 << 10;
  GroupService& groups = context.services.groups;
  GroupService::Ticket ticket = co_await groups.Begin(std::move(input));
  if (ticket.is_ready) {
    typename Input::Answer answer = co_await groups.End<Input>(std::move(ticket));
    Answer(context, slot, MakeResponse(context.arena(), answer));
    co_return;
  }
  // The question has been read: while it waits for others it needs no memory.
  context.arena().Reset();
  ParkedRequest parked = Park(context, std::move(slot), kWaitingBytes);
  context.here.parked.Spawn(AnswerWhenThere<Input>(std::move(parked), groups, std::move(ticket)));
}

}  // namespace

awaitable<void> HandleJoinGroup(Context& context, wire::JoinGroupRequest& request,
                                AnswerSlot slot) {
  co_await AskAndAnswer(context, MakeJoin(context, request), std::move(slot));
}

awaitable<void> HandleSyncGroup(Context& context, wire::SyncGroupRequest& request,
                                AnswerSlot slot) {
  bool says_protocol = request.protocol_type.has_value() && request.protocol_name.has_value();
  if (context.version >= kProtocolIsMandatorySince && !says_protocol) {
    wire::SyncGroupResponse response;
    response.error_code = ErrorCode::kInconsistentGroupProtocol;
    Answer(context, slot, response);
    co_return;
  }
  co_await AskAndAnswer(context, MakeSync(context, request), std::move(slot));
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
