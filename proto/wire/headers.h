// What stands before every request and response, and which version of it.
//
// The first eight bytes of a request header are the same in every version, so PeekRequest can tell
// the API and its version before anything else is known; the router then knows the header's
// version. Strings are views of the frame.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proto/wire/codec.h"

namespace millrace::wire {

struct RequestHeader {
  ApiKey api_key{};
  int16_t api_version = 0;
  int32_t correlation_id = 0;
  std::optional<std::string_view> client_id;
};

struct ResponseHeader {
  int32_t correlation_id = 0;
};

// Header versions from which the header itself ends with tagged fields.
inline constexpr int16_t kRequestHeaderFlexibleFrom = 2;
inline constexpr int16_t kResponseHeaderFlexibleFrom = 1;

constexpr int16_t RequestHeaderVersion(const MessageInfo& info, int16_t version) {
  if (info.key == ApiKey::kControlledShutdown && version == 0) return 0;
  return info.IsFlexible(version) ? 2 : 1;
}

// An ApiVersions response keeps header 0 in every version: the client that reads it does not know
// yet which versions the broker speaks.
constexpr int16_t ResponseHeaderVersion(const MessageInfo& info, int16_t version) {
  if (info.key == ApiKey::kApiVersions) return 0;
  return info.IsFlexible(version) ? 1 : 0;
}

template <class Archive>
void Describe(Archive& ar, RequestHeader& header) {
  ar.Field(header.api_key);
  ar.Field(header.api_version);
  ar.Field(header.correlation_id);
  if (ar.Since(1)) ar.PlainString(header.client_id);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ResponseHeader& header) {
  ar.Field(header.correlation_id);
  ar.Tags();
}

}  // namespace millrace::wire
