// The way from one generation to the next: who is waited for, for how long, and who is in it.
#include <algorithm>
#include <utility>

#include "broker/core/group/answers.h"
#include "broker/core/group/machine.h"
#include "proto/invariant.h"

namespace millrace::core::group {

namespace {

// How often at most it is looked whether somebody has come to lead, whatever members ask for.
constexpr int64_t kLookAgainMs = 1000;

}  // namespace

// Begins a rebalance, if none is being prepared. GoOn comes after it, when the input has said all.
Live& Machine::Prepare(const Step& step) {
  Live& live = live_[std::string(step.group_id)];
  if (live.preparing.has_value()) return live;
  INVARIANT(live.joins.empty());
  Membership membership = MembershipOf(step.group_id);
  live.is_initial = membership.state == GroupState::kEmpty;
  membership.state = GroupState::kPreparingRebalance;
  for (auto& [id, member] : membership.members) member.assignment.clear();
  live.preparing = std::move(membership);
  AnswerSyncs(step, live, ErrorCode::kRebalanceInProgress);
  live.unsynced.clear();
  SetTimer(step.output, {TimerKind::kSync, std::string(step.group_id), ""}, std::nullopt);
  return live;
}

// The end of every input that may have changed who is waited for.
void Machine::GoOn(const Step& step) {
  DowngradeIfDue(step);
  auto found = live_.find(step.group_id);
  if (found == live_.end()) return;
  Live& live = found->second;
  if (live.preparing.has_value()) {
    const Membership& membership = *live.preparing;
    bool has_all = live.joins.size() == membership.members.size() && live.pending == 0;
    if (live.is_initial) {
      if (!live.is_timed) BeginInitial(step, live);
    } else if (membership.members.empty() || has_all) {
      Complete(step, live);
    } else if (!live.is_timed) {
      SetJoinTimer(step, live, membership.RebalanceTimeoutMs());
    }
  }
  if (live.IsIdle()) live_.erase(found);
}

// Whoever starts a whole group starts its members one after the other: each would be a generation.
void Machine::BeginInitial(const Step& step, Live& live) {
  int64_t delay_ms = options_.initial_rebalance_delay_ms;
  if (delay_ms == 0) return Complete(step, live);
  live.has_grown = false;
  live.delay_left_ms = std::max<int64_t>(live.preparing->RebalanceTimeoutMs() - delay_ms, 0);
  SetJoinTimer(step, live, delay_ms);
}

void Machine::SetJoinTimer(const Step& step, Live& live, int64_t after_ms) {
  live.is_timed = true;
  SetTimer(step.output, {TimerKind::kJoin, std::string(step.group_id), ""}, after_ms);
}

void Machine::OnJoinTimeout(const Step& step) {
  auto found = live_.find(step.group_id);
  if (found == live_.end() || !found->second.preparing.has_value()) return;
  Live& live = found->second;
  if (!live.is_initial || !live.has_grown || live.delay_left_ms == 0) return Complete(step, live);
  int64_t delay_ms = std::min(options_.initial_rebalance_delay_ms, live.delay_left_ms);
  live.has_grown = false;
  live.delay_left_ms -= delay_ms;
  SetJoinTimer(step, live, delay_ms);
}

// Who has not asked for its assignment all the time will not; others wait for its partitions.
void Machine::OnSyncTimeout(const Step& step) {
  auto found = live_.find(step.group_id);
  if (found == live_.end()) return;
  const std::set<std::string, std::less<>> unsynced = found->second.unsynced;
  for (const std::string& member_id : unsynced) Remove(step, member_id);
}

void Machine::Complete(const Step& step, Live& live) {
  RemoveAbsent(step, live);
  if (live.preparing->members.empty()) return BecomeEmpty(step, live);
  if (live.joins.empty()) {
    // Static members are left, and nobody has come to lead. Their sessions, or they, end this.
    return SetJoinTimer(step, live, std::max(live.preparing->RebalanceTimeoutMs(), kLookAgainMs));
  }
  BeginGeneration(step, live);
}

// Static members may come back until their session ends, as in Kafka.
void Machine::RemoveAbsent(const Step& step, Live& live) {
  std::erase_if(live.preparing->members, [&](const auto& entry) {
    const auto& [member_id, member] = entry;
    if (member.instance_id.has_value() || live.joins.contains(member_id)) return false;
    SetTimer(step.output, {TimerKind::kSession, std::string(step.group_id), member_id},
             std::nullopt);
    return true;
  });
}

void Machine::BecomeEmpty(const Step& step, Live& live) {
  INVARIANT(live.joins.empty() && live.syncs.empty());
  Membership membership = *std::exchange(live.preparing, std::nullopt);
  live.is_timed = false;
  SetTimer(step.output, {TimerKind::kJoin, std::string(step.group_id), ""}, std::nullopt);
  membership.state = GroupState::kEmpty;
  membership.generation = membership.generation + 1;
  membership.protocol.reset();
  membership.leader.reset();
  Become(step, std::move(membership));
}

// All that have joined are told of it at once.
void Machine::BeginGeneration(const Step& step, Live& live) {
  INVARIANT(!live.joins.empty() && live.syncs.empty());
  Membership membership = *std::exchange(live.preparing, std::nullopt);
  live.is_timed = false;
  SetTimer(step.output, {TimerKind::kJoin, std::string(step.group_id), ""}, std::nullopt);
  // A leader must be somebody who is there.
  bool has_leader = membership.leader.has_value() && live.joins.contains(*membership.leader);
  if (!has_leader) membership.leader = live.joins.begin()->first;
  membership.generation = membership.generation + 1;
  membership.protocol = membership.SelectProtocol();
  membership.state = GroupState::kCompletingRebalance;
  live.unsynced.clear();
  for (auto& [member_id, member] : membership.members) {
    member.told.reset();
    live.unsynced.insert(member_id);
  }
  SetTimer(step.output, {TimerKind::kSync, std::string(step.group_id), ""},
           membership.RebalanceTimeoutMs());
  Become(step, std::move(membership));
  const Membership& present = MembershipOf(step.group_id);
  for (const auto& [member_id, waiting] : std::exchange(live.joins, {})) {
    step.output.replies.push_back({waiting.request, Joined(present, member_id)});
  }
  // Those that are away, too: static members, whose place the generation keeps.
  for (const auto& [member_id, member] : present.members) {
    TouchSession(step.output, step.group_id, member_id, member);
  }
}

// Precondition: it is a member.
void Machine::Remove(const Step& step, const std::string& member_id) {
  Live& live = Prepare(step);
  AnswerJoin(step, live, member_id, ErrorCode::kUnknownMemberId);
  Membership& membership = *live.preparing;
  bool was_there = membership.members.erase(member_id) > 0;
  INVARIANT(was_there);
  if (membership.leader == member_id) membership.leader.reset();
  SetTimer(step.output, {TimerKind::kSession, std::string(step.group_id), member_id}, std::nullopt);
}

// Tells a member that it waits in vain, if it waits.
void Machine::AnswerJoin(const Step& step, Live& live, std::string_view member_id,
                         ErrorCode error) {
  auto waiting = live.joins.find(member_id);
  if (waiting == live.joins.end()) return;
  step.output.replies.push_back({waiting->second.request, RefusedJoin(error, member_id)});
  live.joins.erase(waiting);
}

// Answers all who wait for their assignment; their sessions begin anew.
void Machine::AnswerSyncs(const Step& step, Live& live, ErrorCode error) {
  const Membership& membership = MembershipOf(step.group_id);
  for (const auto& [member_id, request] : std::exchange(live.syncs, {})) {
    const Member& member = *membership.FindMember(member_id);
    bool is_refused = error != ErrorCode::kNone;
    step.output.replies.push_back(
        {request, is_refused ? RefusedSync(error) : Assigned(membership, member)});
    TouchSession(step.output, step.group_id, member_id, member);
  }
}

}  // namespace millrace::core::group
