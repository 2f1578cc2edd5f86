// A cluster's topics, and members of consumer groups that do what the coordinator tells them.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/broker/core/group/support.h"

namespace millrace::core::group {

// Topics by name and size; the place in the list, from 1 on, is the topic's number.
inline ImagePtr ImageOf(const std::vector<std::pair<std::string, int32_t>>& topics) {
  auto image = std::make_shared<ClusterImage>();
  uint8_t number = 0;
  for (const auto& [name, partitions] : topics) {
    auto topic = std::make_shared<TopicImage>();
    topic->name = name;
    topic->id = TopicNumber(++number);
    topic->is_internal = name.starts_with("__");
    topic->partitions.resize(static_cast<size_t>(partitions));
    image->PutTopic(topic);
  }
  return image;
}

inline PartitionSet PartitionsOf(uint8_t topic, const std::vector<int32_t>& indices) {
  PartitionSet set;
  for (int32_t index : indices) set.push_back({TopicNumber(topic), PartitionIndex(index)});
  return MakeSet(set);
}

// A member as a client sees itself.
struct Consumer {
  std::string id;
  MemberEpoch epoch{0};
  std::vector<std::string> topics = {"orders"};
  std::optional<std::string> instance_id = std::nullopt;
  std::string regex = {};
  std::optional<std::string> assignor = std::nullopt;
  PartitionSet owned = {};

  // Everything that there is to say.
  ConsumerHeartbeat Full(std::string_view group, std::vector<std::string_view>& names) const {
    names.assign(topics.begin(), topics.end());
    ConsumerHeartbeat heartbeat{.group_id = group,
                                .member_id = id,
                                .epoch = epoch,
                                .instance_id = std::nullopt,
                                .rack_id = std::nullopt,
                                .rebalance_timeout_ms = 60'000,
                                .topics = std::span<const std::string_view>(names),
                                .regex = regex,
                                .assignor = std::nullopt,
                                .owned = owned,
                                .client_id = "client",
                                .client_host = "/127.0.0.1"};
    if (instance_id.has_value()) heartbeat.instance_id = *instance_id;
    if (assignor.has_value()) heartbeat.assignor = *assignor;
    return heartbeat;
  }

  void Take(const ConsumerHeartbeatAnswer& answer) {
    epoch = answer.epoch;
    if (answer.assignment.has_value()) owned = *answer.assignment;
  }
};

inline ConsumerHeartbeatAnswer Beat(Harness& harness, std::string_view group, Consumer& consumer) {
  std::vector<std::string_view> names;
  ConsumerHeartbeatAnswer answer = harness.Ask(consumer.Full(group, names));
  if (answer.error == ErrorCode::kNone) consumer.Take(answer);
  return answer;
}

// A heartbeat that says nothing new.
inline ConsumerHeartbeatAnswer BriefBeat(Harness& harness, std::string_view group,
                                         const Consumer& consumer) {
  return harness.Ask(ConsumerHeartbeat{.group_id = group,
                                       .member_id = consumer.id,
                                       .epoch = consumer.epoch,
                                       .instance_id = std::nullopt,
                                       .rack_id = std::nullopt,
                                       .rebalance_timeout_ms = std::nullopt,
                                       .topics = std::nullopt,
                                       .regex = std::nullopt,
                                       .assignor = std::nullopt,
                                       .owned = std::nullopt,
                                       .client_id = "client",
                                       .client_host = "/127.0.0.1"});
}

inline ConsumerHeartbeatAnswer LeaveWith(Harness& harness, std::string_view group,
                                         Consumer consumer, MemberEpoch epoch) {
  consumer.epoch = epoch;
  std::vector<std::string_view> names;
  return harness.Ask(consumer.Full(group, names));
}

inline TimerId RevokeOf(std::string_view group, std::string_view member_id) {
  return {TimerKind::kRevoke, std::string(group), std::string(member_id)};
}
inline TimerId AssignOf(std::string_view group) {
  return {TimerKind::kAssign, std::string(group), ""};
}

}  // namespace millrace::core::group
