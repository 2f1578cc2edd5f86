// Members of a consumer group that speak the classic protocol (KIP-848). To them the group is one
// that is led by somebody else: their generation is their epoch, they are told to join again when
// there is something to give up or to take, and SyncGroup tells them what they have. Each goes its
// own way; nobody waits for others.
#include <algorithm>
#include <utility>

#include "broker/core/group/answers.h"
#include "broker/core/group/consumer_records.h"
#include "broker/core/group/conversion.h"
#include "broker/core/group/joining.h"
#include "broker/core/group/machine.h"
#include "broker/core/group/subscription.h"
#include "proto/invariant.h"

namespace millrace::core::group {

namespace {

// Whether the joining member knows a protocol that all classic members know.
bool Supports(const ConsumerGroup& group, const Join& join) {
  if (join.protocol_type != kConsumerProtocolType || join.protocols.empty()) return false;
  if (group.classic_members == 0) return true;
  const absl::flat_hash_set<std::string_view> common = group.CommonProtocols();
  return std::ranges::any_of(join.protocols,
                             [&](const Join::Protocol& one) { return common.contains(one.name); });
}

void Update(ConsumerMember& member, const Join& join, ClassicSubscription& subscription) {
  if (join.who.instance_id.has_value()) member.instance_id = std::string(*join.who.instance_id);
  member.client_id = join.client_id;
  member.client_host = join.client_host;
  member.rack_id = std::move(subscription.rack_id);
  member.rebalance_timeout_ms = std::max(join.rebalance_timeout_ms, 0);
  member.topics = std::move(subscription.topics);
  member.regex.clear();
  member.assignor.reset();
  member.classic = ClassicSide{join.session_timeout_ms, Copy(join.protocols)};
}

// Of a sync or a heartbeat.
ErrorCode Check(const ConsumerGroup& group, const Identity& who, GenerationId generation) {
  const ErrorCode error = CheckMember(group, who);
  if (error != ErrorCode::kNone) return error;
  const ConsumerMember& member = *group.FindMember(who.member_id);
  if (!member.classic.has_value()) return ErrorCode::kUnknownMemberId;
  return generation.value() == member.epoch.value() ? ErrorCode::kNone
                                                    : ErrorCode::kIllegalGeneration;
}

bool Differs(const std::optional<std::string_view>& said, std::string_view known) {
  return said.has_value() && *said != known;
}

// Whether it waits for partitions that all are free by now.
bool MayTakeTheRest(const ConsumerGroup& group, const ConsumerMember& member) {
  return member.state == MemberState::kUnreleased &&
         std::ranges::all_of(Difference(member.target, member.assigned),
                             [&](const TopicPartition& one) { return group.IsFree(one); });
}

}  // namespace

JoinAnswer Machine::JoinConsumers(const Step& step, const Join& join) {
  const std::string_view said_id = join.who.member_id;
  auto refused = [&](ErrorCode error) { return RefusedJoin(error, said_id); };
  if (!Supports(*FindConsumerGroup(step.group_id), join)) {
    return refused(ErrorCode::kInconsistentGroupProtocol);
  }
  auto subscription = ReadClassicSubscription(join.protocols.front().metadata, *image_);
  if (!subscription.has_value()) return refused(ErrorCode::kInconsistentGroupProtocol);
  const PartitionSet owned = std::move(subscription->owned);
  Seat seat;
  const ErrorCode error = Seated(join, seat);
  if (error == ErrorCode::kMemberIdRequired) return RefusedJoin(error, seat.id);
  if (error != ErrorCode::kNone) return refused(error);
  Update(seat.member, join, *subscription);
  if (ApproximateBytes(seat.id, seat.member) > kMemberBytesMax) {
    return refused(ErrorCode::kUnknownServerError);
  }
  Take(step, seat);
  FollowUp(step, seat.change());
  Advance(step, seat.id, owned);
  NoteRejoined(step, seat.id);
  const ConsumerMember& member = *FindConsumerGroup(step.group_id)->FindMember(seat.id);
  SetTimer(step.output, {TimerKind::kSync, std::string(step.group_id), seat.id},
           member.rebalance_timeout_ms);
  return {.generation = GenerationId(member.epoch.value()),
          .protocol_type = std::string(kConsumerProtocolType),
          .protocol = member.classic->protocols.front().name,
          .leader = "",
          .member_id = seat.id,
          .members = {}};
}

// As in Kafka whoever comes with an id is let in with it: the group may have been a classic one
// when the id was given out.
ErrorCode Machine::Seated(const Join& join, Seat& seat) const {
  const ConsumerGroup& group = *FindConsumerGroup(join.group_id);
  const auto& instance_id = join.who.instance_id;
  const bool has_id = !join.who.member_id.empty();
  seat.id = has_id ? std::string(join.who.member_id) : NewMemberId(join);
  if (instance_id.has_value() && has_id) {
    const ErrorCode error = CheckMember(group, join.who);
    if (error != ErrorCode::kNone) return error;
  }
  std::optional<std::string> known_id = seat.id;
  if (instance_id.has_value()) known_id = group.FindStatic(*instance_id);
  const ConsumerMember* known = known_id.has_value() ? group.FindMember(*known_id) : nullptr;
  if (known == nullptr) {
    if (group.members.size() >= options_.consumer.members_max) {
      return ErrorCode::kGroupMaxSizeReached;
    }
    const bool needs_id = !has_id && !instance_id.has_value() && join.needs_member_id;
    return needs_id ? ErrorCode::kMemberIdRequired : ErrorCode::kNone;
  }
  seat.before = *known;
  seat.member = *known;
  if (*known_id == seat.id) return ErrorCode::kNone;
  seat.member.epoch = kJoining;
  seat.member.previous_epoch = kJoining;
  seat.replaced = *known_id;
  return ErrorCode::kNone;
}

SyncAnswer Machine::SyncConsumers(const Step& step, const Sync& sync) {
  const ConsumerGroup& group = *FindConsumerGroup(step.group_id);
  const ErrorCode error = Check(group, sync.who, sync.generation);
  if (error != ErrorCode::kNone) return RefusedSync(error);
  const std::string member_id(sync.who.member_id);
  const ConsumerMember& member = *group.FindMember(member_id);
  const std::string& protocol = member.classic->protocols.front().name;
  if (Differs(sync.protocol_type, kConsumerProtocolType) || Differs(sync.protocol, protocol)) {
    return RefusedSync(ErrorCode::kInconsistentGroupProtocol);
  }
  // What it must give up first it is told by its assignment.
  const bool is_behind =
      member.epoch < group.target_epoch && member.state != MemberState::kUnrevoked;
  if (is_behind) {
    AwaitRejoin(step, member_id, member);
    return RefusedSync(ErrorCode::kRebalanceInProgress);
  }
  SetTimer(step.output, {TimerKind::kSync, std::string(step.group_id), member_id}, std::nullopt);
  TouchConsumerSession(step.output, step.group_id, member_id);
  return {.protocol_type = std::string(kConsumerProtocolType),
          .protocol = protocol,
          .assignment = ClassicAssignment(member.assigned, *member.classic, *image_)};
}

// Where all members are classic and stay so, nobody else sees that topics have changed.
HeartbeatAnswer Machine::HeartbeatConsumers(const Step& step, const Heartbeat& heartbeat) {
  const ConsumerGroup& group = *FindConsumerGroup(step.group_id);
  const ErrorCode error = Check(group, heartbeat.who, heartbeat.generation);
  if (error != ErrorCode::kNone) return {error};
  FollowUp(step, Change::kNone);
  const std::string member_id(heartbeat.who.member_id);
  TouchConsumerSession(step.output, step.group_id, member_id);
  const ConsumerMember& member = *group.FindMember(member_id);
  const bool must_rejoin = member.epoch < group.target_epoch ||
                           member.state == MemberState::kUnrevoked || MayTakeTheRest(group, member);
  if (!must_rejoin) return {};
  AwaitRejoin(step, member_id, member);
  return {ErrorCode::kRebalanceInProgress};
}

// Once it has been told to join again it has its time for it, however often it is told.
void Machine::AwaitRejoin(const Step& step, const std::string& member_id,
                          const ConsumerMember& member) {
  ConsumerLive& live = consumer_live_[std::string(step.group_id)];
  if (!live.rejoining.insert(member_id).second) return;
  SetTimer(step.output, {TimerKind::kJoin, std::string(step.group_id), member_id},
           member.rebalance_timeout_ms);
}

void Machine::NoteRejoined(const Step& step, const std::string& member_id) {
  auto live = consumer_live_.find(step.group_id);
  if (live == consumer_live_.end() || live->second.rejoining.erase(member_id) == 0) return;
  SetTimer(step.output, {TimerKind::kJoin, std::string(step.group_id), member_id}, std::nullopt);
}

}  // namespace millrace::core::group
