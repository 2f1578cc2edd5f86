// ListGroups: the groups that this broker coordinates.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct ListGroupsRequest {
  static constexpr MessageInfo kInfo{ApiKey::kListGroups, 0, 5, 3};

  Array<std::string_view> states_filter;  // empty: all
  Array<std::string_view> types_filter;   // empty: all
};

template <class Archive>
void Describe(Archive& ar, ListGroupsRequest& request) {
  if (ar.Since(4)) ar.Field(request.states_filter);
  if (ar.Since(5)) ar.Field(request.types_filter);
  ar.Tags();
}

struct ListGroupsResponse {
  static constexpr MessageInfo kInfo{ApiKey::kListGroups, 0, 5, 3};

  struct Group {
    std::string_view group_id;
    std::string_view protocol_type;
    std::string_view group_state;
    std::string_view group_type;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  Array<Group> groups;
};

template <class Archive>
void Describe(Archive& ar, ListGroupsResponse::Group& group) {
  ar.Field(group.group_id);
  ar.Field(group.protocol_type);
  if (ar.Since(4)) ar.Field(group.group_state);
  if (ar.Since(5)) ar.Field(group.group_type);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ListGroupsResponse& response) {
  if (ar.Since(1)) ar.Field(response.throttle_time_ms);
  ar.Field(response.error_code);
  ar.Field(response.groups);
  ar.Tags();
}

}  // namespace millrace::wire
