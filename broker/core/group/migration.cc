// Groups that go from one protocol to the other while they have members (KIP-848): up when the
// first member comes that speaks the consumer protocol, down when the last of these has gone.
#include <utility>

#include "broker/core/group/answers.h"
#include "broker/core/group/conversion.h"
#include "broker/core/group/machine.h"
#include "broker/core/group/subscription.h"
#include "proto/invariant.h"

namespace millrace::core::group {

namespace {

ConsumerHeartbeatAnswer CannotUpgrade(std::string_view group_id, std::string_view why) {
  ConsumerHeartbeatAnswer answer;
  answer.error = ErrorCode::kGroupIdNotFound;
  answer.message = "Group " + std::string(group_id) + " is not a consumer group" + std::string(why);
  return answer;
}

}  // namespace

// What a classic group with members would be as a consumer group, if the heartbeat is to make it
// one. Nothing is changed yet, for the heartbeat may still be refused.
Machine::Refusal Machine::Upgraded(const ConsumerHeartbeat& heartbeat,
                                   std::optional<ConsumerGroup>& upgraded) const {
  const std::string_view group_id = heartbeat.group_id;
  if (FindConsumerGroup(group_id) != nullptr || !HasMembers(group_id)) return std::nullopt;
  if (heartbeat.epoch != kJoining) return CannotUpgrade(group_id, ".");
  if (!options_.consumer.may_upgrade) {
    return CannotUpgrade(group_id, ", and group.consumer.migration.policy keeps it as it is.");
  }
  const Membership& now = MembershipOf(group_id);
  if (now.protocol_type != kConsumerProtocolType) {
    return CannotUpgrade(group_id, ": its members are no consumers.");
  }
  const Group* group = Find(group_id);
  const Membership* recorded = group == nullptr ? nullptr : &group->membership;
  upgraded = ToConsumerGroup({now, recorded, FindLive(group_id)}, *image_);
  if (!upgraded.has_value()) {
    return CannotUpgrade(group_id, ": what its members say cannot be read, or is too much.");
  }
  if (upgraded->members.size() > options_.consumer.members_max) {
    return CannotUpgrade(group_id, ": it has more members than one may have.");
  }
  return std::nullopt;
}

// Whoever waits is told to join again, and then joins the consumer group.
void Machine::Upgrade(const Step& step, ConsumerGroup upgraded) {
  const std::string group_id(step.group_id);
  auto found = live_.find(step.group_id);
  if (found != live_.end()) {
    Live& live = found->second;
    for (const auto& [member_id, waiting] : live.joins) {
      step.output.replies.push_back(
          {waiting.request, RefusedJoin(ErrorCode::kRebalanceInProgress, member_id)});
      SetTimer(step.output, {TimerKind::kSession, group_id, member_id}, std::nullopt);
    }
    for (const auto& [member_id, request] : live.syncs) {
      step.output.replies.push_back({request, RefusedSync(ErrorCode::kRebalanceInProgress)});
    }
    live = Live{.pending = live.pending};
  }
  SetTimer(step.output, {TimerKind::kJoin, group_id, ""}, std::nullopt);
  SetTimer(step.output, {TimerKind::kSync, group_id, ""}, std::nullopt);
  Emit(step.output, PutConsumerGroup{.group_id = group_id,
                                     .epoch = upgraded.epoch,
                                     .target_epoch = upgraded.target_epoch,
                                     .topics_hash = 0,
                                     .state_since = step.now});
  for (auto& [member_id, member] : upgraded.members) {
    Emit(step.output, PutConsumerMember{group_id, member_id, std::move(member)});
    TouchConsumer(step.output, group_id, member_id);
  }
}

// The members' records go first: what is left of them if the rest is lost is a consumer group
// still, and the next that is heard of a member goes on here. All are to join again, for what
// others had is nobody's now.
void Machine::DowngradeIfDue(const Step& step) {
  const ConsumerGroup* group = FindConsumerGroup(step.group_id);
  if (group == nullptr || !options_.consumer.may_downgrade || !group->IsAllClassic() ||
      group->members.size() > options_.members_max) {
    return;
  }
  std::optional<Membership> membership = ToClassicGroup(*group, *image_);
  if (!membership.has_value() || ApproximateBytes(*membership) > options_.group_bytes_max) return;
  const std::string group_id(step.group_id);
  for (const auto& [member_id, member] : membership->members) {
    Emit(step.output, DeleteConsumerMember{group_id, member_id});
    CancelTimers(step, member_id);
  }
  consumer_live_.erase(group_id);
  SetTimer(step.output, {TimerKind::kAssign, group_id, ""}, std::nullopt);
  membership->state_since = step.now;
  Emit(step.output, PutGroup{group_id, *std::move(membership)});
  for (const auto& [member_id, member] : MembershipOf(group_id).members) {
    TouchSession(step.output, group_id, member_id, member);
  }
  Prepare(step);
}

// After replay: the members of a group that was a consumer group have not been told all of it.
void Machine::PrepareAgain(const Step& step) {
  INVARIANT(MembershipOf(step.group_id).state == GroupState::kPreparingRebalance);
  Live& live = Prepare(step);
  SetJoinTimer(step, live, live.preparing->RebalanceTimeoutMs());
}

}  // namespace millrace::core::group
