#include "broker/core/config_change.h"

#include <algorithm>
#include <array>
#include <utility>

#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include "proto/wire/codec.h"

namespace millrace::core {

namespace {

struct Refusal {
  ErrorCode error = ErrorCode::kNone;
  std::string message;
};

std::vector<std::string_view> Elements(std::string_view list) {
  std::vector<std::string_view> elements;
  while (!list.empty()) {
    size_t comma = std::min(list.find(','), list.size());
    if (comma > 0) elements.push_back(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return elements;
}

// What the property is without anybody's setting.
std::string_view DefaultOf(const Property& property) {
  const Property* broker = FindProperty(PropertyScope::kBroker, property.broker_name);
  return broker == nullptr ? property.default_value : broker->default_value;
}

// The list after the change. Both lists are canonical: no blanks, nothing twice.
std::string ChangedList(std::string_view list, ConfigOperation operation,
                        std::string_view operand) {
  std::vector<std::string_view> elements = Elements(list);
  std::vector<std::string_view> operands = Elements(operand);
  if (operation == ConfigOperation::kSubtract) {
    absl::flat_hash_set<std::string_view> gone(operands.begin(), operands.end());
    std::erase_if(elements, [&](std::string_view element) { return gone.contains(element); });
  } else {
    absl::flat_hash_set<std::string_view> known(elements.begin(), elements.end());
    for (std::string_view element : operands) {
      if (known.insert(element).second) elements.push_back(element);
    }
  }
  return fmt::format("{}", fmt::join(elements, ","));
}

class Planner {
 public:
  Planner(PropertyScope scope, PropertyValues set) : scope_(scope) {
    plan_.values = std::move(set);
  }

  // Precondition: the table has the property, and it may be changed.
  Refusal Change(const Property& property, const ConfigChange& change) {
    std::string value = change.value;
    bool is_partial = change.operation == ConfigOperation::kAppend ||
                      change.operation == ConfigOperation::kSubtract;
    if (is_partial && property.type != PropertyType::kList) {
      return {ErrorCode::kInvalidConfig,
              fmt::format("{} is no list: it can be set, but nothing can be appended to it or "
                          "subtracted from it",
                          property.name)};
    }
    if (is_partial) {
      auto found = plan_.values.find(property.name);
      std::string_view before =
          found == plan_.values.end() ? DefaultOf(property) : std::string_view(found->second);
      value = ChangedList(before, change.operation, Canonical(property, value));
    }
    std::optional<std::string> fault = InvalidValue(property, value);
    if (fault.has_value()) return {InvalidValueError(), *std::move(fault)};
    value = Canonical(property, value);
    // The value must fit into an answer.
    if (value.size() > wire::kStringBytesMax) {
      return {InvalidValueError(),
              fmt::format("the value of {} would have {} bytes; {} are allowed", property.name,
                          value.size(), wire::kStringBytesMax)};
    }
    plan_.values[change.name] = std::move(value);
    if (!property.has_effect) plan_.without_effect.push_back(change.name);
    return {};
  }

  void Delete(std::string_view name) {
    auto found = plan_.values.find(name);
    if (found != plan_.values.end()) plan_.values.erase(found);
  }
  void Ignore(const std::string& name) { plan_.without_effect.push_back(name); }

  ConfigPlan Take() { return std::move(plan_); }

 private:
  // Kafka tells the two apart.
  ErrorCode InvalidValueError() const {
    return scope_ == PropertyScope::kBroker ? ErrorCode::kInvalidRequest
                                            : ErrorCode::kInvalidConfig;
  }

  PropertyScope scope_;
  ConfigPlan plan_;
};

ConfigPlan Refused(Refusal refusal) {
  return {.error = refusal.error, .message = std::move(refusal.message)};
}

Refusal Unchangeable(const Property& property, BrokerLevel level) {
  if (property.update == UpdateMode::kReadOnly) {
    return {ErrorCode::kInvalidRequest,
            fmt::format("{} cannot be changed while the broker runs: set it in the broker's "
                        "configuration and start it again",
                        property.name)};
  }
  if (property.update == UpdateMode::kPerBroker && level == BrokerLevel::kAll) {
    return {ErrorCode::kInvalidRequest,
            fmt::format("{} cannot be changed for all brokers: name the broker", property.name)};
  }
  return {};
}

ConfigPlan PlanConfigs(PropertyScope scope, PropertyValues set,
                       const std::vector<ConfigChange>& changes) {
  Planner planner(scope, std::move(set));
  for (const ConfigChange& change : changes) {
    if (change.operation == ConfigOperation::kDelete) {
      planner.Delete(change.name);
      continue;
    }
    const Property* property = FindProperty(scope, change.name);
    if (property == nullptr) {
      return Refused({ErrorCode::kInvalidConfig, UnknownProperty(scope, change.name)});
    }
    Refusal refusal = planner.Change(*property, change);
    if (refusal.error != ErrorCode::kNone) return Refused(std::move(refusal));
  }
  return planner.Take();
}

// A group's property, and the broker's between which it must lie.
struct GroupBound {
  std::string_view name;
  std::string_view least;
  std::string_view most;
};

constexpr std::array kGroupBounds = std::to_array<GroupBound>({
    {"consumer.session.timeout.ms", "group.consumer.min.session.timeout.ms",
     "group.consumer.max.session.timeout.ms"},
    {"consumer.heartbeat.interval.ms", "group.consumer.min.heartbeat.interval.ms",
     "group.consumer.max.heartbeat.interval.ms"},
    {"consumer.assignment.interval.ms", "group.consumer.min.assignment.interval.ms",
     "group.consumer.max.assignment.interval.ms"},
});

Refusal OutOfBounds(const PropertyValues& values, const Properties& broker) {
  Properties group(PropertyScope::kGroup);
  for (const auto& [name, value] : values) static_cast<void>(group.Set(name, value));
  for (const GroupBound& bound : kGroupBounds) {
    if (!group.IsSet(bound.name)) continue;
    const int64_t value = group.Integer(bound.name);
    const Property* property = FindProperty(PropertyScope::kGroup, bound.name);
    const int64_t usual = broker.Integer(property->broker_name);
    const int64_t least = std::min(broker.Integer(bound.least), usual);
    const int64_t most = std::max(broker.Integer(bound.most), usual);
    if (value >= least && value <= most) continue;
    return {ErrorCode::kInvalidConfig, fmt::format("{} must be {} to {} here ({}, {})", bound.name,
                                                   least, most, bound.least, bound.most)};
  }
  return {};
}

}  // namespace

ConfigPlan PlanTopicConfigs(PropertyValues set, const std::vector<ConfigChange>& changes) {
  return PlanConfigs(PropertyScope::kTopic, std::move(set), changes);
}

ConfigPlan PlanGroupConfigs(PropertyValues set, const std::vector<ConfigChange>& changes,
                            const Properties& broker) {
  ConfigPlan plan = PlanConfigs(PropertyScope::kGroup, std::move(set), changes);
  if (plan.error != ErrorCode::kNone) return plan;
  Refusal refusal = OutOfBounds(plan.values, broker);
  return refusal.error == ErrorCode::kNone ? plan : Refused(std::move(refusal));
}

ConfigPlan PlanBrokerConfigs(PropertyValues set, const std::vector<ConfigChange>& changes,
                             BrokerLevel level) {
  Planner planner(PropertyScope::kBroker, std::move(set));
  for (const ConfigChange& change : changes) {
    const Property* property = FindProperty(PropertyScope::kBroker, change.name);
    if (change.operation == ConfigOperation::kDelete) {
      planner.Delete(change.name);
    } else if (property == nullptr && IsKafkaOnlyProperty(change.name)) {
      planner.Ignore(change.name);
    } else if (property == nullptr) {
      return Refused(
          {ErrorCode::kInvalidConfig, UnknownProperty(PropertyScope::kBroker, change.name)});
    } else {
      Refusal refusal = Unchangeable(*property, level);
      if (refusal.error == ErrorCode::kNone) refusal = planner.Change(*property, change);
      if (refusal.error != ErrorCode::kNone) return Refused(std::move(refusal));
    }
  }
  return planner.Take();
}

}  // namespace millrace::core
