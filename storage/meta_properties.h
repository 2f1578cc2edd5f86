// The meta.properties file of a data directory: which cluster and which broker its contents belong
// to. Pure: text in, text out. Format: docs/formats/checkpoints.md (Kafka's, version 1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "proto/types.h"

namespace millrace::storage {

struct MetaProperties {
  std::string cluster_id;
  BrokerId node_id;
  std::optional<std::string> directory_id;  // older files of Kafka have none

  friend bool operator==(const MetaProperties&, const MetaProperties&) = default;
};

std::string EncodeMetaProperties(const MetaProperties& properties);
// DataLossError that says which property is wrong. Properties that are not known are passed over.
absl::StatusOr<MetaProperties> DecodeMetaProperties(std::string_view text);

}  // namespace millrace::storage
