// SyncGroup: the leader of a classic group hands in the assignments, every member gets its own.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct SyncGroupRequest {
  static constexpr MessageInfo kInfo{ApiKey::kSyncGroup, 0, 5, 4};

  struct Assignment {
    std::string_view member_id;
    Bytes assignment;  // known to the members only
  };

  std::string_view group_id;
  GenerationId generation_id;
  std::string_view member_id;
  std::optional<std::string_view> group_instance_id;
  std::optional<std::string_view> protocol_type;
  std::optional<std::string_view> protocol_name;
  Array<Assignment> assignments;  // the leader's
};

template <class Archive>
void Describe(Archive& ar, SyncGroupRequest::Assignment& assignment) {
  ar.Field(assignment.member_id);
  ar.Field(assignment.assignment);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, SyncGroupRequest& request) {
  ar.Field(request.group_id);
  ar.Field(request.generation_id);
  ar.Field(request.member_id);
  if (ar.Since(3)) ar.Field(request.group_instance_id);
  if (ar.Since(5)) {
    ar.Field(request.protocol_type);
    ar.Field(request.protocol_name);
  }
  ar.Field(request.assignments);
  ar.Tags();
}

struct SyncGroupResponse {
  static constexpr MessageInfo kInfo{ApiKey::kSyncGroup, 0, 5, 4};

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string_view> protocol_type;
  std::optional<std::string_view> protocol_name;
  Bytes assignment;
};

template <class Archive>
void Describe(Archive& ar, SyncGroupResponse& response) {
  if (ar.Since(1)) ar.Field(response.throttle_time_ms);
  ar.Field(response.error_code);
  if (ar.Since(5)) {
    ar.Field(response.protocol_type);
    ar.Field(response.protocol_name);
  }
  ar.Field(response.assignment);
  ar.Tags();
}

}  // namespace millrace::wire
