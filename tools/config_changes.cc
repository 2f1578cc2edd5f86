#include "tools/config_changes.h"

#include <fmt/format.h>

namespace millrace::tools {

namespace {

constexpr int16_t kIncrementalAlterConfigsVersion = 1;

}  // namespace

absl::StatusOr<ConfigChanges> ParseConfigChanges(const std::vector<std::string>& set,
                                                 const std::vector<std::string>& remove) {
  ConfigChanges changes;
  for (std::string_view text : set) {
    size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) {
      return absl::InvalidArgumentError(fmt::format("--config must be name=value, not '{}'", text));
    }
    changes.push_back({.name = text.substr(0, equals), .value = text.substr(equals + 1)});
  }
  for (std::string_view name : remove) {
    changes.push_back({.name = name, .config_operation = wire::ConfigOperation::kDelete});
  }
  return changes;
}

absl::StatusOr<wire::AlteredConfigResource> SendConfigChanges(AdminConnection& connection,
                                                              const ConfigTarget& target,
                                                              ConfigChanges& changes,
                                                              bool validate_only) {
  wire::IncrementalAlterConfigsRequest::Resource resource{
      .resource_type = target.type,
      .resource_name = target.name,
      .configs = wire::Array(changes.data(), changes.size())};
  wire::IncrementalAlterConfigsRequest request{.resources = wire::Array(&resource, 1),
                                               .validate_only = validate_only};
  wire::IncrementalAlterConfigsResponse response;
  absl::Status status = connection.Call(kIncrementalAlterConfigsVersion, request, response);
  if (!status.ok()) return status;
  if (response.responses.size() != 1) {
    return absl::DataLossError("the broker's answer does not fit the request");
  }
  return response.responses[0];
}

}  // namespace millrace::tools
