// DeleteRecords: the log start offsets of partitions move up.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct DeleteRecordsRequest {
  static constexpr MessageInfo kInfo{ApiKey::kDeleteRecords, 0, 2, 2};

  struct Partition {
    PartitionIndex partition_index;
    std::optional<Offset> offset;  // the first to stay; none: all up to the high watermark go
  };
  struct Topic {
    std::string_view name;
    Array<Partition> partitions;
  };

  Array<Topic> topics;
  int32_t timeout_ms = 0;
};

template <class Archive>
void Describe(Archive& ar, DeleteRecordsRequest::Partition& partition) {
  ar.Field(partition.partition_index);
  ar.Optional(partition.offset);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DeleteRecordsRequest::Topic& topic) {
  ar.Field(topic.name);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DeleteRecordsRequest& request) {
  ar.Field(request.topics);
  ar.Field(request.timeout_ms);
  ar.Tags();
}

struct DeleteRecordsResponse {
  static constexpr MessageInfo kInfo{ApiKey::kDeleteRecords, 0, 2, 2};

  struct Partition {
    PartitionIndex partition_index;
    std::optional<Offset> low_watermark;  // the lowest log start offset of the replicas
    ErrorCode error_code = ErrorCode::kNone;
  };
  struct Topic {
    std::string_view name;
    Array<Partition> partitions;
  };

  int32_t throttle_time_ms = 0;
  Array<Topic> topics;
};

template <class Archive>
void Describe(Archive& ar, DeleteRecordsResponse::Partition& partition) {
  ar.Field(partition.partition_index);
  ar.Optional(partition.low_watermark);
  ar.Field(partition.error_code);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DeleteRecordsResponse::Topic& topic) {
  ar.Field(topic.name);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DeleteRecordsResponse& response) {
  ar.Field(response.throttle_time_ms);
  ar.Field(response.topics);
  ar.Tags();
}

}  // namespace millrace::wire
