// OffsetCommit: how far a group has come in partitions. Topics go by name up to version 9, by id
// from version 10 on.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct OffsetCommitRequest {
  static constexpr MessageInfo kInfo{ApiKey::kOffsetCommit, 0, 10, 8};

  struct Partition {
    PartitionIndex partition_index;
    Offset committed_offset;
    std::optional<LeaderEpoch> committed_leader_epoch;
    std::optional<TimestampMs> commit_timestamp;  // version 1 only; none: when it arrives
    std::optional<std::string_view> committed_metadata;
  };
  struct Topic {
    std::string_view name;
    TopicId topic_id;
    Array<Partition> partitions;
  };

  std::string_view group_id;
  // None: not from a member. A consumer group's member sends its epoch here.
  std::optional<GenerationId> generation_id_or_member_epoch;
  std::string_view member_id;
  std::optional<std::string_view> group_instance_id;
  std::optional<int64_t> retention_time_ms;  // versions 2 to 4; none: the broker's
  Array<Topic> topics;
};

template <class Archive>
void Describe(Archive& ar, OffsetCommitRequest::Partition& partition) {
  ar.Field(partition.partition_index);
  ar.Field(partition.committed_offset);
  if (ar.Since(6)) ar.Optional(partition.committed_leader_epoch);
  if (ar.Since(1) && ar.Before(2)) ar.Optional(partition.commit_timestamp);
  ar.Field(partition.committed_metadata);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, OffsetCommitRequest::Topic& topic) {
  if (ar.Before(10)) ar.Field(topic.name);
  if (ar.Since(10)) ar.Field(topic.topic_id);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, OffsetCommitRequest& request) {
  ar.Field(request.group_id);
  if (ar.Since(1)) {
    ar.Optional(request.generation_id_or_member_epoch);
    ar.Field(request.member_id);
  }
  if (ar.Since(7)) ar.Field(request.group_instance_id);
  if (ar.Since(2) && ar.Before(5)) ar.Optional(request.retention_time_ms);
  ar.Field(request.topics);
  ar.Tags();
}

struct OffsetCommitResponse {
  static constexpr MessageInfo kInfo{ApiKey::kOffsetCommit, 0, 10, 8};

  struct Partition {
    PartitionIndex partition_index;
    ErrorCode error_code = ErrorCode::kNone;
  };
  struct Topic {
    std::string_view name;
    TopicId topic_id;
    Array<Partition> partitions;
  };

  int32_t throttle_time_ms = 0;
  Array<Topic> topics;
};

template <class Archive>
void Describe(Archive& ar, OffsetCommitResponse::Partition& partition) {
  ar.Field(partition.partition_index);
  ar.Field(partition.error_code);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, OffsetCommitResponse::Topic& topic) {
  if (ar.Before(10)) ar.Field(topic.name);
  if (ar.Since(10)) ar.Field(topic.topic_id);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, OffsetCommitResponse& response) {
  if (ar.Since(3)) ar.Field(response.throttle_time_ms);
  ar.Field(response.topics);
  ar.Tags();
}

}  // namespace millrace::wire
