#include "broker/api/loggers.h"

#include <array>
#include <optional>

#include <spdlog/spdlog.h>

namespace millrace::api {

namespace {

// By spdlog's numbers.
constexpr std::array<std::string_view, spdlog::level::n_levels> kLevels = {
    "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF"};

std::optional<spdlog::level::level_enum> LevelOf(std::string_view name) {
  for (size_t i = 0; i < kLevels.size(); ++i) {
    if (kLevels[i] == name) return static_cast<spdlog::level::level_enum>(i);
  }
  return std::nullopt;
}

core::ConfigPlan Refused(ErrorCode error, std::string message) {
  return {.error = error, .message = std::move(message)};
}

}  // namespace

std::string_view RootLoggerLevel() { return kLevels[static_cast<size_t>(spdlog::get_level())]; }

core::ConfigPlan AlterLoggers(const std::vector<core::ConfigChange>& changes, bool validate_only) {
  std::optional<spdlog::level::level_enum> level;
  for (const core::ConfigChange& change : changes) {
    if (change.name != kRootLogger) {
      return Refused(ErrorCode::kInvalidConfig, "the only logger is root");
    }
    if (change.operation != core::ConfigOperation::kSet) {
      return Refused(ErrorCode::kInvalidRequest, "the level of root can be set, nothing else");
    }
    level = LevelOf(change.value);
    if (!level.has_value()) {
      return Refused(ErrorCode::kInvalidConfig,
                     "a log level is one of TRACE, DEBUG, INFO, WARN, ERROR, FATAL and OFF");
    }
  }
  if (level.has_value() && !validate_only) spdlog::set_level(*level);
  return {};
}

}  // namespace millrace::api
