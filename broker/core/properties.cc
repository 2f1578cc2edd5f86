#include "broker/core/properties.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/format.h>

#include "proto/invariant.h"

namespace millrace::core {

namespace {

std::optional<int64_t> ParseInteger(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool IsChoice(std::string_view choices, std::string_view value) {
  while (!choices.empty()) {
    size_t comma = std::min(choices.find(','), choices.size());
    if (choices.substr(0, comma) == value) return true;
    choices.remove_prefix(std::min(comma + 1, choices.size()));
  }
  return false;
}

// Levenshtein's distance, one row at a time.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above + 1, row[j - 1] + 1, changed});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

const Property* FindProperty(PropertyScope scope, std::string_view name) {
  for (const Property& property : AllProperties()) {
    if (property.scope == scope && property.name == name) return &property;
  }
  return nullptr;
}

bool IsKafkaOnlyProperty(std::string_view name) {
  std::span<const std::string_view> names = KafkaOnlyPropertyNames();
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string_view NearestProperty(PropertyScope scope, std::string_view name) {
  std::string_view nearest;
  size_t nearest_distance = SIZE_MAX;
  for (const Property& property : AllProperties()) {
    if (property.scope != scope) continue;
    size_t distance = EditDistance(name, property.name);
    if (distance >= nearest_distance) continue;
    nearest = property.name;
    nearest_distance = distance;
  }
  return nearest;
}

std::optional<std::string> InvalidValue(const Property& property, std::string_view value) {
  switch (property.type) {
    case PropertyType::kBool:
      if (value == "true" || value == "false") return std::nullopt;
      return fmt::format("{} must be true or false, not '{}'", property.name, value);
    case PropertyType::kText:
      if (property.choices.empty() || IsChoice(property.choices, value)) return std::nullopt;
      return fmt::format("{} must be one of {}, not '{}'", property.name, property.choices, value);
    case PropertyType::kInt:
    case PropertyType::kLong:
      break;
  }
  std::optional<int64_t> number = ParseInteger(value);
  if (!number.has_value()) {
    return fmt::format("{} must be a whole number, not '{}'", property.name, value);
  }
  if (!property.choices.empty() && !IsChoice(property.choices, value)) {
    return fmt::format("{} must be one of {}, not {}", property.name, property.choices, value);
  }
  if (*number >= property.min && *number <= property.max) return std::nullopt;
  return fmt::format("{} must be between {} and {}, not {}", property.name, property.min,
                     property.max, *number);
}

std::optional<std::string> Properties::Set(std::string_view name, std::string_view value) {
  const Property* property = FindProperty(scope_, name);
  if (property == nullptr) {
    return fmt::format("unknown property '{}'; the nearest known one is '{}'", name,
                       NearestProperty(scope_, name));
  }
  std::optional<std::string> fault = InvalidValue(*property, value);
  if (!fault.has_value()) values_[std::string(name)] = std::string(value);
  return fault;
}

std::string_view Properties::Value(std::string_view name) const {
  auto found = values_.find(name);
  if (found != values_.end()) return found->second;
  const Property* property = FindProperty(scope_, name);
  INVARIANT(property != nullptr);
  return property->default_value;
}

int64_t Properties::Integer(std::string_view name) const {
  std::optional<int64_t> value = ParseInteger(Value(name));
  INVARIANT(value.has_value());
  return *value;
}

bool Properties::Bool(std::string_view name) const { return Value(name) == "true"; }

std::string Properties::Text(std::string_view name) const { return std::string(Value(name)); }

}  // namespace millrace::core
