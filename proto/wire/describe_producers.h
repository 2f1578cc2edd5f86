// DescribeProducers: the idempotent and transactional producers that partitions remember.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct DescribeProducersRequest {
  static constexpr MessageInfo kInfo{ApiKey::kDescribeProducers, 0, 0, 0};

  struct Topic {
    std::string_view name;
    Array<PartitionIndex> partition_indexes;
  };

  Array<Topic> topics;
};

template <class Archive>
void Describe(Archive& ar, DescribeProducersRequest::Topic& topic) {
  ar.Field(topic.name);
  ar.Field(topic.partition_indexes);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeProducersRequest& request) {
  ar.Field(request.topics);
  ar.Tags();
}

struct DescribeProducersResponse {
  static constexpr MessageInfo kInfo{ApiKey::kDescribeProducers, 0, 0, 0};

  struct Producer {
    ProducerId producer_id;
    int32_t producer_epoch = 0;  // a ProducerEpoch, but four bytes long here
    std::optional<int32_t> last_sequence;
    std::optional<TimestampMs> last_timestamp;
    std::optional<int32_t> coordinator_epoch;  // none: no transaction has ended here yet
    std::optional<Offset> current_txn_start_offset;
  };
  struct Partition {
    PartitionIndex partition_index;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string_view> error_message;
    Array<Producer> active_producers;
  };
  struct Topic {
    std::string_view name;
    Array<Partition> partitions;
  };

  int32_t throttle_time_ms = 0;
  Array<Topic> topics;
};

template <class Archive>
void Describe(Archive& ar, DescribeProducersResponse::Producer& producer) {
  ar.Field(producer.producer_id);
  ar.Field(producer.producer_epoch);
  ar.Optional(producer.last_sequence);
  ar.Optional(producer.last_timestamp);
  ar.Optional(producer.coordinator_epoch);
  ar.Optional(producer.current_txn_start_offset);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeProducersResponse::Partition& partition) {
  ar.Field(partition.partition_index);
  ar.Field(partition.error_code);
  ar.Field(partition.error_message);
  ar.Field(partition.active_producers);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeProducersResponse::Topic& topic) {
  ar.Field(topic.name);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeProducersResponse& response) {
  ar.Field(response.throttle_time_ms);
  ar.Field(response.topics);
  ar.Tags();
}

}  // namespace millrace::wire
