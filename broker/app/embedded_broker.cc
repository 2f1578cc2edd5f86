#include "broker/app/embedded_broker.h"

#include <utility>

#include <fmt/format.h>

namespace millrace {

absl::StatusOr<std::unique_ptr<Broker>> EmbeddedBroker::Start(
    const EmbeddedBrokerOptions& options) {
  std::vector<NameAndValue> values = options.properties;
  values.emplace_back("log.dirs", options.data_directory);
  values.emplace_back("listeners", fmt::format("PLAINTEXT://127.0.0.1:{}", options.port));
  values.emplace_back("num.shards", fmt::format("{}", options.shards));
  absl::StatusOr<BrokerConfig> config = MakeConfig(values, 1);
  if (!config.ok()) return config.status();
  if (options.file_system != nullptr) config->file_system = options.file_system;
  return Broker::Start(*std::move(config));
}

}  // namespace millrace
