// Produce: records for partitions. Topics go by name up to version 12, by id from version 13 on.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"
#include "proto/wire/leader_hint.h"

namespace millrace::wire {

// ProduceRequest::acks: answered when every in-sync replica has the records, when the leader has
// them, not at all. Other values are refused by the broker.
inline constexpr int16_t kAcksAll = -1;
inline constexpr int16_t kAcksLeader = 1;
inline constexpr int16_t kAcksNone = 0;

struct ProduceRequest {
  static constexpr MessageInfo kInfo{ApiKey::kProduce, 0, 13, 9};

  struct Partition {
    PartitionIndex index;
    Records records;  // record batches from version 3 on, before it legacy message sets
  };
  struct Topic {
    std::string_view name;
    TopicId topic_id;
    Array<Partition> partition_data;
  };

  std::optional<std::string_view> transactional_id;
  int16_t acks = 0;
  int32_t timeout_ms = 0;
  Array<Topic> topic_data;
};

template <class Archive>
void Describe(Archive& ar, ProduceRequest::Partition& partition) {
  ar.Field(partition.index);
  ar.Field(partition.records);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ProduceRequest::Topic& topic) {
  if (ar.Before(13)) ar.Field(topic.name);
  if (ar.Since(13)) ar.Field(topic.topic_id);
  ar.Field(topic.partition_data);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ProduceRequest& request) {
  if (ar.Since(3)) ar.Field(request.transactional_id);
  ar.Field(request.acks);
  ar.Field(request.timeout_ms);
  ar.Field(request.topic_data);
  ar.Tags();
}

struct ProduceResponse {
  static constexpr MessageInfo kInfo{ApiKey::kProduce, 0, 13, 9};

  struct RecordError {
    int32_t batch_index = 0;  // of the record in its batch
    std::optional<std::string_view> batch_index_error_message;
  };
  struct Partition {
    PartitionIndex index;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<Offset> base_offset;
    std::optional<TimestampMs> log_append_time_ms;  // none: the topic keeps the producers' times
    std::optional<Offset> log_start_offset;
    Array<RecordError> record_errors;
    std::optional<std::string_view> error_message;
    std::optional<LeaderIdAndEpoch> current_leader;
  };
  struct Topic {
    std::string_view name;
    TopicId topic_id;
    Array<Partition> partition_responses;
  };

  Array<Topic> responses;
  int32_t throttle_time_ms = 0;
  std::optional<Array<NodeEndpoint>> node_endpoints;
};

template <class Archive>
void Describe(Archive& ar, ProduceResponse::RecordError& error) {
  ar.Field(error.batch_index);
  ar.Field(error.batch_index_error_message);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ProduceResponse::Partition& partition) {
  ar.Field(partition.index);
  ar.Field(partition.error_code);
  ar.Optional(partition.base_offset);
  if (ar.Since(2)) ar.Optional(partition.log_append_time_ms);
  if (ar.Since(5)) ar.Optional(partition.log_start_offset);
  if (ar.Since(8)) {
    ar.Field(partition.record_errors);
    ar.Field(partition.error_message);
  }
  ar.Tags(Tag{0, partition.current_leader, 10});
}

template <class Archive>
void Describe(Archive& ar, ProduceResponse::Topic& topic) {
  if (ar.Before(13)) ar.Field(topic.name);
  if (ar.Since(13)) ar.Field(topic.topic_id);
  ar.Field(topic.partition_responses);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ProduceResponse& response) {
  ar.Field(response.responses);
  if (ar.Since(1)) ar.Field(response.throttle_time_ms);
  ar.Tags(Tag{0, response.node_endpoints, 10});
}

}  // namespace millrace::wire
