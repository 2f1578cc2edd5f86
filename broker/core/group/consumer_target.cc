// What becomes of a consumer group when its members or their topics have changed: a new epoch, and
// a target for it.
#include <algorithm>
#include <type_traits>
#include <utility>

#include "broker/core/group/consumer_records.h"
#include "broker/core/group/machine.h"
#include "broker/core/group/readable_topics.h"
#include "proto/invariant.h"

namespace millrace::core::group {

// In a compacted log the record of a member may come before that of its group.
ConsumerGroup& Machine::ConsumerGroupOf(const std::string& group_id) {
  Group& group = groups_[group_id];
  if (!group.consumer.has_value()) {
    group.membership = {};
    group.consumer.emplace();
  }
  return *group.consumer;
}

void Machine::PutEpochs(const Step& step, MemberEpoch epoch, MemberEpoch target_epoch,
                        uint64_t hash) {
  const ConsumerGroup* before = FindConsumerGroup(step.group_id);
  INVARIANT(before == nullptr || (epoch >= before->epoch && target_epoch >= before->target_epoch));
  INVARIANT(target_epoch <= epoch);
  const bool is_empty = before == nullptr || before->members.empty();
  Emit(step.output, PutConsumerGroup{.group_id = std::string(step.group_id),
                                     .epoch = epoch,
                                     .target_epoch = target_epoch,
                                     .topics_hash = hash,
                                     .state_since = is_empty ? step.now : before->state_since});
}

// After every heartbeat: has anything changed that asks for another target? Members that come and
// go at about the same time share one, and only what comes of it looks at all the subscriptions.
void Machine::FollowUp(const Step& step, Change change) {
  const ConsumerGroup& group = *FindConsumerGroup(step.group_id);
  ConsumerLive& live = consumer_live_[std::string(step.group_id)];
  if (change != Change::kNone) {
    PutEpochs(step, group.epoch + 1, group.target_epoch, group.topics_hash);
  }
  const bool may_make = !live.has_new_target || change == Change::kOtherTopics;
  const bool is_behind = group.epoch > group.target_epoch;
  if (is_behind ? !may_make : live.seen == image_) return;
  ReadableTopics topics(group, *image_);
  live.seen = image_;
  if (!is_behind) {
    if (topics.hash() == group.topics_hash) return;
    PutEpochs(step, group.epoch + 1, group.target_epoch, topics.hash());
  }
  if (may_make) MakeTarget(step, topics);
}

void Machine::MakeTarget(const Step& step, const ReadableTopics& topics) {
  const ConsumerGroup& group = *FindConsumerGroup(step.group_id);
  std::vector<Subscriber> subscribers;
  subscribers.reserve(group.members.size());
  for (const auto& [id, member] : group.members) {
    subscribers.push_back({id, member.instance_id, topics.Of(member), &member.target});
  }
  std::vector<PartitionSet> targets = Assign(AssignorOf(group), subscribers, topics.topics());
  std::vector<PutConsumerMember> changed;
  size_t next = 0;
  for (const auto& [id, member] : group.members) {
    PartitionSet& target = targets[next++];
    KeepWhatFits(target);
    if (target == member.target) continue;
    changed.push_back({std::string(step.group_id), id, member});
    changed.back().member.target = std::move(target);
  }
  for (PutConsumerMember& one : changed) Emit(step.output, std::move(one));
  PutEpochs(step, group.epoch, group.epoch, topics.hash());
  const int64_t interval_ms = SettingsOf(step.group_id).assignment_interval_ms;
  if (interval_ms <= 0) return;
  consumer_live_[std::string(step.group_id)].has_new_target = true;
  SetTimer(step.output, {TimerKind::kAssign, std::string(step.group_id), ""}, interval_ms);
}

void Machine::OnAssignTimeout(const Step& step) {
  auto live = consumer_live_.find(step.group_id);
  if (live == consumer_live_.end()) return;
  live->second.has_new_target = false;
  if (FindConsumerGroup(step.group_id) != nullptr) FollowUp(step, Change::kNone);
}

Machine::ConsumerSettings Machine::SettingsOf(std::string_view group_id) const {
  const ConsumerOptions& usual = options_.consumer;
  ConsumerSettings settings{usual.session_timeout_ms, usual.heartbeat_interval_ms,
                            usual.assignment_interval_ms};
  auto found = image_->groups->find(group_id);
  if (found == image_->groups->end()) return settings;
  Properties own(PropertyScope::kGroup);
  for (const auto& [name, value] : found->second) static_cast<void>(own.Set(name, value));
  auto take = [&own](std::string_view name, auto& setting) {
    if (own.IsSet(name)) setting = static_cast<std::decay_t<decltype(setting)>>(own.Integer(name));
  };
  take("consumer.session.timeout.ms", settings.session_timeout_ms);
  take("consumer.heartbeat.interval.ms", settings.heartbeat_interval_ms);
  take("consumer.assignment.interval.ms", settings.assignment_interval_ms);
  return settings;
}

// What most members ask for; of several the one that stands first in the options.
Assignor Machine::AssignorOf(const ConsumerGroup& group) const {
  INVARIANT(!options_.consumer.assignors.empty());
  std::map<Assignor, int> votes;
  for (const auto& [id, member] : group.members) {
    if (!member.assignor.has_value()) continue;
    std::optional<Assignor> liked = FindAssignor(*member.assignor);
    if (liked.has_value()) ++votes[*liked];
  }
  return *std::ranges::max_element(options_.consumer.assignors, {},
                                   [&](Assignor one) { return votes[one]; });
}

// Does nothing where there is no such member.
void Machine::RemoveConsumer(const Step& step, const std::string& member_id) {
  const ConsumerGroup* group = FindConsumerGroup(step.group_id);
  if (group == nullptr || group->FindMember(member_id) == nullptr) return;
  const std::string group_id(step.group_id);
  Emit(step.output, DeleteConsumerMember{group_id, member_id});
  CancelTimers(step, member_id);
  const MemberEpoch epoch = group->epoch + 1;
  if (!group->members.empty()) {
    // The next heartbeat makes the target.
    return PutEpochs(step, epoch, group->target_epoch, group->topics_hash);
  }
  consumer_live_.erase(group_id);
  SetTimer(step.output, {TimerKind::kAssign, group_id, ""}, std::nullopt);
  PutEpochs(step, epoch, epoch, 0);
}

void Machine::CancelTimers(const Step& step, const std::string& member_id) {
  using enum TimerKind;
  for (TimerKind kind : {kSession, kRevoke, kJoin, kSync}) {
    SetTimer(step.output, {kind, std::string(step.group_id), member_id}, std::nullopt);
  }
  auto live = consumer_live_.find(step.group_id);
  if (live != consumer_live_.end()) live->second.rejoining.erase(member_id);
}

void Machine::TouchConsumerSession(Output& output, std::string_view group_id,
                                   const std::string& member_id) const {
  const ConsumerMember& member = *FindConsumerGroup(group_id)->FindMember(member_id);
  SetTimer(output, {TimerKind::kSession, std::string(group_id), member_id},
           member.classic.has_value() ? member.classic->session_timeout_ms
                                      : SettingsOf(group_id).session_timeout_ms);
}

// The member was heard of. What it must give up it must give up in time.
void Machine::TouchConsumer(Output& output, std::string_view group_id,
                            const std::string& member_id) const {
  const ConsumerMember& member = *FindConsumerGroup(group_id)->FindMember(member_id);
  TouchConsumerSession(output, group_id, member_id);
  if (member.state != MemberState::kUnrevoked) return;
  SetTimer(output, {TimerKind::kRevoke, std::string(group_id), member_id},
           member.rebalance_timeout_ms);
}

void Machine::OnRevokeTimeout(const Step& step, const std::string& member_id) {
  const ConsumerGroup* group = FindConsumerGroup(step.group_id);
  const ConsumerMember* member = group == nullptr ? nullptr : group->FindMember(member_id);
  if (member == nullptr || member->state != MemberState::kUnrevoked) return;
  RemoveConsumer(step, member_id);
}

}  // namespace millrace::core::group
