// The levels of the broker's loggers, by Kafka's names (KIP-412). There is one logger, `root`; a
// change lasts until the process ends.
//
// Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/core/config_change.h"

namespace millrace::api {

inline constexpr std::string_view kRootLogger = "root";

// TRACE, DEBUG, INFO, WARN, ERROR, FATAL or OFF.
std::string_view RootLoggerLevel();
// Checks all changes, then makes them.
core::ConfigPlan AlterLoggers(const std::vector<core::ConfigChange>& changes, bool validate_only);

}  // namespace millrace::api
