// LeaveGroup: members leave a classic group. One member up to version 2, several from version 3 on.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct LeaveGroupRequest {
  static constexpr MessageInfo kInfo{ApiKey::kLeaveGroup, 0, 5, 4};

  struct Member {
    std::string_view member_id;  // empty: whoever has the group instance id
    std::optional<std::string_view> group_instance_id;
    std::optional<std::string_view> reason;
  };

  std::string_view group_id;
  std::string_view member_id;  // up to version 2
  Array<Member> members;       // from version 3 on
};

template <class Archive>
void Describe(Archive& ar, LeaveGroupRequest::Member& member) {
  ar.Field(member.member_id);
  ar.Field(member.group_instance_id);
  if (ar.Since(5)) ar.Field(member.reason);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, LeaveGroupRequest& request) {
  ar.Field(request.group_id);
  if (ar.Before(3)) ar.Field(request.member_id);
  if (ar.Since(3)) ar.Field(request.members);
  ar.Tags();
}

struct LeaveGroupResponse {
  static constexpr MessageInfo kInfo{ApiKey::kLeaveGroup, 0, 5, 4};

  struct Member {
    std::string_view member_id;
    std::optional<std::string_view> group_instance_id;
    ErrorCode error_code = ErrorCode::kNone;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  Array<Member> members;
};

template <class Archive>
void Describe(Archive& ar, LeaveGroupResponse::Member& member) {
  ar.Field(member.member_id);
  ar.Field(member.group_instance_id);
  ar.Field(member.error_code);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, LeaveGroupResponse& response) {
  if (ar.Since(1)) ar.Field(response.throttle_time_ms);
  ar.Field(response.error_code);
  if (ar.Since(3)) ar.Field(response.members);
  ar.Tags();
}

}  // namespace millrace::wire
