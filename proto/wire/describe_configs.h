// DescribeConfigs: the properties of topics, brokers and other resources.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"
#include "proto/wire/config_resource.h"

namespace millrace::wire {

struct DescribeConfigsRequest {
  static constexpr MessageInfo kInfo{ApiKey::kDescribeConfigs, 0, 4, 4};

  struct Resource {
    ConfigResourceType resource_type = ConfigResourceType::kUnknown;
    std::string_view resource_name;
    std::optional<Array<std::string_view>> configuration_keys;  // none: all
  };

  Array<Resource> resources;
  bool include_synonyms = false;
  bool include_documentation = false;
};

template <class Archive>
void Describe(Archive& ar, DescribeConfigsRequest::Resource& resource) {
  ar.Field(resource.resource_type);
  ar.Field(resource.resource_name);
  ar.Field(resource.configuration_keys);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeConfigsRequest& request) {
  ar.Field(request.resources);
  if (ar.Since(1)) ar.Field(request.include_synonyms);
  if (ar.Since(3)) ar.Field(request.include_documentation);
  ar.Tags();
}

struct DescribeConfigsResponse {
  static constexpr MessageInfo kInfo{ApiKey::kDescribeConfigs, 0, 4, 4};

  struct Synonym {
    std::string_view name;
    std::optional<std::string_view> value;
    ConfigSource source = ConfigSource::kUnknown;
  };
  struct Config {
    std::string_view name;
    std::optional<std::string_view> value;  // none also where it is sensitive
    bool read_only = false;
    bool is_default = false;                               // version 0 only
    ConfigSource config_source = ConfigSource::kNotGiven;  // from version 1 on, in its place
    bool is_sensitive = false;
    Array<Synonym> synonyms;  // what gives the value, then what would give it without that
    ConfigType config_type = ConfigType::kUnknown;
    std::optional<std::string_view> documentation;
  };
  struct Result {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string_view> error_message;
    ConfigResourceType resource_type = ConfigResourceType::kUnknown;
    std::string_view resource_name;
    Array<Config> configs;
  };

  int32_t throttle_time_ms = 0;
  Array<Result> results;
};

template <class Archive>
void Describe(Archive& ar, DescribeConfigsResponse::Synonym& synonym) {
  ar.Field(synonym.name);
  ar.Field(synonym.value);
  ar.Field(synonym.source);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeConfigsResponse::Config& config) {
  ar.Field(config.name);
  ar.Field(config.value);
  ar.Field(config.read_only);
  if (ar.Before(1)) ar.Field(config.is_default);
  if (ar.Since(1)) ar.Field(config.config_source);
  ar.Field(config.is_sensitive);
  if (ar.Since(1)) ar.Field(config.synonyms);
  if (ar.Since(3)) {
    ar.Field(config.config_type);
    ar.Field(config.documentation);
  }
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeConfigsResponse::Result& result) {
  ar.Field(result.error_code);
  ar.Field(result.error_message);
  ar.Field(result.resource_type);
  ar.Field(result.resource_name);
  ar.Field(result.configs);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeConfigsResponse& response) {
  ar.Field(response.throttle_time_ms);
  ar.Field(response.results);
  ar.Tags();
}

}  // namespace millrace::wire
