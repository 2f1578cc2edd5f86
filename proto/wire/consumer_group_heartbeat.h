// ConsumerGroupHeartbeat: all that a member of a consumer group has to say (KIP-848).
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct ConsumerGroupTopicPartitions {
  TopicId topic_id;
  Array<PartitionIndex> partitions;
};

template <class Archive>
void Describe(Archive& ar, ConsumerGroupTopicPartitions& topic) {
  ar.Field(topic.topic_id);
  ar.Field(topic.partitions);
  ar.Tags();
}

// None: it has not changed since the last heartbeat.
struct ConsumerGroupHeartbeatRequest {
  static constexpr MessageInfo kInfo{ApiKey::kConsumerGroupHeartbeat, 0, 1, 0};

  std::string_view group_id;
  std::string_view member_id;
  MemberEpoch member_epoch;  // 0: joins, -1: leaves, -2: leaves and will be back
  std::optional<std::string_view> instance_id;
  std::optional<std::string_view> rack_id;
  int32_t rebalance_timeout_ms = -1;  // -1: not changed
  std::optional<Array<std::string_view>> subscribed_topic_names;
  std::optional<std::string_view> subscribed_topic_regex;
  std::optional<std::string_view> server_assignor;
  std::optional<Array<ConsumerGroupTopicPartitions>> topic_partitions;
};

template <class Archive>
void Describe(Archive& ar, ConsumerGroupHeartbeatRequest& request) {
  ar.Field(request.group_id);
  ar.Field(request.member_id);
  ar.Field(request.member_epoch);
  ar.Field(request.instance_id);
  ar.Field(request.rack_id);
  ar.Field(request.rebalance_timeout_ms);
  ar.Field(request.subscribed_topic_names);
  if (ar.Since(1)) ar.Field(request.subscribed_topic_regex);
  ar.Field(request.server_assignor);
  ar.Field(request.topic_partitions);
  ar.Tags();
}

struct ConsumerGroupHeartbeatResponse {
  static constexpr MessageInfo kInfo{ApiKey::kConsumerGroupHeartbeat, 0, 1, 0};

  struct Assignment {
    Array<ConsumerGroupTopicPartitions> topic_partitions;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string_view> error_message;
  std::optional<std::string_view> member_id;
  MemberEpoch member_epoch;
  int32_t heartbeat_interval_ms = 0;
  std::optional<Assignment> assignment;  // none: it has not changed
};

template <class Archive>
void Describe(Archive& ar, ConsumerGroupHeartbeatResponse::Assignment& assignment) {
  ar.Field(assignment.topic_partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ConsumerGroupHeartbeatResponse& response) {
  ar.Field(response.throttle_time_ms);
  ar.Field(response.error_code);
  ar.Field(response.error_message);
  ar.Field(response.member_id);
  ar.Field(response.member_epoch);
  ar.Field(response.heartbeat_interval_ms);
  ar.NullableStruct(response.assignment);
  ar.Tags();
}

}  // namespace millrace::wire
