// Properties files, any value for any property, and requests that change properties. What was
// accepted must be readable as what the table says that it is.
#include "broker/core/properties.h"

#include "broker/app/properties_file.h"
#include "broker/core/config_change.h"
#include "tests/fuzz/input.h"

namespace millrace::fuzz {
namespace {

using core::Property;
using core::PropertyScope;
using core::PropertyType;

void ReadFile(Input input) {
  const std::string_view text = AsText(input.TakeRest());
  const auto values = ParsePropertiesFile(text);
  if (!values.ok()) {
    INVARIANT(!values.status().message().empty());
    return;
  }
  core::Properties properties(PropertyScope::kBroker);
  for (const auto& [name, value] : *values) {
    INVARIANT(name.size() + value.size() < text.size());
    INVARIANT(name.find('\n') == std::string::npos && value.find('\n') == std::string::npos);
    const auto fault = properties.Set(name, value);
    if (!fault.has_value()) INVARIANT(properties.IsSet(name));
  }
}

void ReadBack(const core::Properties& properties, const Property& property) {
  const std::string text = properties.Text(property.name);
  switch (property.type) {
    case PropertyType::kBool:
      properties.Bool(property.name);
      break;
    case PropertyType::kText:
    case PropertyType::kList:
    case PropertyType::kDouble:
      break;
    case PropertyType::kInt:
    case PropertyType::kShort:
    case PropertyType::kLong: {
      if (text.empty()) break;
      const int64_t value = properties.Integer(property.name);
      INVARIANT(value >= property.min && value <= property.max);
    }
  }
  // As it is shown it can be set again, and is then shown the same.
  if (!properties.IsSet(property.name)) return;
  core::Properties again(property.scope);
  INVARIANT(!again.Set(property.name, text).has_value());
  INVARIANT(again.Text(property.name) == text);
}

void SetKnown(Input input) {
  const auto all = core::AllProperties();
  const Property& property = all[input.Take<uint16_t>() % all.size()];
  core::Properties properties(property.scope);
  const auto fault = properties.Set(property.name, AsText(input.TakeRest()));
  INVARIANT(fault.has_value() != properties.IsSet(property.name));
  if (fault.has_value()) INVARIANT(!fault->empty());
  ReadBack(properties, property);
}

void SetAny(Input input) {
  const auto scope = input.TakeByte() % 2 == 0 ? PropertyScope::kBroker : PropertyScope::kTopic;
  const std::string_view name = AsText(input.TakeBytes(input.TakeByte() % 64));
  core::Properties properties(scope);
  const auto fault = properties.Set(name, AsText(input.TakeRest()));
  INVARIANT(fault.has_value() != properties.IsSet(name));
  core::IsKafkaOnlyProperty(name);
}

// Changes as an IncrementalAlterConfigs request has them, one after the other, of few names.
void ChangeConfigs(Input input) {
  const uint8_t how = input.TakeByte();
  const auto all = core::AllProperties();
  core::PropertyValues set;
  while (!input.empty()) {
    core::ConfigChange change;
    change.operation = static_cast<core::ConfigOperation>(input.TakeByte() % 4);
    change.name = all[input.Take<uint16_t>() % all.size()].name;
    change.value = AsText(input.TakeBytes(input.TakeByte() % 32));
    const core::ConfigPlan plan =
        (how & 1) != 0 ? core::PlanTopicConfigs(set, {change})
                       : core::PlanBrokerConfigs(
                             set, {change},
                             (how & 2) != 0 ? core::BrokerLevel::kAll : core::BrokerLevel::kOne);
    INVARIANT((plan.error == ErrorCode::kNone) == plan.message.empty());
    if (plan.error != ErrorCode::kNone) continue;
    set = plan.values;
    const auto scope = (how & 1) != 0 ? PropertyScope::kTopic : PropertyScope::kBroker;
    for (const auto& [name, value] : set) {
      const Property* property = core::FindProperty(scope, name);
      INVARIANT(property != nullptr);
      INVARIANT(!core::InvalidValue(*property, value).has_value());
    }
  }
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace::fuzz;
  constexpr void (*kParts[])(Input) = {ReadFile, SetKnown, SetAny, ChangeConfigs};
  Input input(data, size);
  const auto part = kParts[input.TakeByte() % std::size(kParts)];
  part(input);
  return 0;
}
