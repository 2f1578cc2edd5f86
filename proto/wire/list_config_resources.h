// ListConfigResources: the names of what can have properties. Version 0 knows client metrics only.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"
#include "proto/wire/config_resource.h"

namespace millrace::wire {

struct ListConfigResourcesRequest {
  static constexpr MessageInfo kInfo{ApiKey::kListConfigResources, 0, 1, 0};

  Array<ConfigResourceType> resource_types;  // empty: all
};

template <class Archive>
void Describe(Archive& ar, ListConfigResourcesRequest& request) {
  if (ar.Since(1)) ar.Field(request.resource_types);
  ar.Tags();
}

struct ListConfigResourcesResponse {
  static constexpr MessageInfo kInfo{ApiKey::kListConfigResources, 0, 1, 0};

  struct Resource {
    std::string_view resource_name;
    ConfigResourceType resource_type = ConfigResourceType::kClientMetrics;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  Array<Resource> config_resources;
};

template <class Archive>
void Describe(Archive& ar, ListConfigResourcesResponse::Resource& resource) {
  ar.Field(resource.resource_name);
  if (ar.Since(1)) ar.Field(resource.resource_type);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ListConfigResourcesResponse& response) {
  ar.Field(response.throttle_time_ms);
  ar.Field(response.error_code);
  ar.Field(response.config_resources);
  ar.Tags();
}

}  // namespace millrace::wire
