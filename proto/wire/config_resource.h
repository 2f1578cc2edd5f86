// What has properties, and where their values come from: shared by the APIs about configuration.
// A value of an enum that was read from the wire may be none of those named here.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

enum class ConfigResourceType : int8_t {
  kUnknown = 0,
  kTopic = 2,
  kBroker = 4,
  kBrokerLogger = 8,
  kClientMetrics = 16,
  kGroup = 32,
};

// Where the value of a property comes from.
enum class ConfigSource : int8_t {
  kNotGiven = -1,
  kUnknown = 0,
  kTopicConfig = 1,
  kDynamicBrokerConfig = 2,
  kDynamicDefaultBrokerConfig = 3,
  kStaticBrokerConfig = 4,
  kDefaultConfig = 5,
  kDynamicBrokerLoggerConfig = 6,
  kClientMetricsConfig = 7,
  kGroupConfig = 8,
};

enum class ConfigType : int8_t {
  kUnknown = 0,
  kBoolean = 1,
  kString = 2,
  kInt = 3,
  kShort = 4,
  kLong = 5,
  kDouble = 6,
  kList = 7,
  kClass = 8,
  kPassword = 9,
};

// How it went with one resource, in answers to AlterConfigs and IncrementalAlterConfigs.
struct AlteredConfigResource {
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string_view> error_message;
  ConfigResourceType resource_type = ConfigResourceType::kUnknown;
  std::string_view resource_name;
};

template <class Archive>
void Describe(Archive& ar, AlteredConfigResource& resource) {
  ar.Field(resource.error_code);
  ar.Field(resource.error_message);
  ar.Field(resource.resource_type);
  ar.Field(resource.resource_name);
  ar.Tags();
}

}  // namespace millrace::wire
