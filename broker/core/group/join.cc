// JoinGroup: how a member enters a group, and stays in it through a rebalance.
#include <algorithm>
#include <iterator>
#include <utility>

#include "broker/core/group/answers.h"
#include "broker/core/group/joining.h"
#include "broker/core/group/machine.h"
#include "proto/invariant.h"

namespace millrace::core::group {

namespace {

// A new member has no generation to send heartbeats for; its client has that long to come for the
// answer.
constexpr int64_t kNewMemberJoinMs = 300'000;

// Whether the joining member speaks what the group speaks. As in Kafka a member that joins again is
// held against what it said before, too.
bool Supports(const Membership& membership, const Join& join) {
  if (membership.members.empty()) return !join.protocol_type.empty() && !join.protocols.empty();
  if (membership.protocol_type != join.protocol_type) return false;
  const absl::flat_hash_set<std::string_view> common = membership.CommonProtocols();
  return std::ranges::any_of(join.protocols,
                             [&](const Join::Protocol& one) { return common.contains(one.name); });
}

void Update(Member& member, const Join& join) {
  member.session_timeout_ms = join.session_timeout_ms;
  member.rebalance_timeout_ms = std::max(join.rebalance_timeout_ms, 0);
  member.protocols = Copy(join.protocols);
  member.told.reset();
}

Member NewMember(const Join& join) {
  Member member;
  if (join.who.instance_id.has_value()) member.instance_id = std::string(*join.who.instance_id);
  member.client_id = join.client_id;
  member.client_host = join.client_host;
  return member;
}

bool SaysTheSame(const Member& member, const Join& join) {
  return std::equal(member.protocols.begin(), member.protocols.end(), join.protocols.begin(),
                    join.protocols.end(), [](const Protocol& a, const Join::Protocol& b) {
                      return a.name == b.name && a.metadata == b.metadata;
                    });
}

}  // namespace

Output Machine::On(RequestId request, const Join& join, TimestampMs now) {
  Output output;
  Step step{output, join.group_id, now};
  std::optional<JoinAnswer> answer = Decide(step, request, join);
  if (answer.has_value()) output.replies.push_back({request, *std::move(answer)});
  GoOn(step);
  return output;
}

std::optional<JoinAnswer> Machine::Decide(const Step& step, RequestId request, const Join& join) {
  const std::string_view member_id = join.who.member_id;
  if (join.group_id.empty()) return RefusedJoin(ErrorCode::kInvalidGroupId, member_id);
  if (join.session_timeout_ms < options_.session_timeout_ms_min ||
      join.session_timeout_ms > options_.session_timeout_ms_max) {
    return RefusedJoin(ErrorCode::kInvalidSessionTimeout, member_id);
  }
  if (!member_id.empty() && !Exists(join.group_id) && !IsPending(join.group_id, member_id)) {
    return RefusedJoin(ErrorCode::kUnknownMemberId, member_id);
  }
  const ConsumerGroup* consumer = FindConsumerGroup(join.group_id);
  if (consumer != nullptr && !consumer->members.empty()) return JoinConsumers(step, join);
  if (!Accepts(join)) return TurnAway(step, join);
  if (!Supports(MembershipOf(join.group_id), join)) {
    return RefusedJoin(ErrorCode::kInconsistentGroupProtocol, member_id);
  }
  return member_id.empty() ? JoinNew(step, request, join) : JoinKnown(step, request, join);
}

// While a rebalance is prepared, those count who have joined again: who comes last finds no room.
// Static members keep their place while they are away, so a full group has room for them.
bool Machine::Accepts(const Join& join) const {
  const Membership& membership = MembershipOf(join.group_id);
  std::string member_id(join.who.member_id);
  if (member_id.empty() && join.who.instance_id.has_value()) {
    member_id = membership.FindStatic(*join.who.instance_id).value_or("");
  }
  if (membership.state == GroupState::kEmpty) return true;
  if (membership.state != GroupState::kPreparingRebalance) {
    return membership.members.size() < options_.members_max ||
           membership.members.contains(member_id);
  }
  const Live* live = FindLive(join.group_id);
  INVARIANT(live != nullptr);
  if (live->joins.contains(member_id)) return true;
  auto keeps_place = [&](const auto& entry) {
    const auto& [id, member] = entry;
    return id != member_id && (member.instance_id.has_value() || live->joins.contains(id));
  };
  auto taken = std::count_if(membership.members.begin(), membership.members.end(), keeps_place);
  return static_cast<size_t>(taken) < options_.members_max;
}

JoinAnswer Machine::TurnAway(const Step& step, const Join& join) {
  std::string member_id(join.who.member_id);
  ForgetPending(step.output, join.group_id, member_id);
  if (MembershipOf(join.group_id).members.contains(member_id)) Remove(step, member_id);
  return RefusedJoin(ErrorCode::kGroupMaxSizeReached, "");
}

std::optional<JoinAnswer> Machine::JoinNew(const Step& step, RequestId request, const Join& join) {
  const auto& instance_id = join.who.instance_id;
  if (instance_id.has_value()) {
    auto holder = MembershipOf(join.group_id).FindStatic(*instance_id);
    if (holder.has_value()) return ReplaceStatic(step, request, join, *holder);
  }
  std::string member_id = NewMemberId(join);
  if (!instance_id.has_value() && join.needs_member_id) {
    return GiveMemberId(step, join, std::move(member_id));
  }
  Join known = join;
  known.who.member_id = member_id;
  return Wait(step, request, known);
}

std::optional<JoinAnswer> Machine::JoinKnown(const Step& step, RequestId request,
                                             const Join& join) {
  bool was_pending = ForgetPending(step.output, join.group_id, join.who.member_id);
  if (was_pending && !join.who.instance_id.has_value()) return Wait(step, request, join);
  const Membership& membership = MembershipOf(join.group_id);
  ErrorCode error = CheckMember(membership, join.who);
  if (error != ErrorCode::kNone) return RefusedJoin(error, join.who.member_id);
  std::string member_id(join.who.member_id);
  const Member& member = *membership.FindMember(member_id);
  bool is_leader = membership.leader == member_id;
  // A leader that joins a stable group again wants partitions to be shared out anew. Others that
  // say nothing new have only not had, or not believed, their answer.
  bool wants_rebalance = membership.state == GroupState::kPreparingRebalance ||
                         (membership.state == GroupState::kStable && is_leader);
  if (wants_rebalance || !SaysTheSame(member, join)) return Wait(step, request, join);
  TouchSession(step.output, join.group_id, member_id, member);
  return Joined(membership, member_id);
}

JoinAnswer Machine::GiveMemberId(const Step& step, const Join& join, std::string member_id) {
  if (pending_.size() >= options_.pending_members_max) {
    PendingMember oldest = pending_.front();
    ForgetPending(step.output, oldest.group_id, oldest.member_id);
    GoOn({step.output, oldest.group_id, step.now});
  }
  pending_.push_back({std::string(join.group_id), member_id});
  bool is_new =
      pending_by_id_.try_emplace(pending_.back().member_id, std::prev(pending_.end())).second;
  INVARIANT(is_new);
  ++live_[std::string(join.group_id)].pending;
  SetTimer(step.output, {TimerKind::kSession, std::string(join.group_id), member_id},
           join.session_timeout_ms);
  return RefusedJoin(ErrorCode::kMemberIdRequired, member_id);
}

bool Machine::IsPending(std::string_view group_id, std::string_view member_id) const {
  auto found = pending_by_id_.find(member_id);
  return found != pending_by_id_.end() && found->second->group_id == group_id;
}

bool Machine::ForgetPending(Output& output, std::string_view group_id, std::string_view member_id) {
  auto found = pending_by_id_.find(member_id);
  if (found == pending_by_id_.end() || found->second->group_id != group_id) return false;
  auto pending = found->second;
  SetTimer(output, {TimerKind::kSession, pending->group_id, pending->member_id}, std::nullopt);
  pending_by_id_.erase(found);
  pending_.erase(pending);
  INVARIANT(pending_by_id_.size() == pending_.size());
  Live& live = live_.find(group_id)->second;
  INVARIANT(live.pending > 0);
  --live.pending;
  return true;
}

// The old id is fenced from here on.
std::optional<JoinAnswer> Machine::ReplaceStatic(const Step& step, RequestId request,
                                                 const Join& join, const std::string& old_id) {
  std::string new_id = NewMemberId(join);
  Join known = join;
  known.who.member_id = new_id;
  if (MembershipOf(join.group_id).state == GroupState::kStable) {
    std::optional<JoinAnswer> answer = TakeOver(step, known, old_id, new_id);
    if (answer.has_value()) return answer;
  }
  const Membership& before = MembershipOf(join.group_id);
  Member joined = *before.FindMember(old_id);
  Update(joined, join);
  if (!HasRoomFor(before, old_id, new_id, joined)) {
    return RefusedJoin(ErrorCode::kUnknownServerError, "");
  }
  Live& live = live_[std::string(join.group_id)];
  AnswerJoin(step, live, old_id, ErrorCode::kFencedInstanceId);
  auto sync = live.syncs.extract(old_id);
  if (!sync.empty()) {
    step.output.replies.push_back({sync.mapped(), RefusedSync(ErrorCode::kFencedInstanceId)});
  }
  SetTimer(step.output, {TimerKind::kSession, std::string(join.group_id), old_id}, std::nullopt);
  Prepare(step).preparing->Rename(old_id, new_id);
  return Wait(step, request, known);
}

// The new member of a stable group goes on with the old one's assignment. Without a change of
// protocol the generation stays, and nobody has to share out anything. None: it has changed.
std::optional<JoinAnswer> Machine::TakeOver(const Step& step, const Join& join,
                                            const std::string& old_id, const std::string& new_id) {
  Membership membership = MembershipOf(join.group_id);
  std::string old_leader = membership.leader.value_or("");
  membership.Rename(old_id, new_id);
  Member& member = membership.members[new_id];
  Update(member, join);
  if (membership.SelectProtocol() != membership.protocol) return std::nullopt;
  if (ApproximateBytes(membership) > options_.group_bytes_max) {
    return RefusedJoin(ErrorCode::kUnknownServerError, "");
  }
  SetTimer(step.output, {TimerKind::kSession, std::string(join.group_id), old_id}, std::nullopt);
  TouchSession(step.output, join.group_id, new_id, member);
  auto live = live_.find(join.group_id);
  if (live != live_.end() && live->second.unsynced.erase(old_id) > 0) {
    live->second.unsynced.insert(new_id);
  }
  JoinAnswer answer = Joined(membership, new_id);
  if (join.can_skip_assignment) {
    answer.skip_assignment = membership.leader == new_id;
  } else {
    // An older leader can only be kept from sharing out by not knowing that it leads.
    answer.leader = old_leader;
    answer.members.clear();
  }
  Become(step, std::move(membership));
  return answer;
}

// Puts the member among those who wait for the next generation, which begins to be prepared if it
// does not yet. Precondition: join.who.member_id is set.
std::optional<JoinAnswer> Machine::Wait(const Step& step, RequestId request, const Join& join) {
  std::string member_id(join.who.member_id);
  INVARIANT(!member_id.empty());
  const Membership& before = MembershipOf(join.group_id);
  const Member* known = before.FindMember(member_id);
  bool is_new = known == nullptr;
  Member joined = is_new ? NewMember(join) : *known;
  Update(joined, join);
  if (!HasRoomFor(before, member_id, member_id, joined)) {
    return RefusedJoin(ErrorCode::kUnknownServerError, member_id);
  }
  Live& live = Prepare(step);
  Membership& membership = *live.preparing;
  if (membership.members.empty()) membership.protocol_type = join.protocol_type;
  joined.assignment.clear();
  membership.members.insert_or_assign(member_id, std::move(joined));
  if (is_new && live.is_initial && live.is_timed) live.has_grown = true;
  auto waiting = live.joins.find(member_id);
  if (waiting != live.joins.end()) {
    is_new = waiting->second.is_new;
    AnswerJoin(step, live, member_id, ErrorCode::kRebalanceInProgress);
  }
  live.joins[member_id] = {request, is_new};
  std::optional<int64_t> session_ms;
  if (is_new) session_ms = kNewMemberJoinMs;
  SetTimer(step.output, {TimerKind::kSession, std::string(join.group_id), member_id}, session_ms);
  return std::nullopt;
}

// Whether the record of the next generation can hold the member, where another one may have been.
// Assignments are not in it yet.
bool Machine::HasRoomFor(const Membership& membership, std::string_view replaced,
                         std::string_view member_id, const Member& joined) const {
  size_t bytes = ApproximateBytes(member_id, joined) - joined.assignment.size();
  for (const auto& [id, member] : membership.members) {
    if (id != replaced) bytes += ApproximateBytes(id, member) - member.assignment.size();
  }
  return bytes <= options_.group_bytes_max;
}

}  // namespace millrace::core::group
