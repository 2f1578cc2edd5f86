// IncrementalAlterConfigs: changes single properties of a resource.
#pragma once

#include "proto/wire/codec.h"
#include "proto/wire/config_resource.h"

namespace millrace::wire {

// A value read from the wire may be none of these.
enum class ConfigOperation : int8_t {
  kSet = 0,
  kDelete = 1,    // back to the default
  kAppend = 2,    // to a list
  kSubtract = 3,  // from a list
};

struct IncrementalAlterConfigsRequest {
  static constexpr MessageInfo kInfo{ApiKey::kIncrementalAlterConfigs, 0, 1, 1};

  struct Config {
    std::string_view name;
    ConfigOperation config_operation = ConfigOperation::kSet;
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
void Describe(Archive& ar, IncrementalAlterConfigsRequest::Config& config) {
  ar.Field(config.name);
  ar.Field(config.config_operation);
  ar.Field(config.value);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, IncrementalAlterConfigsRequest::Resource& resource) {
  ar.Field(resource.resource_type);
  ar.Field(resource.resource_name);
  ar.Field(resource.configs);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, IncrementalAlterConfigsRequest& request) {
  ar.Field(request.resources);
  ar.Field(request.validate_only);
  ar.Tags();
}

struct IncrementalAlterConfigsResponse {
  static constexpr MessageInfo kInfo{ApiKey::kIncrementalAlterConfigs, 0, 1, 1};

  int32_t throttle_time_ms = 0;
  Array<AlteredConfigResource> responses;
};

template <class Archive>
void Describe(Archive& ar, IncrementalAlterConfigsResponse& response) {
  ar.Field(response.throttle_time_ms);
  ar.Field(response.responses);
  ar.Tags();
}

}  // namespace millrace::wire
