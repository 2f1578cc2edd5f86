// Consumers that speak the classic protocol, as real ones do: they say what they own when they
// join, eager ones after giving up everything, and read of their assignment what they have.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/group/conversion.h"
#include "proto/wire/consumer_protocol.h"
#include "tests/broker/core/group/consumer_support.h"

namespace millrace::core::group {

inline std::vector<wire::ConsumerProtocolTopic> TopicsOf(const PartitionSet& set,
                                                         const ClusterImage& image,
                                                         wire::Arena& arena) {
  std::vector<wire::ConsumerProtocolTopic> topics;
  ForEachTopic(set, [&](const TopicId& id, std::span<const TopicPartition> of_topic) {
    const TopicImage* topic = image.FindTopic(id);
    if (topic == nullptr) return;
    auto indices = arena.NewArray<PartitionIndex>(of_topic.size());
    for (size_t i = 0; i < of_topic.size(); ++i) indices[i] = of_topic[i].index;
    topics.push_back({topic->name, indices});
  });
  return topics;
}

inline std::string EncodedAssignment(const PartitionSet& set, const ClusterImage& image) {
  wire::Arena arena;
  std::vector<wire::ConsumerProtocolTopic> topics = TopicsOf(set, image, arena);
  wire::ConsumerProtocolAssignment assignment;
  assignment.assigned_partitions = {topics.data(), topics.size()};
  return wire::Encode(assignment, 1);
}

inline std::optional<PartitionSet> DecodedAssignment(std::string_view bytes,
                                                     const ClusterImage& image) {
  if (bytes.empty()) return PartitionSet();
  wire::Arena arena;
  auto read = wire::ReadAssignment(std::as_bytes(std::span(bytes)), arena);
  if (!read.has_value()) return std::nullopt;
  PartitionSet set;
  for (const auto& topic : read->assigned_partitions) {
    const TopicImage* found = image.FindTopic(topic.topic);
    if (found == nullptr) continue;
    for (PartitionIndex index : topic.partitions) set.push_back({found->id, index});
  }
  return MakeSet(set);
}

struct ClassicConsumer {
  std::string id = {};
  GenerationId generation{-1};
  std::vector<std::string> topics = {"orders"};
  std::optional<std::string> instance_id = std::nullopt;
  bool is_cooperative = false;
  PartitionSet owned = {};

  std::string Metadata(const ClusterImage& image) const {
    wire::Arena arena;
    std::vector<std::string_view> names(topics.begin(), topics.end());
    std::vector<wire::ConsumerProtocolTopic> owned_topics = TopicsOf(owned, image, arena);
    wire::ConsumerProtocolSubscription subscription;
    subscription.topics = {names.data(), names.size()};
    subscription.owned_partitions = {owned_topics.data(), owned_topics.size()};
    return wire::Encode(subscription, 3);
  }

  std::string_view protocol() const { return is_cooperative ? "cooperative-sticky" : "range"; }

  JoinOptions How(const ClusterImage& image) const {
    JoinOptions how{.protocols = {{std::string(protocol()), Metadata(image)}}};
    if (instance_id.has_value()) how.instance_id = *instance_id;
    return how;
  }
};

// One JoinGroup that is answered at once.
inline JoinAnswer JoinOnce(Harness& harness, std::string_view group, ClassicConsumer& consumer,
                           const ClusterImage& image) {
  if (!consumer.is_cooperative) consumer.owned.clear();
  JoinAnswer answer = harness.Join(group, consumer.id, consumer.How(image));
  if (answer.error == ErrorCode::kMemberIdRequired) consumer.id = answer.member_id;
  if (answer.error != ErrorCode::kNone) return answer;
  consumer.id = answer.member_id;
  consumer.generation = *answer.generation;
  return answer;
}

// Takes what it is told to have; false: a cooperative one has given up something, and has to say
// so.
inline bool Take(ClassicConsumer& consumer, const SyncAnswer& answer, const ClusterImage& image) {
  const std::optional<PartitionSet> given = DecodedAssignment(answer.assignment, image);
  REQUIRE(given.has_value());
  const PartitionSet before = std::exchange(consumer.owned, *given);
  return Includes(*given, before);
}

inline SyncAnswer SyncOnce(Harness& harness, std::string_view group,
                           const ClassicConsumer& consumer) {
  JoinAnswer joined{.generation = consumer.generation, .member_id = consumer.id, .members = {}};
  std::optional<std::string_view> instance_id;
  if (consumer.instance_id.has_value()) instance_id = *consumer.instance_id;
  return harness.Synced(harness.SendSync(group, joined, {}, instance_id));
}

inline ErrorCode BeatOnce(Harness& harness, std::string_view group,
                          const ClassicConsumer& consumer) {
  std::optional<std::string_view> instance_id;
  if (consumer.instance_id.has_value()) instance_id = *consumer.instance_id;
  return harness.Heartbeat(group, consumer.id, consumer.generation.value(), instance_id);
}

// Joins until it has its assignment, in a group that answers at once.
inline void Enter(Harness& harness, std::string_view group, ClassicConsumer& consumer,
                  const ClusterImage& image) {
  for (int round = 0; round < 4; ++round) {
    if (JoinOnce(harness, group, consumer, image).error != ErrorCode::kNone) continue;
    SyncAnswer synced = SyncOnce(harness, group, consumer);
    if (synced.error == ErrorCode::kNone && Take(consumer, synced, image)) return;
  }
  FAIL("it has not entered");
}

// What a heartbeat of it leads to.
inline void Beat(Harness& harness, std::string_view group, ClassicConsumer& consumer,
                 const ClusterImage& image) {
  const ErrorCode error = BeatOnce(harness, group, consumer);
  if (error == ErrorCode::kRebalanceInProgress) return Enter(harness, group, consumer, image);
  REQUIRE(error == ErrorCode::kNone);
}

inline TimerId RejoinOf(std::string_view group, std::string_view member_id) {
  return {TimerKind::kJoin, std::string(group), std::string(member_id)};
}
inline TimerId SyncOf(std::string_view group, std::string_view member_id) {
  return {TimerKind::kSync, std::string(group), std::string(member_id)};
}

}  // namespace millrace::core::group
