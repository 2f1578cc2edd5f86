// The one table of properties: Kafka's names where the meaning is Kafka's. Checked when a value is
// set; parts of the broker get small option structs, never this table.
//
//   Properties broker(PropertyScope::kBroker);
//   if (auto fault = broker.Set("log.retention.hours", "2")) return *fault;
//   broker.Effective("log.retention.ms");   // "7200000": the finest unit that is set
//
// Pure. A topic's or group's property takes its default from the broker property named in
// `broker_name` (retention.ms from log.retention.ms, and so on).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace millrace::core {

// Kafka's types; kText is its STRING. A list is separated by commas.
enum class PropertyType { kBool, kInt, kShort, kLong, kDouble, kText, kList };
enum class PropertyScope { kBroker, kTopic, kGroup };
// Kafka's update modes: who may change a broker property while the broker runs.
enum class UpdateMode { kReadOnly, kPerBroker, kClusterWide };

struct Property {
  std::string_view name;
  PropertyScope scope;
  PropertyType type;
  std::string_view default_value;  // empty: none
  int64_t min = INT64_MIN;
  int64_t max = INT64_MAX;
  std::string_view choices;  // comma-separated; empty: any text, any number within the bounds
  std::string_view
      broker_name;        // else than broker scope: where the default comes from; empty: here
  std::string_view help;  // the same: empty where the broker property's says it
  UpdateMode update = UpdateMode::kReadOnly;  // broker scope; others can always be changed
  // False: checked, stored and shown as in Kafka, but nothing here depends on it.
  bool has_effect = true;
  bool allows_zero = true;  // between a minimum below it and a maximum above
};

// One of several names for the same thing; the first that is set counts, then the last's default.
struct Unit {
  std::string_view name;
  int64_t factor;  // the value in units of the first name
};

std::span<const Property> AllProperties();
const Property* FindProperty(PropertyScope scope, std::string_view name);
// The names that mean the same as this broker property, in their order of precedence.
std::span<const Unit> UnitsOf(std::string_view broker_name);
// Names of Kafka's broker properties that are accepted and have no effect here.
std::span<const std::string_view> KafkaOnlyPropertyNames();
bool IsKafkaOnlyProperty(std::string_view name);
// The known name that looks most like `name`; empty where none does.
std::string_view NearestProperty(PropertyScope scope, std::string_view name);
std::string UnknownProperty(PropertyScope scope, std::string_view name);
// Why `value` cannot be a value of the property; none when it can.
std::optional<std::string> InvalidValue(const Property& property, std::string_view value);
// A valid value as it is stored and shown: without blanks around it, plus signs, and repeated
// elements of a list.
std::string Canonical(const Property& property, std::string_view value);
std::string_view HelpOf(const Property& property);

using PropertyValues = std::map<std::string, std::string, std::less<>>;

// Values that were set, over the defaults of the table.
class Properties {
 public:
  explicit Properties(PropertyScope scope) : scope_(scope) {}

  // Why it is refused; none when it was set. Unknown names suggest the nearest one.
  std::optional<std::string> Set(std::string_view name, std::string_view value);
  bool IsSet(std::string_view name) const { return values_.contains(name); }
  const PropertyValues& values() const { return values_; }

  // Precondition: the table has the name, with this type. Text without a default is empty.
  int64_t Integer(std::string_view name) const;
  double Double(std::string_view name) const;
  bool Bool(std::string_view name) const;
  std::string Text(std::string_view name) const;
  std::vector<std::string> List(std::string_view name) const;
  // The value that counts for a broker property which other names may set, too (UnitsOf).
  std::string Effective(std::string_view name) const;

 private:
  std::string_view Value(std::string_view name) const;

  PropertyScope scope_;
  PropertyValues values_;
};

}  // namespace millrace::core
