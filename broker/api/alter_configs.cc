// AlterConfigs and IncrementalAlterConfigs.
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "broker/api/handlers.h"
#include "broker/api/loggers.h"
#include "proto/topic_name.h"

namespace millrace::api {

namespace {

using wire::ConfigResourceType;

constexpr size_t kShownMax = 100;

struct Refusal {
  ErrorCode error = ErrorCode::kNone;
  std::string message;
};

Refusal Invalid(std::string message) { return {ErrorCode::kInvalidRequest, std::move(message)}; }

struct Asked {
  ConfigResourceType type;
  std::string_view name;
  service::ConfigAlteration alteration;
};

// AlterConfigs names every value that is to be set.
std::optional<core::ConfigOperation> OperationOf(const wire::AlterConfigsRequest::Config&) {
  return core::ConfigOperation::kSet;
}

std::optional<core::ConfigOperation> OperationOf(
    const wire::IncrementalAlterConfigsRequest::Config& config) {
  switch (config.config_operation) {
    case wire::ConfigOperation::kSet:
      return core::ConfigOperation::kSet;
    case wire::ConfigOperation::kDelete:
      return core::ConfigOperation::kDelete;
    case wire::ConfigOperation::kAppend:
      return core::ConfigOperation::kAppend;
    case wire::ConfigOperation::kSubtract:
      return core::ConfigOperation::kSubtract;
  }
  return std::nullopt;
}

// The changes of a resource; refuses what can be said to no resource.
template <class Config>
Refusal ReadChanges(const wire::Array<Config>& configs, std::vector<core::ConfigChange>& changes) {
  std::set<std::string_view> names;
  for (const Config& config : configs) {
    std::string_view shown = config.name.substr(0, kShownMax);
    std::optional<core::ConfigOperation> operation = OperationOf(config);
    if (!operation.has_value()) return Invalid(fmt::format("unknown operation on '{}'", shown));
    if (!names.insert(config.name).second) {
      return Invalid(fmt::format("'{}' stands twice in the request", shown));
    }
    if (*operation != core::ConfigOperation::kDelete && !config.value.has_value()) {
      return Invalid(fmt::format("'{}' has a null value", shown));
    }
    changes.push_back(
        {std::string(config.name), *operation, std::string(config.value.value_or(""))});
  }
  return {};
}

awaitable<Refusal> AlterTopic(const Context& context, const Asked& asked) {
  if (asked.name.empty()) co_return Invalid("there are no properties of all topics: name one");
  std::optional<std::string> bad_name = InvalidTopicName(asked.name);
  if (bad_name.has_value()) {
    co_return Refusal{ErrorCode::kInvalidTopicException, *std::move(bad_name)};
  }
  service::TopicOutcome outcome =
      co_await context.services.topics.AlterConfigs(std::string(asked.name), asked.alteration);
  co_return Refusal{outcome.error, std::move(outcome.message)};
}

// The broker that is named, which has to be a member of the cluster.
Refusal ReadBroker(const Context& context, std::string_view name, std::optional<BrokerId>& broker) {
  int32_t id = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (error != std::errc() || end != name.data() + name.size()) {
    return Invalid(fmt::format("a broker's name is its id, a whole number, not '{}'",
                               name.substr(0, kShownMax)));
  }
  for (const core::BrokerImage& member : context.services.cluster.current().brokers) {
    if (member.id == BrokerId(id)) broker = member.id;
  }
  return broker.has_value() ? Refusal{} : Invalid(fmt::format("there is no broker {}", id));
}

awaitable<Refusal> AlterBroker(const Context& context, const Asked& asked) {
  std::optional<BrokerId> broker;
  if (!asked.name.empty()) {
    Refusal refusal = ReadBroker(context, asked.name, broker);
    if (refusal.error != ErrorCode::kNone) co_return refusal;
  }
  service::ConfigOutcome outcome =
      co_await context.services.broker_configs.Alter(broker, asked.alteration);
  co_return Refusal{outcome.error, std::move(outcome.message)};
}

awaitable<Refusal> AlterGroup(const Context& context, const Asked& asked) {
  if (asked.name.empty()) co_return Invalid("there are no properties of all groups: name one");
  service::ConfigOutcome outcome = co_await context.services.broker_configs.AlterGroup(
      std::string(asked.name), asked.alteration);
  co_return Refusal{outcome.error, std::move(outcome.message)};
}

Refusal AlterLogger(const Context& context, const Asked& asked) {
  std::optional<BrokerId> broker;
  Refusal refusal = ReadBroker(context, asked.name, broker);
  if (refusal.error != ErrorCode::kNone) return refusal;
  if (asked.alteration.replace) return Invalid("log levels are altered incrementally");
  core::ConfigPlan plan = AlterLoggers(asked.alteration.changes, asked.alteration.validate_only);
  return {plan.error, std::move(plan.message)};
}

awaitable<Refusal> AlterOne(const Context& context, const Asked& asked) {
  switch (asked.type) {
    case ConfigResourceType::kTopic:
      co_return co_await AlterTopic(context, asked);
    case ConfigResourceType::kBroker:
      co_return co_await AlterBroker(context, asked);
    case ConfigResourceType::kBrokerLogger:
      co_return AlterLogger(context, asked);
    case ConfigResourceType::kClientMetrics:
      co_return Invalid("this broker has no client metrics");
    case ConfigResourceType::kGroup:
      co_return co_await AlterGroup(context, asked);
    case ConfigResourceType::kUnknown:
      break;
  }
  co_return Invalid(fmt::format("unknown resource type {}", static_cast<int>(asked.type)));
}

// Each resource by itself: one that is refused does not keep the others from being changed.
template <class Request, class Response>
awaitable<void> Alter(const Context& context, const Request& request, bool replace,
                      Response& response) {
  std::map<std::pair<ConfigResourceType, std::string_view>, int> count;
  for (const auto& resource : request.resources) {
    ++count[{resource.resource_type, resource.resource_name}];
  }
  response.responses =
      context.arena().NewArray<wire::AlteredConfigResource>(request.resources.size());
  for (size_t i = 0; i < request.resources.size(); ++i) {
    const auto& resource = request.resources[i];
    Asked asked{resource.resource_type, resource.resource_name, {}};
    asked.alteration.replace = replace;
    asked.alteration.validate_only = request.validate_only;
    Refusal refusal;
    if (count[{asked.type, asked.name}] > 1) {
      refusal = Invalid("the resource stands twice in the request");
    } else {
      refusal = ReadChanges(resource.configs, asked.alteration.changes);
    }
    if (refusal.error == ErrorCode::kNone) refusal = co_await AlterOne(context, asked);
    wire::AlteredConfigResource& answer = response.responses[i];
    answer.resource_type = asked.type;
    answer.resource_name = asked.name;
    answer.error_code = refusal.error;
    if (refusal.error != ErrorCode::kNone) {
      answer.error_message = context.arena().Copy(refusal.message);
    }
  }
}

}  // namespace

awaitable<void> HandleAlterConfigs(Context& context, wire::AlterConfigsRequest& request,
                                   AnswerSlot slot) {
  wire::AlterConfigsResponse response;
  co_await Alter(context, request, true, response);
  Answer(context, slot, response);
}

awaitable<void> HandleIncrementalAlterConfigs(Context& context,
                                              wire::IncrementalAlterConfigsRequest& request,
                                              AnswerSlot slot) {
  wire::IncrementalAlterConfigsResponse response;
  co_await Alter(context, request, false, response);
  Answer(context, slot, response);
}

}  // namespace millrace::api
