// What a request to change properties comes to: every change checked against the table, and the
// values that are set afterwards. All changes of a request are taken, or none.
//
//   ConfigPlan plan = PlanTopicConfigs(topic.configs, {{"retention.ms", ConfigOperation::kSet,
//   "5"}}); if (plan.error == ErrorCode::kNone) ... plan.values ...
//
// Pure.
#pragma once

#include <string>
#include <vector>

#include "broker/core/properties.h"
#include "proto/error_code.h"

namespace millrace::core {

enum class ConfigOperation {
  kSet,
  kDelete,    // back to the default; a name that is not set, or not known, is no fault
  kAppend,    // the elements of a list that are not in it yet
  kSubtract,  // the elements of a list
};

struct ConfigChange {
  std::string name;
  ConfigOperation operation;
  std::string value;
};

struct ConfigPlan {
  ErrorCode error = ErrorCode::kNone;
  std::string message;
  PropertyValues values;
  std::vector<std::string> without_effect;  // names that were set and change nothing here
};

// Whose properties are changed: of all brokers, or of one.
enum class BrokerLevel { kAll, kOne };

// `set`: what is set before; empty where the request replaces everything.
ConfigPlan PlanTopicConfigs(PropertyValues set, const std::vector<ConfigChange>& changes);
// A group's values must lie between the bounds that the broker has for them, and those of a broker
// that is started with values outside of them do not count as outside.
ConfigPlan PlanGroupConfigs(PropertyValues set, const std::vector<ConfigChange>& changes,
                            const Properties& broker);
ConfigPlan PlanBrokerConfigs(PropertyValues set, const std::vector<ConfigChange>& changes,
                             BrokerLevel level);

}  // namespace millrace::core
