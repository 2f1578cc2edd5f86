// OffsetForLeaderEpoch: where the records of a leader epoch end.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct OffsetForLeaderEpochRequest {
  static constexpr MessageInfo kInfo{ApiKey::kOffsetForLeaderEpoch, 0, 4, 4};

  struct Partition {
    PartitionIndex partition;
    std::optional<LeaderEpoch> current_leader_epoch;
    LeaderEpoch leader_epoch;  // the one that is asked about
  };
  struct Topic {
    std::string_view topic;
    Array<Partition> partitions;
  };

  std::optional<BrokerId> replica_id;  // none: a consumer
  Array<Topic> topics;
};

template <class Archive>
void Describe(Archive& ar, OffsetForLeaderEpochRequest::Partition& partition) {
  ar.Field(partition.partition);
  if (ar.Since(2)) ar.Optional(partition.current_leader_epoch);
  ar.Field(partition.leader_epoch);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, OffsetForLeaderEpochRequest::Topic& topic) {
  ar.Field(topic.topic);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, OffsetForLeaderEpochRequest& request) {
  if (ar.Since(3)) ar.Optional(request.replica_id);
  ar.Field(request.topics);
  ar.Tags();
}

struct OffsetForLeaderEpochResponse {
  static constexpr MessageInfo kInfo{ApiKey::kOffsetForLeaderEpoch, 0, 4, 4};

  struct Partition {
    ErrorCode error_code = ErrorCode::kNone;
    PartitionIndex partition;
    std::optional<LeaderEpoch> leader_epoch;  // the largest that is not above the one asked about
    std::optional<Offset> end_offset;         // the first one behind it
  };
  struct Topic {
    std::string_view topic;
    Array<Partition> partitions;
  };

  int32_t throttle_time_ms = 0;
  Array<Topic> topics;
};

template <class Archive>
void Describe(Archive& ar, OffsetForLeaderEpochResponse::Partition& partition) {
  ar.Field(partition.error_code);
  ar.Field(partition.partition);
  if (ar.Since(1)) ar.Optional(partition.leader_epoch);
  ar.Optional(partition.end_offset);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, OffsetForLeaderEpochResponse::Topic& topic) {
  ar.Field(topic.topic);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, OffsetForLeaderEpochResponse& response) {
  if (ar.Since(2)) ar.Field(response.throttle_time_ms);
  ar.Field(response.topics);
  ar.Tags();
}

}  // namespace millrace::wire
