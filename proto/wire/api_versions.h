// ApiVersions: which APIs a broker speaks, in which versions. The first request of most clients.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct ApiVersionsRequest {
  static constexpr MessageInfo kInfo{ApiKey::kApiVersions, 0, 4, 3};

  std::string_view client_software_name;
  std::string_view client_software_version;
};

template <class Archive>
void Describe(Archive& ar, ApiVersionsRequest& request) {
  if (ar.Since(3)) {
    ar.Field(request.client_software_name);
    ar.Field(request.client_software_version);
  }
  ar.Tags();
}

struct ApiVersionsResponse {
  static constexpr MessageInfo kInfo{ApiKey::kApiVersions, 0, 4, 3};

  struct ApiVersion {
    ApiKey api_key{};
    int16_t min_version = 0;
    int16_t max_version = 0;
  };
  // In version 3 a feature with min_version 0 must be left out: old clients refuse it.
  struct SupportedFeature {
    std::string_view name;
    int16_t min_version = 0;
    int16_t max_version = 0;
  };
  struct FinalizedFeature {
    std::string_view name;
    int16_t max_version_level = 0;
    int16_t min_version_level = 0;
  };

  ErrorCode error_code = ErrorCode::kNone;
  Array<ApiVersion> api_keys;
  int32_t throttle_time_ms = 0;
  std::optional<Array<SupportedFeature>> supported_features;
  std::optional<int64_t> finalized_features_epoch;
  std::optional<Array<FinalizedFeature>> finalized_features;
  std::optional<bool> zk_migration_ready;
};

template <class Archive>
void Describe(Archive& ar, ApiVersionsResponse::ApiVersion& api) {
  ar.Field(api.api_key);
  ar.Field(api.min_version);
  ar.Field(api.max_version);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ApiVersionsResponse::SupportedFeature& feature) {
  ar.Field(feature.name);
  ar.Field(feature.min_version);
  ar.Field(feature.max_version);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ApiVersionsResponse::FinalizedFeature& feature) {
  ar.Field(feature.name);
  ar.Field(feature.max_version_level);
  ar.Field(feature.min_version_level);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ApiVersionsResponse& response) {
  ar.Field(response.error_code);
  ar.Field(response.api_keys);
  if (ar.Since(1)) ar.Field(response.throttle_time_ms);
  ar.Tags(Tag{0, response.supported_features}, Tag{1, response.finalized_features_epoch},
          Tag{2, response.finalized_features}, Tag{3, response.zk_migration_ready});
}

}  // namespace millrace::wire
