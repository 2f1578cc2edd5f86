// DescribeLogDirs: the directories of a broker, and the size of what lies in them.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct DescribeLogDirsRequest {
  static constexpr MessageInfo kInfo{ApiKey::kDescribeLogDirs, 0, 5, 2};

  struct Topic {
    std::string_view topic;
    Array<PartitionIndex> partitions;
  };

  std::optional<Array<Topic>> topics;  // none: all
};

template <class Archive>
void Describe(Archive& ar, DescribeLogDirsRequest::Topic& topic) {
  ar.Field(topic.topic);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeLogDirsRequest& request) {
  ar.Field(request.topics);
  ar.Tags();
}

struct DescribeLogDirsResponse {
  static constexpr MessageInfo kInfo{ApiKey::kDescribeLogDirs, 0, 5, 2};

  struct Partition {
    PartitionIndex partition_index;
    int64_t partition_size = 0;  // bytes of its segments
    int64_t offset_lag = 0;      // how far the log is behind the high watermark
    bool is_future_key = false;  // a copy that will replace the one in another directory
  };
  struct Topic {
    std::string_view name;
    Array<Partition> partitions;
  };
  struct Result {
    ErrorCode error_code = ErrorCode::kNone;
    std::string_view log_dir;
    Array<Topic> topics;
    std::optional<int64_t> total_bytes;   // of the file system
    std::optional<int64_t> usable_bytes;  // of the file system
    bool is_cordoned = false;             // takes no new partitions
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  Array<Result> results;
};

template <class Archive>
void Describe(Archive& ar, DescribeLogDirsResponse::Partition& partition) {
  ar.Field(partition.partition_index);
  ar.Field(partition.partition_size);
  ar.Field(partition.offset_lag);
  ar.Field(partition.is_future_key);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeLogDirsResponse::Topic& topic) {
  ar.Field(topic.name);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeLogDirsResponse::Result& result) {
  ar.Field(result.error_code);
  ar.Field(result.log_dir);
  ar.Field(result.topics);
  if (ar.Since(4)) {
    ar.Optional(result.total_bytes);
    ar.Optional(result.usable_bytes);
  }
  if (ar.Since(5)) ar.Field(result.is_cordoned);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeLogDirsResponse& response) {
  ar.Field(response.throttle_time_ms);
  if (ar.Since(3)) ar.Field(response.error_code);
  ar.Field(response.results);
  ar.Tags();
}

}  // namespace millrace::wire
