// Changes of properties as the command line gives them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "proto/wire/incremental_alter_configs.h"
#include "tools/admin_connection.h"

namespace millrace::tools {

using ConfigChanges = std::vector<wire::IncrementalAlterConfigsRequest::Config>;

// "name=value" to be set, and names to go back to their defaults. The changes point into them.
absl::StatusOr<ConfigChanges> ParseConfigChanges(const std::vector<std::string>& set,
                                                 const std::vector<std::string>& remove);

struct ConfigTarget {
  wire::ConfigResourceType type;
  std::string_view name;
};

// The answer stays valid until the connection's next call.
absl::StatusOr<wire::AlteredConfigResource> SendConfigChanges(AdminConnection& connection,
                                                              const ConfigTarget& target,
                                                              ConfigChanges& changes,
                                                              bool validate_only = false);

}  // namespace millrace::tools
