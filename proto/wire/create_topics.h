// CreateTopics: new topics with their partitions and properties.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"
#include "proto/wire/config_resource.h"

namespace millrace::wire {

struct CreateTopicsRequest {
  static constexpr MessageInfo kInfo{ApiKey::kCreateTopics, 0, 7, 5};

  struct Assignment {
    PartitionIndex partition_index;
    Array<BrokerId> broker_ids;
  };
  struct Config {
    std::string_view name;
    std::optional<std::string_view> value;
  };
  struct Topic {
    std::string_view name;
    std::optional<int32_t> num_partitions = 0;      // none: the broker's default, or `assignments`
    std::optional<int16_t> replication_factor = 0;  // likewise
    Array<Assignment> assignments;
    Array<Config> configs;
  };

  Array<Topic> topics;
  int32_t timeout_ms = 60000;
  bool validate_only = false;
};

template <class Archive>
void Describe(Archive& ar, CreateTopicsRequest::Assignment& assignment) {
  ar.Field(assignment.partition_index);
  ar.Field(assignment.broker_ids);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, CreateTopicsRequest::Config& config) {
  ar.Field(config.name);
  ar.Field(config.value);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, CreateTopicsRequest::Topic& topic) {
  ar.Field(topic.name);
  ar.Optional(topic.num_partitions);
  ar.Optional(topic.replication_factor);
  ar.Field(topic.assignments);
  ar.Field(topic.configs);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, CreateTopicsRequest& request) {
  ar.Field(request.topics);
  ar.Field(request.timeout_ms);
  if (ar.Since(1)) ar.Field(request.validate_only);
  ar.Tags();
}

struct CreateTopicsResponse {
  static constexpr MessageInfo kInfo{ApiKey::kCreateTopics, 0, 7, 5};

  struct Config {
    std::string_view name;
    std::optional<std::string_view> value;
    bool read_only = false;
    ConfigSource config_source = ConfigSource::kNotGiven;
    bool is_sensitive = false;
  };
  struct Topic {
    std::string_view name;
    TopicId topic_id;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string_view> error_message;
    std::optional<ErrorCode> topic_config_error_code;
    std::optional<int32_t> num_partitions;
    std::optional<int16_t> replication_factor;
    std::optional<Array<Config>> configs;
  };

  int32_t throttle_time_ms = 0;
  Array<Topic> topics;
};

template <class Archive>
void Describe(Archive& ar, CreateTopicsResponse::Config& config) {
  ar.Field(config.name);
  ar.Field(config.value);
  ar.Field(config.read_only);
  ar.Field(config.config_source);
  ar.Field(config.is_sensitive);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, CreateTopicsResponse::Topic& topic) {
  ar.Field(topic.name);
  if (ar.Since(7)) ar.Field(topic.topic_id);
  ar.Field(topic.error_code);
  if (ar.Since(1)) ar.Field(topic.error_message);
  if (ar.Since(5)) {
    ar.Optional(topic.num_partitions);
    ar.Optional(topic.replication_factor);
    ar.Field(topic.configs);
  }
  ar.Tags(Tag{0, topic.topic_config_error_code});
}

template <class Archive>
void Describe(Archive& ar, CreateTopicsResponse& response) {
  if (ar.Since(2)) ar.Field(response.throttle_time_ms);
  ar.Field(response.topics);
  ar.Tags();
}

}  // namespace millrace::wire
