// FindCoordinator: the broker that looks after a group or a transaction. One key up to version 3,
// several from version 4 on.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

// A value read from the wire may be none of these.
enum class CoordinatorType : int8_t { kGroup = 0, kTransaction = 1, kShare = 2 };

struct FindCoordinatorRequest {
  static constexpr MessageInfo kInfo{ApiKey::kFindCoordinator, 0, 6, 3};

  std::string_view key;
  CoordinatorType key_type = CoordinatorType::kGroup;
  Array<std::string_view> coordinator_keys;
};

template <class Archive>
void Describe(Archive& ar, FindCoordinatorRequest& request) {
  if (ar.Before(4)) ar.Field(request.key);
  if (ar.Since(1)) ar.Field(request.key_type);
  if (ar.Since(4)) ar.Field(request.coordinator_keys);
  ar.Tags();
}

struct FindCoordinatorResponse {
  static constexpr MessageInfo kInfo{ApiKey::kFindCoordinator, 0, 6, 3};

  struct Coordinator {
    std::string_view key;
    std::optional<BrokerId> node_id;
    std::string_view host;
    int32_t port = 0;  // Kafka sends -1 where there is no node
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string_view> error_message;
  };

  int32_t throttle_time_ms = 0;
  // Up to version 3: the one answer.
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string_view> error_message;
  std::optional<BrokerId> node_id;
  std::string_view host;
  int32_t port = 0;
  // From version 4 on: an answer for each key.
  Array<Coordinator> coordinators;
};

template <class Archive>
void Describe(Archive& ar, FindCoordinatorResponse::Coordinator& coordinator) {
  ar.Field(coordinator.key);
  ar.Optional(coordinator.node_id);
  ar.Field(coordinator.host);
  ar.Field(coordinator.port);
  ar.Field(coordinator.error_code);
  ar.Field(coordinator.error_message);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, FindCoordinatorResponse& response) {
  if (ar.Since(1)) ar.Field(response.throttle_time_ms);
  if (ar.Before(4)) {
    ar.Field(response.error_code);
    if (ar.Since(1)) ar.Field(response.error_message);
    ar.Optional(response.node_id);
    ar.Field(response.host);
    ar.Field(response.port);
  } else {
    ar.Field(response.coordinators);
  }
  ar.Tags();
}

}  // namespace millrace::wire
