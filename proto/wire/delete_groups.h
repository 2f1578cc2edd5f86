// DeleteGroups: groups without members go, with their offsets.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct DeleteGroupsRequest {
  static constexpr MessageInfo kInfo{ApiKey::kDeleteGroups, 0, 2, 2};

  Array<std::string_view> groups_names;
};

template <class Archive>
void Describe(Archive& ar, DeleteGroupsRequest& request) {
  ar.Field(request.groups_names);
  ar.Tags();
}

struct DeleteGroupsResponse {
  static constexpr MessageInfo kInfo{ApiKey::kDeleteGroups, 0, 2, 2};

  struct Result {
    std::string_view group_id;
    ErrorCode error_code = ErrorCode::kNone;
  };

  int32_t throttle_time_ms = 0;
  Array<Result> results;
};

template <class Archive>
void Describe(Archive& ar, DeleteGroupsResponse::Result& result) {
  ar.Field(result.group_id);
  ar.Field(result.error_code);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DeleteGroupsResponse& response) {
  ar.Field(response.throttle_time_ms);
  ar.Field(response.results);
  ar.Tags();
}

}  // namespace millrace::wire
