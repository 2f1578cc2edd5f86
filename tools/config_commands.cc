// `millrace config`: properties of topics, groups and brokers, described and changed.
#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "proto/wire/describe_configs.h"
#include "tools/commands.h"
#include "tools/config_changes.h"

namespace millrace::tools {

namespace {

namespace json = boost::json;

using Config = wire::DescribeConfigsResponse::Config;

constexpr int16_t kDescribeConfigsVersion = 4;

struct Target {
  wire::ConfigResourceType type = wire::ConfigResourceType::kBroker;
  std::string name;
  std::string text;  // for people
};

Target TargetOf(const ConfigOptions& options) {
  if (!options.topic.empty()) {
    return {wire::ConfigResourceType::kTopic, options.topic,
            fmt::format("topic '{}'", options.topic)};
  }
  if (!options.group.empty()) {
    return {wire::ConfigResourceType::kGroup, options.group,
            fmt::format("group '{}'", options.group)};
  }
  if (options.broker_default) return {.text = "all brokers"};
  std::string id = fmt::format("{}", options.broker.value_or(-1));
  return {.name = id, .text = fmt::format("broker {}", id)};
}

json::object ToJson(const Target& target) {
  if (target.type == wire::ConfigResourceType::kTopic) return {{"topic", target.name}};
  if (target.type == wire::ConfigResourceType::kGroup) return {{"group", target.name}};
  return {{"broker", target.name.empty() ? "default" : target.name}};
}

void Print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
}

int Fail(const ConfigOptions& options, std::string_view error, std::string_view message) {
  Target target = TargetOf(options);
  if (options.json) {
    json::object object = ToJson(target);
    object["error"] = error;
    object["message"] = message;
    Print(json::serialize(object));
  } else {
    std::string text = message.empty() ? std::string(error) : fmt::format("{}: {}", error, message);
    std::fprintf(stderr, "millrace: %s: %s\n", target.text.c_str(), text.c_str());
  }
  return 1;
}

int Fail(const ConfigOptions& options, const absl::Status& status) {
  return Fail(options, "UNAVAILABLE", std::string(status.message()));
}

std::string_view SourceName(wire::ConfigSource source) {
  switch (source) {
    case wire::ConfigSource::kTopicConfig:
      return "topic";
    case wire::ConfigSource::kDynamicBrokerConfig:
      return "broker, changed";
    case wire::ConfigSource::kDynamicDefaultBrokerConfig:
      return "all brokers, changed";
    case wire::ConfigSource::kStaticBrokerConfig:
      return "broker, at start";
    case wire::ConfigSource::kDefaultConfig:
      return "default";
    case wire::ConfigSource::kDynamicBrokerLoggerConfig:
    case wire::ConfigSource::kClientMetricsConfig:
    case wire::ConfigSource::kGroupConfig:
    case wire::ConfigSource::kUnknown:
    case wire::ConfigSource::kNotGiven:
      break;
  }
  return "unknown";
}

std::string_view TypeName(wire::ConfigType type) {
  switch (type) {
    case wire::ConfigType::kBoolean:
      return "boolean";
    case wire::ConfigType::kString:
      return "string";
    case wire::ConfigType::kInt:
      return "int";
    case wire::ConfigType::kShort:
      return "short";
    case wire::ConfigType::kLong:
      return "long";
    case wire::ConfigType::kDouble:
      return "double";
    case wire::ConfigType::kList:
      return "list";
    case wire::ConfigType::kClass:
      return "class";
    case wire::ConfigType::kPassword:
      return "password";
    case wire::ConfigType::kUnknown:
      break;
  }
  return "unknown";
}

json::value ToJson(const std::optional<std::string_view>& value) {
  if (!value.has_value()) return nullptr;
  return json::value(*value);
}

json::object ToJson(const Config& config) {
  json::array synonyms;
  for (const auto& synonym : config.synonyms) {
    synonyms.push_back(json::object{{"name", synonym.name},
                                    {"value", ToJson(synonym.value)},
                                    {"source", SourceName(synonym.source)}});
  }
  return {{"name", config.name},
          {"value", ToJson(config.value)},
          {"source", SourceName(config.config_source)},
          {"type", TypeName(config.config_type)},
          {"readOnly", config.read_only},
          {"sensitive", config.is_sensitive},
          {"synonyms", synonyms}};
}

void PrintConfigs(const std::vector<const Config*>& configs) {
  size_t name_width = 4;
  size_t value_width = 5;
  for (const Config* config : configs) {
    name_width = std::max(name_width, config->name.size());
    value_width = std::max(value_width, config->value.value_or("-").size());
  }
  Print(fmt::format("{:<{}}  {:<{}}  SOURCE", "NAME", name_width, "VALUE", value_width));
  for (const Config* config : configs) {
    Print(fmt::format("{:<{}}  {:<{}}  {}", config->name, name_width, config->value.value_or("-"),
                      value_width, SourceName(config->config_source)));
  }
}

}  // namespace

int DescribeConfigs(const ConfigOptions& options) {
  auto connection = AdminConnection::Connect(options.bootstrap_server);
  if (!connection.ok()) return Fail(options, connection.status());
  Target target = TargetOf(options);
  wire::DescribeConfigsRequest::Resource resource{.resource_type = target.type,
                                                  .resource_name = target.name};
  wire::DescribeConfigsRequest request{.resources = wire::Array(&resource, 1),
                                       .include_synonyms = true};
  wire::DescribeConfigsResponse response;
  absl::Status status = connection->Call(kDescribeConfigsVersion, request, response);
  if (!status.ok()) return Fail(options, status);
  if (response.results.size() != 1) return Fail(options, "UNKNOWN_SERVER_ERROR", "no answer");
  const auto& result = response.results[0];
  if (result.error_code != ErrorCode::kNone) {
    return Fail(options, ErrorName(result.error_code), result.error_message.value_or(""));
  }
  std::vector<const Config*> configs;
  for (const Config& config : result.configs) configs.push_back(&config);
  std::sort(configs.begin(), configs.end(),
            [](const Config* a, const Config* b) { return a->name < b->name; });
  if (!options.json) {
    PrintConfigs(configs);
    return 0;
  }
  json::array array;
  for (const Config* config : configs) array.push_back(ToJson(*config));
  json::object object = ToJson(target);
  object["configs"] = std::move(array);
  Print(json::serialize(object));
  return 0;
}

int AlterConfigs(const ConfigOptions& options) {
  auto changes = ParseConfigChanges(options.configs, options.delete_configs);
  if (!changes.ok()) {
    return Fail(options, "INVALID_CONFIG", std::string(changes.status().message()));
  }
  if (changes->empty()) {
    return Fail(options, "INVALID_REQUEST", "nothing to change: give --config or --delete-config");
  }
  auto connection = AdminConnection::Connect(options.bootstrap_server);
  if (!connection.ok()) return Fail(options, connection.status());
  Target target = TargetOf(options);
  auto altered = SendConfigChanges(*connection, {target.type, target.name}, *changes);
  if (!altered.ok()) return Fail(options, altered.status());
  if (altered->error_code != ErrorCode::kNone) {
    return Fail(options, ErrorName(altered->error_code), altered->error_message.value_or(""));
  }
  if (options.json) {
    json::object object = ToJson(target);
    object["altered"] = true;
    Print(json::serialize(object));
  } else {
    Print(fmt::format("altered {}", target.text));
  }
  return 0;
}

}  // namespace millrace::tools
