// DescribeTopicPartitions: as Metadata for topics, a page at a time.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/authorized_operations.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

// Where the next page begins.
struct TopicPartitionCursor {
  std::string_view topic_name;
  PartitionIndex partition_index;
};

template <class Archive>
void Describe(Archive& ar, TopicPartitionCursor& cursor) {
  ar.Field(cursor.topic_name);
  ar.Field(cursor.partition_index);
  ar.Tags();
}

struct DescribeTopicPartitionsRequest {
  static constexpr MessageInfo kInfo{ApiKey::kDescribeTopicPartitions, 0, 0, 0};

  struct Topic {
    std::string_view name;
  };

  Array<Topic> topics;  // empty: all
  int32_t response_partition_limit = 2000;
  std::optional<TopicPartitionCursor> cursor;  // none: from the first
};

template <class Archive>
void Describe(Archive& ar, DescribeTopicPartitionsRequest::Topic& topic) {
  ar.Field(topic.name);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeTopicPartitionsRequest& request) {
  ar.Field(request.topics);
  ar.Field(request.response_partition_limit);
  ar.NullableStruct(request.cursor);
  ar.Tags();
}

struct DescribeTopicPartitionsResponse {
  static constexpr MessageInfo kInfo{ApiKey::kDescribeTopicPartitions, 0, 0, 0};

  struct Partition {
    ErrorCode error_code = ErrorCode::kNone;
    PartitionIndex partition_index;
    std::optional<BrokerId> leader_id;
    std::optional<LeaderEpoch> leader_epoch;
    Array<BrokerId> replica_nodes;
    Array<BrokerId> isr_nodes;
    std::optional<Array<BrokerId>> eligible_leader_replicas;
    std::optional<Array<BrokerId>> last_known_elr;
    Array<BrokerId> offline_replicas;
  };
  struct Topic {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string_view> name;
    TopicId topic_id;
    bool is_internal = false;
    Array<Partition> partitions;
    int32_t topic_authorized_operations = kOperationsNotRequested;
  };

  int32_t throttle_time_ms = 0;
  Array<Topic> topics;
  std::optional<TopicPartitionCursor> next_cursor;  // none: there is no more
};

template <class Archive>
void Describe(Archive& ar, DescribeTopicPartitionsResponse::Partition& partition) {
  ar.Field(partition.error_code);
  ar.Field(partition.partition_index);
  ar.Optional(partition.leader_id);
  ar.Optional(partition.leader_epoch);
  ar.Field(partition.replica_nodes);
  ar.Field(partition.isr_nodes);
  ar.Field(partition.eligible_leader_replicas);
  ar.Field(partition.last_known_elr);
  ar.Field(partition.offline_replicas);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeTopicPartitionsResponse::Topic& topic) {
  ar.Field(topic.error_code);
  ar.Field(topic.name);
  ar.Field(topic.topic_id);
  ar.Field(topic.is_internal);
  ar.Field(topic.partitions);
  ar.Field(topic.topic_authorized_operations);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeTopicPartitionsResponse& response) {
  ar.Field(response.throttle_time_ms);
  ar.Field(response.topics);
  ar.NullableStruct(response.next_cursor);
  ar.Tags();
}

}  // namespace millrace::wire
