// DeleteTopics: topics by name; from version 6 on by name or id.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct DeleteTopicsRequest {
  static constexpr MessageInfo kInfo{ApiKey::kDeleteTopics, 0, 6, 4};

  struct Topic {
    std::optional<std::string_view> name;  // none: by id
    TopicId topic_id;
  };

  Array<Topic> topics;                  // from version 6 on
  Array<std::string_view> topic_names;  // up to version 5
  int32_t timeout_ms = 0;
};

template <class Archive>
void Describe(Archive& ar, DeleteTopicsRequest::Topic& topic) {
  ar.Field(topic.name);
  ar.Field(topic.topic_id);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DeleteTopicsRequest& request) {
  if (ar.Since(6)) ar.Field(request.topics);
  if (ar.Before(6)) ar.Field(request.topic_names);
  ar.Field(request.timeout_ms);
  ar.Tags();
}

struct DeleteTopicsResponse {
  static constexpr MessageInfo kInfo{ApiKey::kDeleteTopics, 0, 6, 4};

  struct Topic {
    std::optional<std::string_view> name;  // none: an unknown id (version 6)
    TopicId topic_id;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string_view> error_message;
  };

  int32_t throttle_time_ms = 0;
  Array<Topic> responses;
};

template <class Archive>
void Describe(Archive& ar, DeleteTopicsResponse::Topic& topic) {
  ar.NullableSince(6, topic.name);
  if (ar.Since(6)) ar.Field(topic.topic_id);
  ar.Field(topic.error_code);
  if (ar.Since(5)) ar.Field(topic.error_message);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DeleteTopicsResponse& response) {
  if (ar.Since(1)) ar.Field(response.throttle_time_ms);
  ar.Field(response.responses);
  ar.Tags();
}

}  // namespace millrace::wire
