// ListOffsets: the offset at a time, or at one of the special times below.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"
#include "proto/wire/isolation_level.h"

namespace millrace::wire {

// Special values of ListOffsetsRequest::Partition::timestamp.
inline constexpr int64_t kLatestTimestamp = -1;
inline constexpr int64_t kEarliestTimestamp = -2;
inline constexpr int64_t kMaxTimestamp = -3;                    // from version 7 on
inline constexpr int64_t kEarliestLocalTimestamp = -4;          // from version 8 on
inline constexpr int64_t kLatestTieredTimestamp = -5;           // from version 9 on
inline constexpr int64_t kEarliestPendingUploadTimestamp = -6;  // from version 11 on

struct ListOffsetsRequest {
  static constexpr MessageInfo kInfo{ApiKey::kListOffsets, 0, 11, 6};

  struct Partition {
    PartitionIndex partition_index;
    std::optional<LeaderEpoch> current_leader_epoch;
    int64_t timestamp = 0;  // milliseconds since 1970, or a special value
    int32_t max_num_offsets = 1;
  };
  struct Topic {
    std::string_view name;
    Array<Partition> partitions;
  };

  std::optional<BrokerId> replica_id;  // none: a consumer
  IsolationLevel isolation_level = IsolationLevel::kReadUncommitted;
  Array<Topic> topics;
  int32_t timeout_ms = 0;
};

template <class Archive>
void Describe(Archive& ar, ListOffsetsRequest::Partition& partition) {
  ar.Field(partition.partition_index);
  if (ar.Since(4)) ar.Optional(partition.current_leader_epoch);
  ar.Field(partition.timestamp);
  if (ar.Before(1)) ar.Field(partition.max_num_offsets);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ListOffsetsRequest::Topic& topic) {
  ar.Field(topic.name);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ListOffsetsRequest& request) {
  ar.Optional(request.replica_id);
  if (ar.Since(2)) ar.Field(request.isolation_level);
  ar.Field(request.topics);
  if (ar.Since(10)) ar.Field(request.timeout_ms);
  ar.Tags();
}

struct ListOffsetsResponse {
  static constexpr MessageInfo kInfo{ApiKey::kListOffsets, 0, 11, 6};

  struct Partition {
    PartitionIndex partition_index;
    ErrorCode error_code = ErrorCode::kNone;
    Array<Offset> old_style_offsets;  // version 0 only, in place of the fields below
    int64_t timestamp = -1;           // of the record found, -1 where none was asked or found
    std::optional<Offset> offset;
    std::optional<LeaderEpoch> leader_epoch;
  };
  struct Topic {
    std::string_view name;
    Array<Partition> partitions;
  };

  int32_t throttle_time_ms = 0;
  Array<Topic> topics;
};

template <class Archive>
void Describe(Archive& ar, ListOffsetsResponse::Partition& partition) {
  ar.Field(partition.partition_index);
  ar.Field(partition.error_code);
  if (ar.Before(1)) ar.Field(partition.old_style_offsets);
  if (ar.Since(1)) {
    ar.Field(partition.timestamp);
    ar.Optional(partition.offset);
  }
  if (ar.Since(4)) ar.Optional(partition.leader_epoch);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ListOffsetsResponse::Topic& topic) {
  ar.Field(topic.name);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ListOffsetsResponse& response) {
  if (ar.Since(2)) ar.Field(response.throttle_time_ms);
  ar.Field(response.topics);
  ar.Tags();
}

}  // namespace millrace::wire
