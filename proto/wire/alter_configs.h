// AlterConfigs: replaces all properties of a resource; what a request leaves out is reset.
#pragma once

#include "proto/wire/codec.h"
#include "proto/wire/config_resource.h"

namespace millrace::wire {

struct AlterConfigsRequest {
  static constexpr MessageInfo kInfo{ApiKey::kAlterConfigs, 0, 2, 2};

  struct Config {
    std::string_view name;
    std::optional<std::string_view> value;
  };
  struct Resource {
    ConfigResourceType resource_type = ConfigResourceType::kUnknown;
    std::string_view resource_name;
    Array<Config> configs;
  };

  Array<Resource> resources;
  bool validate_only = false;
};

template <class Archive>
void Describe(Archive& ar, AlterConfigsRequest::Config& config) {
  ar.Field(config.name);
  ar.Field(config.value);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, AlterConfigsRequest::Resource& resource) {
  ar.Field(resource.resource_type);
  ar.Field(resource.resource_name);
  ar.Field(resource.configs);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, AlterConfigsRequest& request) {
  ar.Field(request.resources);
  ar.Field(request.validate_only);
  ar.Tags();
}

struct AlterConfigsResponse {
  static constexpr MessageInfo kInfo{ApiKey::kAlterConfigs, 0, 2, 2};

  int32_t throttle_time_ms = 0;
  Array<AlteredConfigResource> responses;
};

template <class Archive>
void Describe(Archive& ar, AlterConfigsResponse& response) {
  ar.Field(response.throttle_time_ms);
  ar.Field(response.responses);
  ar.Tags();
}

}  // namespace millrace::wire
