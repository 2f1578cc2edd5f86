// The broker's configuration: the property table's values from a file, the environment and the
// command line, later over earlier; and what they mean for the parts of the broker.
//
// Pure, but for looking at the machine: its memory, and which paths are the same directory. Faults
// name the property, its value and what would be right.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "broker/app/limits.h"
#include "broker/app/properties_file.h"
#include "broker/core/properties.h"
#include "storage/file_system.h"

namespace millrace {

struct Endpoint {
  std::string host;
  uint16_t port = 0;
};

// Everything that a broker needs to know before it starts.
struct BrokerConfig {
  core::Properties properties{core::PropertyScope::kBroker};
  std::vector<std::string> log_directories;  // at least one; the first holds the metadata
  storage::FileSystem* file_system = &storage::PosixFileSystem();
  Endpoint listen;
  Endpoint advertised;              // port 0: the one that is listened on
  std::optional<Endpoint> metrics;  // metrics.listener
  size_t shards = 1;
  BrokerLimits limits;
  // Lines to be logged once: properties of Kafka's that have no meaning here, risky settings.
  std::vector<std::string> warnings;
};

// Settings of the form MILLRACE_NUM_PARTITIONS=3, for num.partitions. Variables that begin so and
// name no property are not refused, for not all are the broker's; each gets a warning.
struct EnvironmentSettings {
  std::vector<NameAndValue> values;
  std::vector<std::string> warnings;
};
EnvironmentSettings ReadEnvironment(const std::vector<std::string>& variables);
// "host:port" or "[v6]:port".
absl::StatusOr<Endpoint> ParseEndpoint(std::string_view text);

// Checks names and values and works out the rest. `cores` decides num.shards where it is 0.
absl::StatusOr<BrokerConfig> MakeConfig(const std::vector<NameAndValue>& values, size_t cores);

}  // namespace millrace
