// OffsetDelete: a group forgets what it has committed in partitions. Never flexible.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct OffsetDeleteRequest {
  static constexpr MessageInfo kInfo{ApiKey::kOffsetDelete, 0, 0, kNeverFlexible};

  struct Topic {
    std::string_view name;
    Array<PartitionIndex> partitions;
  };

  std::string_view group_id;
  Array<Topic> topics;
};

template <class Archive>
void Describe(Archive& ar, OffsetDeleteRequest::Topic& topic) {
  ar.Field(topic.name);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, OffsetDeleteRequest& request) {
  ar.Field(request.group_id);
  ar.Field(request.topics);
  ar.Tags();
}

struct OffsetDeleteResponse {
  static constexpr MessageInfo kInfo{ApiKey::kOffsetDelete, 0, 0, kNeverFlexible};

  struct Partition {
    PartitionIndex partition_index;
    ErrorCode error_code = ErrorCode::kNone;
  };
  struct Topic {
    std::string_view name;
    Array<Partition> partitions;
  };

  ErrorCode error_code = ErrorCode::kNone;
  int32_t throttle_time_ms = 0;
  Array<Topic> topics;
};

template <class Archive>
void Describe(Archive& ar, OffsetDeleteResponse::Partition& partition) {
  ar.Field(partition.partition_index);
  ar.Field(partition.error_code);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, OffsetDeleteResponse::Topic& topic) {
  ar.Field(topic.name);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, OffsetDeleteResponse& response) {
  ar.Field(response.error_code);
  ar.Field(response.throttle_time_ms);
  ar.Field(response.topics);
  ar.Tags();
}

}  // namespace millrace::wire
