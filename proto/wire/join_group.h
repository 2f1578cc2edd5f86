// JoinGroup: a member enters a classic group, or stays in it through a rebalance.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct JoinGroupRequest {
  static constexpr MessageInfo kInfo{ApiKey::kJoinGroup, 0, 9, 6};

  struct Protocol {
    std::string_view name;
    Bytes metadata;  // known to the members only
  };

  std::string_view group_id;
  int32_t session_timeout_ms = 0;
  std::optional<int32_t> rebalance_timeout_ms;  // none (as in version 0): the session timeout
  std::string_view member_id;                   // empty: a new member
  std::optional<std::string_view> group_instance_id;
  std::string_view protocol_type;
  Array<Protocol> protocols;  // the preferred one first
  std::optional<std::string_view> reason;
};

template <class Archive>
void Describe(Archive& ar, JoinGroupRequest::Protocol& protocol) {
  ar.Field(protocol.name);
  ar.Field(protocol.metadata);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, JoinGroupRequest& request) {
  ar.Field(request.group_id);
  ar.Field(request.session_timeout_ms);
  if (ar.Since(1)) ar.Optional(request.rebalance_timeout_ms);
  ar.Field(request.member_id);
  if (ar.Since(5)) ar.Field(request.group_instance_id);
  ar.Field(request.protocol_type);
  ar.Field(request.protocols);
  if (ar.Since(8)) ar.Field(request.reason);
  ar.Tags();
}

struct JoinGroupResponse {
  static constexpr MessageInfo kInfo{ApiKey::kJoinGroup, 0, 9, 6};

  struct Member {
    std::string_view member_id;
    std::optional<std::string_view> group_instance_id;
    Bytes metadata;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<GenerationId> generation_id;
  std::optional<std::string_view> protocol_type;
  std::optional<std::string_view> protocol_name;  // up to version 6 none is sent as empty
  std::string_view leader;
  bool skip_assignment = false;
  std::string_view member_id;
  Array<Member> members;  // for the leader only
};

template <class Archive>
void Describe(Archive& ar, JoinGroupResponse::Member& member) {
  ar.Field(member.member_id);
  if (ar.Since(5)) ar.Field(member.group_instance_id);
  ar.Field(member.metadata);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, JoinGroupResponse& response) {
  if (ar.Since(2)) ar.Field(response.throttle_time_ms);
  ar.Field(response.error_code);
  ar.Optional(response.generation_id);
  if (ar.Since(7)) ar.Field(response.protocol_type);
  ar.NullableSince(7, response.protocol_name);
  ar.Field(response.leader);
  if (ar.Since(9)) ar.Field(response.skip_assignment);
  ar.Field(response.member_id);
  ar.Field(response.members);
  ar.Tags();
}

}  // namespace millrace::wire
