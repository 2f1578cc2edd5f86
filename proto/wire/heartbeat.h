// Heartbeat: a member of a classic group is alive, and hears of a rebalance.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct HeartbeatRequest {
  static constexpr MessageInfo kInfo{ApiKey::kHeartbeat, 0, 4, 4};

  std::string_view group_id;
  GenerationId generation_id;
  std::string_view member_id;
  std::optional<std::string_view> group_instance_id;
};

template <class Archive>
void Describe(Archive& ar, HeartbeatRequest& request) {
  ar.Field(request.group_id);
  ar.Field(request.generation_id);
  ar.Field(request.member_id);
  if (ar.Since(3)) ar.Field(request.group_instance_id);
  ar.Tags();
}

struct HeartbeatResponse {
  static constexpr MessageInfo kInfo{ApiKey::kHeartbeat, 0, 4, 4};

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
};

template <class Archive>
void Describe(Archive& ar, HeartbeatResponse& response) {
  if (ar.Since(1)) ar.Field(response.throttle_time_ms);
  ar.Field(response.error_code);
  ar.Tags();
}

}  // namespace millrace::wire
