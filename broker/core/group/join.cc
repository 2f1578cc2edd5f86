// JoinGroup: how a member enters a group, and stays in it through a rebalance.
#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "broker/core/group/machine.h"
#include "proto/cut_text.h"
#include "proto/invariant.h"
#include "proto/wire/codec.h"

namespace millrace::core::group {

namespace {

JoinAnswer Refused(ErrorCode error, std::string_view member_id) {
  JoinAnswer answer;
  answer.error = error;
  answer.member_id = member_id;
  return answer;
}

std::vector<Protocol> Copy(std::span<const Join::Protocol> protocols) {
  std::vector<Protocol> copies;
  copies.reserve(protocols.size());
  for (const Join::Protocol& protocol : protocols) {
    copies.push_back({std::string(protocol.name), std::string(protocol.metadata)});
  }
  return copies;
}

bool AllKnow(const Membership& membership, std::string_view protocol) {
  return std::all_of(membership.members.begin(), membership.members.end(),
                     [&](const auto& entry) { return entry.second.FindProtocol(protocol); });
}

// Whether the joining member speaks what the group speaks. As in Kafka a member that joins again is
// held against what it said before, too.
bool Supports(const Membership& membership, const Join& join) {
  if (membership.state == GroupState::kEmpty) {
    return !join.protocol_type.empty() && !join.protocols.empty();
  }
  return membership.protocol_type == join.protocol_type &&
         std::any_of(join.protocols.begin(), join.protocols.end(),
                     [&](const Join::Protocol& one) { return AllKnow(membership, one.name); });
}

// Each member votes for the protocol it likes best among those that all know.
std::string SelectProtocol(const Membership& membership) {
  std::map<std::string_view, int> votes;
  for (const auto& [id, member] : membership.members) {
    for (const Protocol& protocol : member.protocols) {
      if (!AllKnow(membership, protocol.name)) continue;
      ++votes[protocol.name];
      break;
    }
  }
  INVARIANT(!votes.empty());
  auto winner = std::max_element(votes.begin(), votes.end(),
                                 [](const auto& a, const auto& b) { return a.second < b.second; });
  return std::string(winner->first);
}

void Update(Member& member, const Join& join) {
  member.session_timeout_ms = join.session_timeout_ms;
  member.rebalance_timeout_ms = join.rebalance_timeout_ms;
  member.protocols = Copy(join.protocols);
}

bool SaysTheSame(const Member& member, const Join& join) {
  return member.protocols == Copy(join.protocols);
}

// What a member is told about the present generation.
JoinAnswer Present(const Membership& membership, const std::string& member_id) {
  JoinAnswer answer{.generation = membership.generation,
                    .protocol_type = membership.protocol_type,
                    .protocol = membership.protocol,
                    .leader = membership.leader.value_or(""),
                    .member_id = member_id,
                    .members = {}};
  if (membership.leader != member_id) return answer;
  for (const auto& [id, member] : membership.members) {
    const Protocol* protocol = member.FindProtocol(*membership.protocol);
    INVARIANT(protocol != nullptr);
    answer.members.push_back({id, member.instance_id, protocol->metadata});
  }
  return answer;
}

// The name in front may be as long as a string on the wire can be, and so may the whole be: what is
// unique about it comes last and must not be cut off.
std::string MemberIdOf(const Join& join) {
  size_t fresh_bytes = 1 + join.fresh_id.size();
  INVARIANT(fresh_bytes <= wire::kStringBytesMax);
  std::string id(
      CutText(join.who.instance_id.value_or(join.client_id), wire::kStringBytesMax - fresh_bytes));
  id += '-';
  id += join.fresh_id;
  return id;
}

}  // namespace

Output Machine::On(RequestId request, const Join& join, TimestampMs now) {
  Output output;
  JoinAnswer answer = Decide(output, join, now);
  output.replies.push_back({request, std::move(answer)});
  return output;
}

JoinAnswer Machine::Decide(Output& output, const Join& join, TimestampMs now) {
  const std::string_view member_id = join.who.member_id;
  if (join.group_id.empty()) return Refused(ErrorCode::kInvalidGroupId, member_id);
  if (join.session_timeout_ms < options_.session_timeout_ms_min ||
      join.session_timeout_ms > options_.session_timeout_ms_max) {
    return Refused(ErrorCode::kInvalidSessionTimeout, member_id);
  }
  if (!member_id.empty() && Find(join.group_id) == nullptr &&
      !IsPending(join.group_id, member_id)) {
    return Refused(ErrorCode::kUnknownMemberId, member_id);
  }
  Membership membership = MembershipOf(join.group_id);
  if (!Accepts(membership, join)) {
    ForgetPending(output, join.group_id, member_id);
    return Refused(ErrorCode::kGroupMaxSizeReached, "");
  }
  if (!Supports(membership, join)) {
    return Refused(ErrorCode::kInconsistentGroupProtocol, member_id);
  }
  return member_id.empty() ? JoinNew(output, join, std::move(membership), now)
                           : JoinKnown(output, join, std::move(membership), now);
}

// A static member that comes back takes its own place, so there is room for it in a full group.
bool Machine::Accepts(const Membership& membership, const Join& join) const {
  if (membership.members.size() < options_.members_max) return true;
  if (membership.FindMember(join.who.member_id) != nullptr) return true;
  return join.who.instance_id.has_value() &&
         membership.FindStatic(*join.who.instance_id).has_value();
}

JoinAnswer Machine::JoinNew(Output& output, const Join& join, Membership membership,
                            TimestampMs now) {
  const auto& instance_id = join.who.instance_id;
  if (instance_id.has_value() && membership.FindStatic(*instance_id).has_value()) {
    return ReplaceStatic(output, join, std::move(membership), now);
  }
  std::string member_id = MemberIdOf(join);
  if (!instance_id.has_value() && join.needs_member_id) {
    return GiveMemberId(output, join, std::move(member_id));
  }
  Join known = join;
  known.who.member_id = member_id;
  return Rebalance(output, known, std::move(membership), now);
}

JoinAnswer Machine::JoinKnown(Output& output, const Join& join, Membership membership,
                              TimestampMs now) {
  bool was_pending = ForgetPending(output, join.group_id, join.who.member_id);
  if (was_pending && !join.who.instance_id.has_value()) {
    return Rebalance(output, join, std::move(membership), now);
  }
  ErrorCode error = CheckMember(membership, join.who);
  if (error != ErrorCode::kNone) return Refused(error, join.who.member_id);
  std::string member_id(join.who.member_id);
  const Member& member = membership.members[member_id];
  bool is_leader = membership.leader == member_id;
  // A leader that joins a stable group again wants partitions to be shared out anew.
  bool wants_rebalance = membership.state == GroupState::kStable && is_leader;
  if (wants_rebalance || !SaysTheSame(member, join)) {
    return Rebalance(output, join, std::move(membership), now);
  }
  TouchSession(output, join.group_id, member_id, member);
  return Present(membership, member_id);
}

JoinAnswer Machine::GiveMemberId(Output& output, const Join& join, std::string member_id) {
  if (pending_.size() >= options_.pending_members_max) {
    PendingMember oldest = pending_.front();
    ForgetPending(output, oldest.group_id, oldest.member_id);
  }
  pending_.push_back({std::string(join.group_id), member_id});
  bool is_new =
      pending_by_id_.try_emplace(pending_.back().member_id, std::prev(pending_.end())).second;
  INVARIANT(is_new);
  SetTimer(output, {TimerKind::kSession, std::string(join.group_id), member_id},
           join.session_timeout_ms);
  return Refused(ErrorCode::kMemberIdRequired, member_id);
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
  return true;
}

// The new member goes on with the old one's assignment; the old id is fenced from here on. Without
// a change of protocol the generation stays, and nobody has to share out anything.
JoinAnswer Machine::ReplaceStatic(Output& output, const Join& join, Membership membership,
                                  TimestampMs now) {
  std::string old_id = *membership.FindStatic(*join.who.instance_id);
  std::string old_leader = membership.leader.value_or("");
  std::string new_id = MemberIdOf(join);
  auto node = membership.members.extract(old_id);
  node.key() = new_id;
  membership.members.insert(std::move(node));
  if (membership.leader == old_id) membership.leader = new_id;
  SetTimer(output, {TimerKind::kSession, std::string(join.group_id), old_id}, std::nullopt);
  Member& member = membership.members[new_id];
  Update(member, join);
  if (membership.state != GroupState::kStable ||
      SelectProtocol(membership) != membership.protocol) {
    Join known = join;
    known.who.member_id = new_id;
    return Rebalance(output, known, std::move(membership), now);
  }
  if (ApproximateBytes(membership) > options_.group_bytes_max) {
    return Refused(ErrorCode::kUnknownServerError, "");
  }
  TouchSession(output, join.group_id, new_id, member);
  JoinAnswer answer = Present(membership, new_id);
  if (join.can_skip_assignment) {
    answer.skip_assignment = membership.leader == new_id;
  } else {
    // An older leader can only be kept from sharing out by not knowing that it leads.
    answer.leader = old_leader;
    answer.members.clear();
  }
  Become(output, join.group_id, std::move(membership), now);
  return answer;
}

// Puts the member in and begins the next generation. There is nobody else to wait for: neither for
// others that join again, nor, in an empty group, for more to come (group.initial.rebalance.delay).
// Precondition: join.who.member_id is set.
JoinAnswer Machine::Rebalance(Output& output, const Join& join, Membership membership,
                              TimestampMs now) {
  std::string member_id(join.who.member_id);
  INVARIANT(!member_id.empty());
  auto [entry, is_new] = membership.members.try_emplace(member_id);
  Member& joined = entry->second;
  if (is_new) {
    if (join.who.instance_id.has_value()) joined.instance_id = std::string(*join.who.instance_id);
    joined.client_id = join.client_id;
    joined.client_host = join.client_host;
  }
  Update(joined, join);
  if (ApproximateBytes(membership) > options_.group_bytes_max) {
    return Refused(ErrorCode::kUnknownServerError, member_id);
  }
  if (membership.state == GroupState::kEmpty) membership.protocol_type = join.protocol_type;
  if (!membership.leader.has_value()) membership.leader = member_id;
  membership.generation = membership.generation + 1;
  membership.protocol = SelectProtocol(membership);
  membership.state = GroupState::kCompletingRebalance;
  for (auto& [id, member] : membership.members) {
    member.assignment.clear();
    TouchSession(output, join.group_id, id, member);
  }
  SetTimer(output, {TimerKind::kSync, std::string(join.group_id), ""},
           membership.members[member_id].rebalance_timeout_ms);
  JoinAnswer answer = Present(membership, member_id);
  Become(output, join.group_id, std::move(membership), now);
  return answer;
}

}  // namespace millrace::core::group
