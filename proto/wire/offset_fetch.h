// OffsetFetch: what a group has committed. One group up to version 7, several from version 8 on;
// topics go by name up to version 9, by id from version 10 on.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct OffsetFetchRequest {
  static constexpr MessageInfo kInfo{ApiKey::kOffsetFetch, 0, 10, 6};

  struct Topic {
    std::string_view name;
    TopicId topic_id;
    Array<PartitionIndex> partition_indexes;
  };
  struct Group {
    std::string_view group_id;
    std::optional<std::string_view> member_id;
    std::optional<MemberEpoch> member_epoch;
    std::optional<Array<Topic>> topics;  // none: whatever the group has committed
  };

  // Up to version 7: the one group.
  std::string_view group_id;
  std::optional<Array<Topic>> topics;  // none (from version 2 on): whatever it has committed
  // From version 8 on.
  Array<Group> groups;
  bool require_stable = false;
};

template <class Archive>
void Describe(Archive& ar, OffsetFetchRequest::Topic& topic) {
  if (ar.Before(10)) ar.Field(topic.name);
  if (ar.Since(10)) ar.Field(topic.topic_id);
  ar.Field(topic.partition_indexes);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, OffsetFetchRequest::Group& group) {
  ar.Field(group.group_id);
  if (ar.Since(9)) {
    ar.Field(group.member_id);
    ar.Optional(group.member_epoch);
  }
  ar.Field(group.topics);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, OffsetFetchRequest& request) {
  if (ar.Before(8)) {
    ar.Field(request.group_id);
    ar.NullableSince(2, request.topics);
  } else {
    ar.Field(request.groups);
  }
  if (ar.Since(7)) ar.Field(request.require_stable);
  ar.Tags();
}

struct OffsetFetchResponse {
  static constexpr MessageInfo kInfo{ApiKey::kOffsetFetch, 0, 10, 6};

  struct Partition {
    PartitionIndex partition_index;
    std::optional<Offset> committed_offset;
    std::optional<LeaderEpoch> committed_leader_epoch;
    std::optional<std::string_view> metadata;
    ErrorCode error_code = ErrorCode::kNone;
  };
  struct Topic {
    std::string_view name;
    TopicId topic_id;
    Array<Partition> partitions;
  };
  struct Group {
    std::string_view group_id;
    Array<Topic> topics;
    ErrorCode error_code = ErrorCode::kNone;
  };

  int32_t throttle_time_ms = 0;
  // Up to version 7: the one group.
  Array<Topic> topics;
  ErrorCode error_code = ErrorCode::kNone;
  // From version 8 on.
  Array<Group> groups;
};

template <class Archive>
void Describe(Archive& ar, OffsetFetchResponse::Partition& partition) {
  ar.Field(partition.partition_index);
  ar.Optional(partition.committed_offset);
  if (ar.Since(5)) ar.Optional(partition.committed_leader_epoch);
  ar.Field(partition.metadata);
  ar.Field(partition.error_code);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, OffsetFetchResponse::Topic& topic) {
  if (ar.Before(10)) ar.Field(topic.name);
  if (ar.Since(10)) ar.Field(topic.topic_id);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, OffsetFetchResponse::Group& group) {
  ar.Field(group.group_id);
  ar.Field(group.topics);
  ar.Field(group.error_code);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, OffsetFetchResponse& response) {
  if (ar.Since(3)) ar.Field(response.throttle_time_ms);
  if (ar.Before(8)) {
    ar.Field(response.topics);
    if (ar.Since(2)) ar.Field(response.error_code);
  } else {
    ar.Field(response.groups);
  }
  ar.Tags();
}

}  // namespace millrace::wire
