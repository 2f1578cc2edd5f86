// CreatePartitions: topics get more partitions.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct CreatePartitionsRequest {
  static constexpr MessageInfo kInfo{ApiKey::kCreatePartitions, 0, 3, 2};

  struct Assignment {
    Array<BrokerId> broker_ids;
  };
  struct Topic {
    std::string_view name;
    int32_t count = 0;                             // of partitions, with those it has
    std::optional<Array<Assignment>> assignments;  // of the new ones; none: the broker's choice
  };

  Array<Topic> topics;
  int32_t timeout_ms = 0;
  bool validate_only = false;
};

template <class Archive>
void Describe(Archive& ar, CreatePartitionsRequest::Assignment& assignment) {
  ar.Field(assignment.broker_ids);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, CreatePartitionsRequest::Topic& topic) {
  ar.Field(topic.name);
  ar.Field(topic.count);
  ar.Field(topic.assignments);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, CreatePartitionsRequest& request) {
  ar.Field(request.topics);
  ar.Field(request.timeout_ms);
  ar.Field(request.validate_only);
  ar.Tags();
}

struct CreatePartitionsResponse {
  static constexpr MessageInfo kInfo{ApiKey::kCreatePartitions, 0, 3, 2};

  struct Result {
    std::string_view name;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string_view> error_message;
  };

  int32_t throttle_time_ms = 0;
  Array<Result> results;
};

template <class Archive>
void Describe(Archive& ar, CreatePartitionsResponse::Result& result) {
  ar.Field(result.name);
  ar.Field(result.error_code);
  ar.Field(result.error_message);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, CreatePartitionsResponse& response) {
  ar.Field(response.throttle_time_ms);
  ar.Field(response.results);
  ar.Tags();
}

}  // namespace millrace::wire
