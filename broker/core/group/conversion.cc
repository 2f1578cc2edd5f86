#include "broker/core/group/conversion.h"

#include <algorithm>
#include <span>
#include <utility>

#include <absl/container/flat_hash_set.h>

#include "broker/core/group/consumer_records.h"
#include "broker/core/group/subscription.h"
#include "proto/invariant.h"
#include "proto/wire/consumer_protocol.h"

namespace millrace::core::group {

namespace {

wire::Bytes AsBytes(std::string_view text) { return std::as_bytes(std::span(text)); }

PartitionSet ToPartitions(const wire::Array<wire::ConsumerProtocolTopic>& topics,
                          const ClusterImage& image) {
  PartitionSet set;
  for (const wire::ConsumerProtocolTopic& one : topics) {
    const TopicImage* topic = image.FindTopic(one.topic);
    if (topic == nullptr) continue;
    for (PartitionIndex index : one.partitions) {
      const bool exists =
          index.value() >= 0 && static_cast<size_t>(index.value()) < topic->partitions.size();
      if (exists) set.push_back({topic->id, index});
    }
  }
  return MakeSet(std::move(set));
}

// None: it is not a consumer's. Nothing is assigned where there are no bytes.
std::optional<PartitionSet> ReadAssigned(std::string_view assignment, const ClusterImage& image) {
  if (assignment.empty()) return PartitionSet();
  wire::Arena arena;
  auto read = wire::ReadAssignment(AsBytes(assignment), arena);
  if (!read.has_value()) return std::nullopt;
  return ToPartitions(read->assigned_partitions, image);
}

bool IsNewcomer(const ClassicGroupView& group, const std::string& member_id) {
  if (group.live == nullptr) return false;
  auto waiting = group.live->joins.find(member_id);
  return waiting != group.live->joins.end() && waiting->second.is_new;
}

// What the last generation gave it, unless it has joined again since: then it has said what it
// owns, by what it joined with.
std::string_view AssignmentOf(const ClassicGroupView& group, const std::string& member_id) {
  if (group.live != nullptr && group.live->joins.contains(member_id)) return "";
  const Member* member =
      group.recorded == nullptr ? nullptr : group.recorded->FindMember(member_id);
  return member == nullptr ? std::string_view() : std::string_view(member->assignment);
}

const Protocol& ProtocolOf(const Membership& membership, const Member& member) {
  INVARIANT(!member.protocols.empty());
  const Protocol* selected = member.FindProtocol(membership.protocol.value_or(""));
  return selected == nullptr ? member.protocols.front() : *selected;
}

ConsumerMember ToConsumerMember(const Member& member, ClassicSubscription& subscription,
                                MemberEpoch epoch) {
  ConsumerMember made;
  made.instance_id = member.instance_id;
  made.rack_id = std::move(subscription.rack_id);
  made.client_id = member.client_id;
  made.client_host = member.client_host;
  made.rebalance_timeout_ms = member.rebalance_timeout_ms;
  made.topics = std::move(subscription.topics);
  made.classic = ClassicSide{member.session_timeout_ms, member.protocols};
  made.epoch = epoch;
  made.previous_epoch = epoch;
  made.gained_epoch = epoch;
  return made;
}

// Takes those that nobody has taken yet.
PartitionSet TakeFree(const PartitionSet& wanted, absl::flat_hash_set<TopicPartition>& taken) {
  PartitionSet got;
  for (const TopicPartition& one : wanted) {
    if (taken.insert(one).second) got.push_back(one);
  }
  return got;
}

// Members as they are made: what a cooperative one owned when it joined it may be reading still,
// even if the last generation did not give it back.
struct Draft {
  std::string member_id;
  ConsumerMember member;
  PartitionSet owned;
};

std::optional<Draft> Drafted(const ClassicGroupView& group, const std::string& member_id,
                             const Member& member, const ClusterImage& image) {
  auto subscription = ReadClassicSubscription(ProtocolOf(group.now, member).metadata, image);
  auto assigned = ReadAssigned(AssignmentOf(group, member_id), image);
  if (!subscription.has_value() || !assigned.has_value()) return std::nullopt;
  const MemberEpoch epoch(group.now.generation.value());
  Draft draft{member_id, ToConsumerMember(member, *subscription, epoch),
              std::move(subscription->owned)};
  draft.member.assigned = *std::move(assigned);
  return draft;
}

}  // namespace

std::optional<ClassicSubscription> ReadClassicSubscription(std::string_view metadata,
                                                           const ClusterImage& image) {
  wire::Arena arena;
  auto read = wire::ReadSubscription(AsBytes(metadata), arena);
  if (!read.has_value()) return std::nullopt;
  ClassicSubscription subscription;
  subscription.topics.assign(read->topics.begin(), read->topics.end());
  std::sort(subscription.topics.begin(), subscription.topics.end());
  subscription.topics.erase(std::unique(subscription.topics.begin(), subscription.topics.end()),
                            subscription.topics.end());
  if (!read->rack_id.value_or("").empty()) subscription.rack_id = std::string(*read->rack_id);
  subscription.owned = ToPartitions(read->owned_partitions, image);
  return subscription;
}

// Partitions of topics that were deleted meanwhile have no name.
std::string ClassicAssignment(const PartitionSet& partitions, const ClassicSide& classic,
                              const ClusterImage& image) {
  INVARIANT(!classic.protocols.empty());
  wire::Arena arena;
  std::vector<wire::ConsumerProtocolTopic> topics;
  ForEachTopic(partitions, [&](const TopicId& id, std::span<const TopicPartition> of_topic) {
    const TopicImage* topic = image.FindTopic(id);
    if (topic == nullptr) return;
    auto indices = arena.NewArray<PartitionIndex>(of_topic.size());
    for (size_t i = 0; i < of_topic.size(); ++i) indices[i] = of_topic[i].index;
    topics.push_back({topic->name, indices});
  });
  wire::ConsumerProtocolAssignment assignment;
  assignment.assigned_partitions = {topics.data(), topics.size()};
  return wire::Encode(assignment,
                      wire::ConsumerProtocolVersionOf(AsBytes(classic.protocols.front().metadata)));
}

std::optional<ConsumerGroup> ToConsumerGroup(const ClassicGroupView& group,
                                             const ClusterImage& image) {
  std::vector<Draft> drafts;
  absl::flat_hash_set<TopicPartition> taken;
  for (const auto& [id, member] : group.now.members) {
    if (IsNewcomer(group, id)) continue;
    std::optional<Draft> draft = Drafted(group, id, member, image);
    if (!draft.has_value()) return std::nullopt;
    // A leader may have given the same to two.
    draft->member.assigned = TakeFree(draft->member.assigned, taken);
    drafts.push_back(*std::move(draft));
  }
  ConsumerGroup made;
  made.epoch = MemberEpoch(group.now.generation.value());
  made.target_epoch = made.epoch;
  for (Draft& draft : drafts) {
    ConsumerMember& member = draft.member;
    member.assigned = Union(member.assigned, TakeFree(draft.owned, taken));
    member.gained = member.assigned;
    member.target = member.assigned;
    if (!FitsRecord(draft.member_id, member)) return std::nullopt;
    made.Put(draft.member_id, std::move(member));
  }
  return made;
}

// The generation is one that the members that are not behind have been told of. None was told of a
// later one.
std::optional<Membership> ToClassicGroup(const ConsumerGroup& group, const ClusterImage& image) {
  INVARIANT(group.IsAllClassic());
  if (group.CommonProtocols().empty()) return std::nullopt;
  Membership made{.generation = GenerationId(group.target_epoch.value()),
                  .state = GroupState::kPreparingRebalance,
                  .protocol_type = std::string(kConsumerProtocolType)};
  for (const auto& [id, member] : group.members) {
    Member& place = made.members[id];
    place.instance_id = member.instance_id;
    place.client_id = member.client_id;
    place.client_host = member.client_host;
    place.session_timeout_ms = member.classic->session_timeout_ms;
    place.rebalance_timeout_ms = member.rebalance_timeout_ms;
    place.protocols = member.classic->protocols;
    if (member.epoch < group.target_epoch) place.told = GenerationId(member.epoch.value());
    place.assignment =
        ClassicAssignment(Union(member.assigned, member.revoking), *member.classic, image);
  }
  made.protocol = made.SelectProtocol();
  made.leader = made.members.begin()->first;
  return made;
}

}  // namespace millrace::core::group
