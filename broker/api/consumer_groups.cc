// ConsumerGroupHeartbeat and ConsumerGroupDescribe: groups whose members the coordinator gives
// their partitions.
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "broker/api/drop_repeated.h"
#include "broker/api/group_text.h"
#include "broker/api/handlers.h"
#include "proto/cut_text.h"

namespace millrace::api {

namespace {

using core::group::ConsumerDescribeAnswer;
using core::group::ConsumerGroup;
using core::group::ConsumerHeartbeat;
using core::group::ConsumerHeartbeatAnswer;
using core::group::ConsumerMember;
using core::group::ForEachTopic;
using core::group::PartitionSet;
using core::group::TopicPartition;
using Described = wire::ConsumerGroupDescribeResponse;

constexpr int16_t kMemberIdIsMandatorySince = 1;
// Which protocol a member speaks.
constexpr int8_t kClassicMember = 0;
constexpr int8_t kConsumerMember = 1;
constexpr size_t kDescribedBytesMax = 64 << 20;
// More than any cluster has.
constexpr size_t kOwnedMax = 1'000'000;

size_t OwnedCount(const wire::ConsumerGroupHeartbeatRequest& request) {
  size_t count = 0;
  if (!request.topic_partitions.has_value()) return count;
  for (const auto& topic : *request.topic_partitions) count += topic.partitions.size();
  return count;
}

PartitionSet MakeOwned(const wire::Array<wire::ConsumerGroupTopicPartitions>& topics) {
  PartitionSet owned;
  for (const auto& topic : topics) {
    for (PartitionIndex index : topic.partitions) owned.push_back({topic.topic_id, index});
  }
  return core::group::MakeSet(std::move(owned));
}

ConsumerHeartbeat MakeHeartbeat(const Context& context,
                                const wire::ConsumerGroupHeartbeatRequest& request) {
  ConsumerHeartbeat heartbeat{.group_id = request.group_id,
                              .member_id = request.member_id,
                              .epoch = request.member_epoch,
                              .instance_id = request.instance_id,
                              .rack_id = request.rack_id,
                              .rebalance_timeout_ms = std::nullopt,
                              .topics = std::nullopt,
                              .regex = request.subscribed_topic_regex,
                              .assignor = request.server_assignor,
                              .owned = std::nullopt,
                              .client_id = context.client_id.value_or(""),
                              .client_host = context.arena().Copy(ClientHost(context.peer.address)),
                              .may_lack_member_id = context.version < kMemberIdIsMandatorySince,
                              .fresh_id = context.arena().Copy(UuidText(FreshRandomBytes()))};
  if (request.rebalance_timeout_ms >= 0) {
    heartbeat.rebalance_timeout_ms = request.rebalance_timeout_ms;
  }
  if (request.subscribed_topic_names.has_value()) {
    heartbeat.topics = {request.subscribed_topic_names->begin(),
                        request.subscribed_topic_names->size()};
  }
  if (request.topic_partitions.has_value()) {
    heartbeat.owned = MakeOwned(*request.topic_partitions);
  }
  return heartbeat;
}

wire::Array<PartitionIndex> IndicesOf(wire::Arena& arena,
                                      std::span<const TopicPartition> partitions) {
  auto indices = arena.NewArray<PartitionIndex>(partitions.size());
  for (size_t i = 0; i < partitions.size(); ++i) indices[i] = partitions[i].index;
  return indices;
}

size_t TopicCount(const PartitionSet& set) {
  size_t count = 0;
  ForEachTopic(set, [&count](const TopicId&, const auto&) { ++count; });
  return count;
}

wire::ConsumerGroupHeartbeatResponse MakeResponse(wire::Arena& arena,
                                                  const ConsumerHeartbeatAnswer& answer) {
  wire::ConsumerGroupHeartbeatResponse response;
  response.error_code = answer.error;
  if (!answer.message.empty()) {
    response.error_message = CutText(answer.message, wire::kStringBytesMax);
  }
  if (answer.error != ErrorCode::kNone) return response;
  response.member_id = answer.member_id;
  response.member_epoch = answer.epoch;
  response.heartbeat_interval_ms = answer.interval_ms;
  if (!answer.assignment.has_value()) return response;
  auto topics = arena.NewArray<wire::ConsumerGroupTopicPartitions>(TopicCount(*answer.assignment));
  size_t next = 0;
  ForEachTopic(*answer.assignment, [&](const TopicId& topic, const auto& partitions) {
    topics[next++] = {topic, IndicesOf(arena, partitions)};
  });
  response.assignment.emplace();
  response.assignment->topic_partitions = topics;
  return response;
}

// Partitions of topics that were deleted meanwhile are nobody's.
Described::Assignment MakeAssignment(const Context& context, const core::ClusterImage& image,
                                     const PartitionSet& set) {
  wire::Arena& arena = context.arena();
  auto topics = arena.NewArray<Described::TopicPartitions>(TopicCount(set));
  size_t kept = 0;
  ForEachTopic(set, [&](const TopicId& id, const auto& partitions) {
    const core::TopicImage* topic = image.FindTopic(id);
    if (topic != nullptr) topics[kept++] = {id, topic->name, IndicesOf(arena, partitions)};
  });
  topics.Shrink(kept);
  return {topics};
}

void PutMember(const Context& context, const core::ClusterImage& image,
               const ConsumerMember& member, Described::Member& entry) {
  wire::Arena& arena = context.arena();
  if (member.instance_id.has_value()) entry.instance_id = arena.Copy(*member.instance_id);
  if (member.rack_id.has_value()) entry.rack_id = arena.Copy(*member.rack_id);
  entry.member_epoch = member.epoch;
  entry.client_id = arena.Copy(member.client_id);
  entry.client_host = arena.Copy(member.client_host);
  entry.subscribed_topic_names = arena.NewArray<std::string_view>(member.topics.size());
  for (size_t i = 0; i < member.topics.size(); ++i) {
    entry.subscribed_topic_names[i] = arena.Copy(member.topics[i]);
  }
  if (!member.regex.empty()) entry.subscribed_topic_regex = arena.Copy(member.regex);
  entry.assignment = MakeAssignment(context, image, member.assigned);
  entry.target_assignment = MakeAssignment(context, image, member.target);
  entry.member_type = member.classic.has_value() ? kClassicMember : kConsumerMember;
}

size_t BytesOf(const core::ClusterImage& image, const PartitionSet& set) {
  constexpr size_t kPerTopic = 24;
  size_t bytes = set.size() * sizeof(PartitionIndex);
  ForEachTopic(set, [&](const TopicId& id, const auto&) {
    const core::TopicImage* topic = image.FindTopic(id);
    bytes += kPerTopic + (topic == nullptr ? 0 : topic->name.size());
  });
  return bytes;
}

// About what a group takes in an answer.
size_t BytesOf(const core::ClusterImage& image, const ConsumerGroup& group) {
  constexpr size_t kPerMember = 128;
  size_t bytes = 0;
  for (const auto& [id, member] : group.members) {
    bytes += kPerMember + id.size() + member.client_id.size() + member.regex.size();
    for (const std::string& topic : member.topics) bytes += sizeof(int32_t) + topic.size();
    bytes += BytesOf(image, member.assigned) + BytesOf(image, member.target);
  }
  return bytes;
}

void PutGroup(const Context& context, const core::ClusterImage& image,
              const ConsumerDescribeAnswer& answer, Described::Group& group) {
  const ConsumerGroup& described = answer.group;
  group.group_state = core::group::StateName(described.State());
  group.group_epoch = described.epoch;
  group.assignment_epoch = described.target_epoch;
  group.assignor_name = core::group::AssignorName(answer.assignor);
  group.members = context.arena().NewArray<Described::Member>(described.members.size());
  size_t next = 0;
  for (const auto& [id, member] : described.members) {
    Described::Member& entry = group.members[next++];
    entry.member_id = context.arena().Copy(id);
    PutMember(context, image, member, entry);
  }
}

}  // namespace

awaitable<void> HandleConsumerGroupHeartbeat(Context& context,
                                             wire::ConsumerGroupHeartbeatRequest& request,
                                             AnswerSlot slot) {
  if (OwnedCount(request) > kOwnedMax) {
    wire::ConsumerGroupHeartbeatResponse response;
    response.error_code = ErrorCode::kInvalidRequest;
    response.error_message = "TopicPartitions has too many partitions.";
    Answer(context, slot, response);
    co_return;
  }
  ConsumerHeartbeat heartbeat = MakeHeartbeat(context, request);
  ConsumerHeartbeatAnswer answer = co_await context.services.groups.Call(std::move(heartbeat));
  Answer(context, slot, MakeResponse(context.arena(), answer));
}

awaitable<void> HandleConsumerGroupDescribe(Context& context,
                                            wire::ConsumerGroupDescribeRequest& request,
                                            AnswerSlot slot) {
  Described response;
  core::ImagePtr image = context.services.cluster.ptr();
  DropRepeated(request.group_ids, std::identity());
  response.groups = context.arena().NewArray<Described::Group>(request.group_ids.size());
  size_t bytes = 0;
  for (size_t i = 0; i < request.group_ids.size(); ++i) {
    Described::Group& group = response.groups[i];
    group.group_id = request.group_ids[i];
    core::group::ConsumerDescribe describe{.group_id = group.group_id};
    ConsumerDescribeAnswer answer = co_await context.services.groups.Call(describe);
    group.error_code = answer.error;
    bytes += answer.error == ErrorCode::kNone ? BytesOf(*image, answer.group) : 0;
    if (bytes > kDescribedBytesMax) {
      group.error_code = ErrorCode::kInvalidRequest;
      group.error_message = "The answer would be too large: ask for fewer groups.";
    } else if (answer.error == ErrorCode::kNone) {
      PutGroup(context, *image, answer, group);
      if (request.include_authorized_operations) group.authorized_operations = kAllGroupOperations;
    } else if (answer.error == ErrorCode::kGroupIdNotFound) {
      group.error_message =
          context.arena().Copy(GroupText(group.group_id, "is not a consumer group"));
    }
  }
  Answer(context, slot, response);
}

}  // namespace millrace::api
