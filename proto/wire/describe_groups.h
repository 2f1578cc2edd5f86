// DescribeGroups: state, members and assignments of classic groups.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/authorized_operations.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct DescribeGroupsRequest {
  static constexpr MessageInfo kInfo{ApiKey::kDescribeGroups, 0, 6, 5};

  Array<std::string_view> groups;
  bool include_authorized_operations = false;
};

template <class Archive>
void Describe(Archive& ar, DescribeGroupsRequest& request) {
  ar.Field(request.groups);
  if (ar.Since(3)) ar.Field(request.include_authorized_operations);
  ar.Tags();
}

struct DescribeGroupsResponse {
  static constexpr MessageInfo kInfo{ApiKey::kDescribeGroups, 0, 6, 5};

  struct Member {
    std::string_view member_id;
    std::optional<std::string_view> group_instance_id;
    std::string_view client_id;
    std::string_view client_host;
    Bytes member_metadata;
    Bytes member_assignment;
  };
  struct Group {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string_view> error_message;
    std::string_view group_id;
    std::string_view group_state;  // empty where there is an error
    std::string_view protocol_type;
    std::string_view protocol_data;  // the name of the protocol that the group has chosen
    Array<Member> members;
    int32_t authorized_operations = kOperationsNotRequested;
  };

  int32_t throttle_time_ms = 0;
  Array<Group> groups;
};

template <class Archive>
void Describe(Archive& ar, DescribeGroupsResponse::Member& member) {
  ar.Field(member.member_id);
  if (ar.Since(4)) ar.Field(member.group_instance_id);
  ar.Field(member.client_id);
  ar.Field(member.client_host);
  ar.Field(member.member_metadata);
  ar.Field(member.member_assignment);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeGroupsResponse::Group& group) {
  ar.Field(group.error_code);
  if (ar.Since(6)) ar.Field(group.error_message);
  ar.Field(group.group_id);
  ar.Field(group.group_state);
  ar.Field(group.protocol_type);
  ar.Field(group.protocol_data);
  ar.Field(group.members);
  if (ar.Since(3)) ar.Field(group.authorized_operations);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeGroupsResponse& response) {
  if (ar.Since(1)) ar.Field(response.throttle_time_ms);
  ar.Field(response.groups);
  ar.Tags();
}

}  // namespace millrace::wire
