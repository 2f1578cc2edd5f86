// ConsumerGroupHeartbeat: how a member enters a consumer group, lives in it and leaves it
// (KIP-848).
#include <algorithm>
#include <utility>

#include "broker/core/group/consumer_records.h"
#include "broker/core/group/machine.h"
#include "broker/core/group/reconcile.h"
#include "broker/core/group/topic_pattern.h"
#include "proto/invariant.h"

namespace millrace::core::group {

namespace {

ConsumerHeartbeatAnswer Refused(ErrorCode error, std::string message) {
  ConsumerHeartbeatAnswer answer;
  answer.error = error;
  answer.message = std::move(message);
  return answer;
}

ConsumerHeartbeatAnswer UnknownMember(const ConsumerHeartbeat& heartbeat) {
  return Refused(ErrorCode::kUnknownMemberId, "Member " + std::string(heartbeat.member_id) +
                                                  " is not a member of group " +
                                                  std::string(heartbeat.group_id) + ".");
}

ConsumerHeartbeatAnswer FencedInstance() {
  return Refused(ErrorCode::kFencedInstanceId, "Another member has taken the instance id.");
}

ConsumerHeartbeatAnswer NotAConsumerGroup(std::string_view group_id) {
  return Refused(ErrorCode::kGroupIdNotFound,
                 "Group " + std::string(group_id) + " is not a consumer group.");
}

// Its last answer may have been lost: then it is an epoch behind, and owns no more than it has.
bool HasEpoch(const ConsumerMember& member, const ConsumerHeartbeat& heartbeat) {
  if (heartbeat.epoch == member.epoch) return true;
  return heartbeat.epoch == member.previous_epoch && heartbeat.epoch < member.epoch &&
         heartbeat.owned.has_value() && Includes(member.assigned, *heartbeat.owned);
}

std::optional<ConsumerHeartbeatAnswer> Fenced(const ConsumerMember& member,
                                              const ConsumerHeartbeat& heartbeat) {
  if (HasEpoch(member, heartbeat)) return std::nullopt;
  return Refused(ErrorCode::kFencedMemberEpoch,
                 "The member epoch " + std::to_string(heartbeat.epoch.value()) +
                     " is not that of the member, " + std::to_string(member.epoch.value()) +
                     ": it must give up all partitions and join again.");
}

// A heartbeat that tells everything is answered in full.
bool TellsAll(const ConsumerHeartbeat& heartbeat) {
  if (heartbeat.epoch == kJoining) return true;
  return heartbeat.rebalance_timeout_ms.has_value() && heartbeat.owned.has_value() &&
         (heartbeat.topics.has_value() || heartbeat.regex.has_value());
}

void Update(ConsumerMember& member, const ConsumerHeartbeat& heartbeat) {
  member.classic.reset();
  member.client_id = heartbeat.client_id;
  member.client_host = heartbeat.client_host;
  if (heartbeat.instance_id.has_value()) member.instance_id = std::string(*heartbeat.instance_id);
  if (heartbeat.rack_id.has_value()) member.rack_id = std::string(*heartbeat.rack_id);
  if (heartbeat.rebalance_timeout_ms.has_value()) {
    member.rebalance_timeout_ms = *heartbeat.rebalance_timeout_ms;
  }
  if (heartbeat.assignor.has_value()) member.assignor = std::string(*heartbeat.assignor);
  if (heartbeat.regex.has_value()) member.regex = std::string(*heartbeat.regex);
  if (!heartbeat.topics.has_value()) return;
  member.topics.assign(heartbeat.topics->begin(), heartbeat.topics->end());
  std::sort(member.topics.begin(), member.topics.end());
  member.topics.erase(std::unique(member.topics.begin(), member.topics.end()), member.topics.end());
}

// Of a request, before anything of it is copied.
size_t SubscribedBytes(const ConsumerHeartbeat& heartbeat) {
  constexpr size_t kPerTopic = 4;
  size_t bytes = heartbeat.regex.value_or("").size();
  if (!heartbeat.topics.has_value()) return bytes;
  for (std::string_view topic : *heartbeat.topics) bytes += kPerTopic + topic.size();
  return bytes;
}

std::string_view WhatIsWrong(const ConsumerHeartbeat& heartbeat) {
  if (heartbeat.group_id.empty()) return "GroupId can't be empty.";
  if (heartbeat.instance_id == "") return "InstanceId can't be empty.";
  if (heartbeat.rack_id == "") return "RackId can't be empty.";
  if (heartbeat.epoch < kAway) return "MemberEpoch is invalid.";
  const bool is_joining = heartbeat.epoch == kJoining;
  if (heartbeat.member_id.empty() && !(is_joining && heartbeat.may_lack_member_id)) {
    return "MemberId can't be empty.";
  }
  if (heartbeat.epoch == kAway && !heartbeat.instance_id.has_value()) {
    return "InstanceId can't be null.";
  }
  if (!is_joining) return "";
  if (!heartbeat.rebalance_timeout_ms.has_value()) {
    return "RebalanceTimeoutMs must be provided in first request.";
  }
  if (!heartbeat.owned.has_value() || !heartbeat.owned->empty()) {
    return "TopicPartitions must be empty when (re-)joining.";
  }
  if (!heartbeat.topics.has_value() && !heartbeat.regex.has_value()) {
    return "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when "
           "(re-)joining.";
  }
  return "";
}

}  // namespace

Output Machine::On(RequestId request, const ConsumerHeartbeat& heartbeat, TimestampMs now) {
  Output output;
  Step step{output, heartbeat.group_id, now};
  ConsumerHeartbeatAnswer answer = Decide(step, heartbeat);
  // Nothing new: the member was told of its epoch, so that is committed.
  bool is_free = answer.error == ErrorCode::kNone && answer.epoch == heartbeat.epoch &&
                 !answer.assignment.has_value() && output.records.empty();
  output.replies.push_back({request, std::move(answer), is_free});
  GoOn(step);
  return output;
}

ConsumerHeartbeatAnswer Machine::Decide(const Step& step, const ConsumerHeartbeat& heartbeat) {
  Refusal refusal = Invalid(heartbeat);
  if (refusal.has_value()) return *std::move(refusal);
  if (heartbeat.epoch < kJoining) return LeaveGroup(step, heartbeat);
  std::optional<ConsumerGroup> upgraded;
  refusal = Upgraded(heartbeat, upgraded);
  if (refusal.has_value()) return *std::move(refusal);
  const ConsumerGroup* group =
      upgraded.has_value() ? &*upgraded : FindConsumerGroup(heartbeat.group_id);
  refusal = Admit(heartbeat, group);
  if (refusal.has_value()) return *std::move(refusal);
  Seat seat;
  refusal = Seated(heartbeat, group, seat);
  if (refusal.has_value()) return *std::move(refusal);
  Update(seat.member, heartbeat);
  if (ApproximateBytes(seat.id, seat.member) > kMemberBytesMax) {
    return Refused(ErrorCode::kInvalidRequest, "The subscription is too large.");
  }
  if (upgraded.has_value()) Upgrade(step, *std::move(upgraded));
  Take(step, seat);
  FollowUp(step, seat.change());
  return LeadOn(step, heartbeat, seat);
}

Machine::Change Machine::Seat::change() const {
  const bool is_new = !before.has_value() || before->epoch == kJoining;
  if (is_new) return Change::kOtherMembers;
  return before->SubscribesAs(member) ? Change::kNone : Change::kOtherTopics;
}

Machine::Refusal Machine::Invalid(const ConsumerHeartbeat& heartbeat) const {
  std::string_view wrong = WhatIsWrong(heartbeat);
  if (!wrong.empty()) return Refused(ErrorCode::kInvalidRequest, std::string(wrong));
  if (SubscribedBytes(heartbeat) > kMemberBytesMax) {
    return Refused(ErrorCode::kInvalidRequest, "The subscription is too large.");
  }
  if (heartbeat.assignor.has_value()) {
    std::optional<Assignor> assignor = FindAssignor(*heartbeat.assignor);
    bool is_offered =
        assignor.has_value() && std::ranges::count(options_.consumer.assignors, *assignor) > 0;
    if (!is_offered) {
      return Refused(ErrorCode::kUnsupportedAssignor,
                     "ServerAssignor " + std::string(*heartbeat.assignor) + " is not supported.");
    }
  }
  const std::string_view regex = heartbeat.regex.value_or("");
  if (!regex.empty() && !TopicPattern(regex).is_valid()) {
    return Refused(
        ErrorCode::kInvalidRegularExpression,
        "SubscribedTopicRegex `" + std::string(regex) + "` is not a valid regular expression.");
  }
  return std::nullopt;
}

// Whether the group is one that the heartbeat may be for.
Machine::Refusal Machine::Admit(const ConsumerHeartbeat& heartbeat,
                                const ConsumerGroup* group) const {
  if (group == nullptr) {
    if (heartbeat.epoch != kJoining) return NotAConsumerGroup(heartbeat.group_id);
    return std::nullopt;
  }
  const bool is_new =
      heartbeat.epoch == kJoining && group->FindMember(heartbeat.member_id) == nullptr &&
      !(heartbeat.instance_id.has_value() && group->FindStatic(*heartbeat.instance_id).has_value());
  if (is_new && group->members.size() >= options_.consumer.members_max) {
    return Refused(ErrorCode::kGroupMaxSizeReached,
                   "The consumer group has reached its maximum capacity of " +
                       std::to_string(options_.consumer.members_max) + " members.");
  }
  return std::nullopt;
}

Machine::Refusal Machine::Seated(const ConsumerHeartbeat& heartbeat, const ConsumerGroup* group,
                                 Seat& seat) {
  seat.id = heartbeat.member_id.empty() ? heartbeat.fresh_id : heartbeat.member_id;
  if (heartbeat.instance_id.has_value()) return SeatedStatic(heartbeat, group, seat);
  const ConsumerMember* known = group == nullptr ? nullptr : group->FindMember(seat.id);
  if (known == nullptr) {
    if (heartbeat.epoch != kJoining) return UnknownMember(heartbeat);
    return std::nullopt;
  }
  if (heartbeat.epoch != kJoining) {
    Refusal fenced = Fenced(*known, heartbeat);
    if (fenced.has_value()) return fenced;
  }
  seat.before = *known;
  seat.member = *known;
  return std::nullopt;
}

// A static member that has said that it will be back, or spoke the classic protocol, in which
// nobody says so, gives its place to whoever comes with its instance id.
Machine::Refusal Machine::SeatedStatic(const ConsumerHeartbeat& heartbeat,
                                       const ConsumerGroup* group, Seat& seat) {
  std::optional<std::string> holder;
  if (group != nullptr) holder = group->FindStatic(*heartbeat.instance_id);
  if (!holder.has_value()) {
    if (heartbeat.epoch != kJoining) return UnknownMember(heartbeat);
    return std::nullopt;
  }
  const ConsumerMember& known = *group->FindMember(*holder);
  const bool is_left = known.epoch == kAway || known.classic.has_value();
  if (heartbeat.epoch != kJoining) {
    if (*holder != seat.id) return FencedInstance();
    Refusal fenced = Fenced(known, heartbeat);
    if (fenced.has_value()) return fenced;
  } else if (!is_left && *holder != seat.id) {
    return Refused(ErrorCode::kUnreleasedInstanceId,
                   "Static member " + *holder + " has the instance id " +
                       std::string(*heartbeat.instance_id) + " and has not left.");
  }
  if (*holder != seat.id && group->FindMember(seat.id) != nullptr) {
    return Refused(ErrorCode::kInvalidRequest, "The member id is that of another member.");
  }
  seat.before = known;
  seat.member = known;
  if (is_left) {
    seat.member.epoch = kJoining;
    seat.member.previous_epoch = kJoining;
  }
  if (*holder != seat.id) seat.replaced = *holder;
  return std::nullopt;
}

void Machine::Take(const Step& step, const Seat& seat) {
  const std::string group_id(step.group_id);
  // Its session is that of a member from here on, even if it has asked for a classic one's before.
  ForgetPending(step.output, step.group_id, seat.id);
  if (FindConsumerGroup(step.group_id) == nullptr) {
    PutEpochs(step, MemberEpoch(0), MemberEpoch(0), 0);
  }
  if (seat.replaced.has_value()) {
    Emit(step.output, DeleteConsumerMember{group_id, *seat.replaced});
    CancelTimers(step, *seat.replaced);
  }
  // What a classic one was waited for it need not do any more.
  const bool was_classic = seat.before.has_value() && seat.before->classic.has_value();
  if (was_classic && !seat.member.classic.has_value()) CancelTimers(step, seat.id);
  if (seat.before != seat.member || seat.replaced.has_value()) {
    Emit(step.output, PutConsumerMember{group_id, seat.id, seat.member});
  }
}

// The member's next step towards its target, if it can take one.
ConsumerHeartbeatAnswer Machine::LeadOn(const Step& step, const ConsumerHeartbeat& heartbeat,
                                        const Seat& seat) {
  Advance(step, seat.id, heartbeat.owned);
  const ConsumerMember& member = *FindConsumerGroup(step.group_id)->FindMember(seat.id);
  ConsumerHeartbeatAnswer answer{.member_id = seat.id,
                                 .epoch = member.epoch,
                                 .interval_ms = SettingsOf(step.group_id).heartbeat_interval_ms,
                                 .assignment = std::nullopt};
  const bool has_changed = !seat.before.has_value() || seat.before->assigned != member.assigned;
  if (TellsAll(heartbeat) || has_changed) answer.assignment = member.assigned;
  return answer;
}

void Machine::Advance(const Step& step, const std::string& member_id,
                      const std::optional<PartitionSet>& owned) {
  const ConsumerGroup& group = *FindConsumerGroup(step.group_id);
  const ConsumerMember& member = *group.FindMember(member_id);
  const bool was_unrevoked = member.state == MemberState::kUnrevoked;
  ConsumerMember next = Reconcile(member, group.target_epoch, owned,
                                  [&](const TopicPartition& one) { return group.IsFree(one); });
  const bool has_moved = next != member;
  const bool is_unrevoked = next.state == MemberState::kUnrevoked;
  const int64_t rebalance_ms = next.rebalance_timeout_ms;
  if (has_moved) {
    Emit(step.output, PutConsumerMember{std::string(step.group_id), member_id, std::move(next)});
  }
  TouchConsumerSession(step.output, step.group_id, member_id);
  // Each time that it is told to give up something it has its time for it.
  if (is_unrevoked ? has_moved : was_unrevoked) {
    std::optional<int64_t> revoke_ms;
    if (is_unrevoked) revoke_ms = rebalance_ms;
    SetTimer(step.output, {TimerKind::kRevoke, std::string(step.group_id), member_id}, revoke_ms);
  }
}

ConsumerHeartbeatAnswer Machine::LeaveGroup(const Step& step, const ConsumerHeartbeat& heartbeat) {
  const ConsumerGroup* group = FindConsumerGroup(step.group_id);
  if (group == nullptr) return NotAConsumerGroup(step.group_id);
  const std::string member_id(heartbeat.member_id);
  const ErrorCode error = CheckMember(*group, {heartbeat.member_id, heartbeat.instance_id});
  if (error == ErrorCode::kFencedInstanceId) return FencedInstance();
  if (error != ErrorCode::kNone) return UnknownMember(heartbeat);
  if (heartbeat.epoch == kLeaving) {
    RemoveConsumer(step, member_id);
  } else {
    ConsumerMember away = *group->FindMember(member_id);
    away.previous_epoch = std::exchange(away.epoch, kAway);
    away.revoking.clear();
    away.state = MemberState::kStable;
    SetTimer(step.output, {TimerKind::kRevoke, std::string(step.group_id), member_id},
             std::nullopt);
    Emit(step.output, PutConsumerMember{std::string(step.group_id), member_id, std::move(away)});
  }
  return {.member_id = member_id, .epoch = heartbeat.epoch, .assignment = std::nullopt};
}

}  // namespace millrace::core::group
