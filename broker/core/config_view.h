// What is told about properties: the value that counts, where it comes from, and what would count
// without it. As Kafka tells it.
//
// Pure. The views point into the property table, and into nothing else.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/broker_configs.h"

namespace millrace::core {

// Who set a value, the first that counts first; a group's own come where a topic's do.
enum class ConfigLayer { kTopic, kOneBroker, kAllBrokers, kAtStart, kDefault, kGroup };

struct ConfigSetting {
  std::string_view name;
  std::string value;
  ConfigLayer layer;
};

struct ConfigView {
  const Property* property;
  std::optional<std::string> value;
  ConfigLayer layer;
  bool is_read_only;
  // All that set it, the one that counts first; empty where only another unit is set.
  std::vector<ConfigSetting> settings;
};

// Every property of a topic; `set` are the topic's own.
std::vector<ConfigView> ViewTopic(const BrokerConfigs& broker, const PropertyValues& set);
// Every property of a group; `set` are the group's own.
std::vector<ConfigView> ViewGroup(const BrokerConfigs& broker, const PropertyValues& set);
// Every property of this broker.
std::vector<ConfigView> ViewBroker(const BrokerConfigs& broker);
// What was changed for all brokers while they ran.
std::vector<ConfigView> ViewAllBrokers(const BrokerConfigs& broker);

}  // namespace millrace::core
