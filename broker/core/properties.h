// The one table of properties: Kafka's names where the meaning is Kafka's. Checked when a value is
// set; parts of the broker get small option structs, never this table.
//
// Pure; immutable after start. A topic property takes its default from the broker property named in
// `broker_name` (retention.ms from log.retention.ms, and so on).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace millrace::core {

enum class PropertyType { kBool, kInt, kLong, kText };
enum class PropertyScope { kBroker, kTopic };

struct Property {
  std::string_view name;
  PropertyScope scope;
  PropertyType type;
  std::string_view default_value;  // empty: none
  int64_t min = INT64_MIN;
  int64_t max = INT64_MAX;
  std::string_view choices;      // comma-separated; empty: any text, any number within the bounds
  std::string_view broker_name;  // topic scope: where the default comes from
  std::string_view help;
};

std::span<const Property> AllProperties();
const Property* FindProperty(PropertyScope scope, std::string_view name);
// Names of Kafka's broker properties that are accepted and have no effect here.
std::span<const std::string_view> KafkaOnlyPropertyNames();
bool IsKafkaOnlyProperty(std::string_view name);
// The known name that looks most like `name`.
std::string_view NearestProperty(PropertyScope scope, std::string_view name);
// Why `value` cannot be a value of the property; none when it can.
std::optional<std::string> InvalidValue(const Property& property, std::string_view value);

// Values that were set, over the defaults of the table.
class Properties {
 public:
  explicit Properties(PropertyScope scope) : scope_(scope) {}

  // Why it is refused; none when it was set. Unknown names suggest the nearest one.
  std::optional<std::string> Set(std::string_view name, std::string_view value);
  bool IsSet(std::string_view name) const { return values_.contains(name); }
  const std::map<std::string, std::string, std::less<>>& values() const { return values_; }

  // Precondition: the table has the name, with this type. Text without a default is empty.
  int64_t Integer(std::string_view name) const;
  bool Bool(std::string_view name) const;
  std::string Text(std::string_view name) const;

 private:
  std::string_view Value(std::string_view name) const;

  PropertyScope scope_;
  std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace millrace::core
