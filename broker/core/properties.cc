#include "broker/core/properties.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <absl/container/flat_hash_set.h>
#include <fmt/format.h>

#include "proto/invariant.h"

namespace millrace::core {

namespace {

// Text from outside as part of a message, which has to stay short.
constexpr size_t kShownMax = 100;
std::string Shown(std::string_view text) {
  if (text.size() <= kShownMax) return std::string(text);
  return fmt::format("{}...", text.substr(0, kShownMax));
}

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n\f";
  size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// Kafka's readers take one plus sign and blanks around a number.
template <class Number>
std::optional<Number> ParseNumber(std::string_view text) {
  text = Trim(text);
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  Number value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> ParseBool(std::string_view text) {
  std::string lower(Trim(text));
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (lower == "true") return true;
  if (lower == "false") return false;
  return std::nullopt;
}

// Calls `visit` with each element that is not empty; stops when it returns false.
template <class Visit>
bool EachElement(std::string_view list, Visit visit) {
  while (!list.empty()) {
    size_t comma = std::min(list.find(','), list.size());
    std::string_view element = Trim(list.substr(0, comma));
    if (!element.empty() && !visit(element)) return false;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return true;
}

bool IsEmptyList(std::string_view list) {
  return EachElement(list, [](std::string_view) { return false; });
}

bool IsElement(std::string_view list, std::string_view value) {
  return !EachElement(list, [value](std::string_view element) { return element != value; });
}

bool IsChosen(const Property& property, std::string_view value) {
  if (property.choices.empty()) return true;
  if (property.type != PropertyType::kList) return IsElement(property.choices, value);
  return EachElement(value, [&property](std::string_view element) {
    return IsElement(property.choices, element);
  });
}

template <class Number>
std::optional<std::string> OutOfBounds(const Property& property, std::optional<Number> number,
                                       std::string_view kind, std::string_view value) {
  if (!number.has_value()) {
    return fmt::format("{} must be a {}, not '{}'", property.name, kind, Shown(value));
  }
  // A maximum that is none counts for no number, also for one that no integer can hold.
  bool is_below_max = property.max == INT64_MAX || *number <= static_cast<Number>(property.max);
  if (*number >= static_cast<Number>(property.min) && is_below_max) return std::nullopt;
  return fmt::format("{} must be between {} and {}, not {}", property.name, property.min,
                     property.max, *number);
}

// Levenshtein's distance, one row at a time; `limit` stands for that much and more.
size_t EditDistance(std::string_view a, std::string_view b, size_t limit) {
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) >= limit) return limit;
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    size_t least = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t above = row[j];
      size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above + 1, row[j - 1] + 1, changed});
      diagonal = above;
      least = std::min(least, row[j]);
    }
    if (least >= limit) return limit;
  }
  return std::min(row[b.size()], limit);
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
  // What a single listener of Kafka's has of its own.
  return name.starts_with("listener.name.") ||
         std::find(names.begin(), names.end(), name) != names.end();
}

std::string_view NearestProperty(PropertyScope scope, std::string_view name) {
  std::string_view nearest;
  // What differs in more than a third of its letters is no help, and would take long to find.
  size_t nearest_distance = name.size() / 3 + 2;
  for (const Property& property : AllProperties()) {
    if (property.scope != scope) continue;
    size_t distance = EditDistance(name, property.name, nearest_distance);
    if (distance >= nearest_distance) continue;
    nearest = property.name;
    nearest_distance = distance;
  }
  return nearest;
}

std::string UnknownProperty(PropertyScope scope, std::string_view name) {
  std::string_view nearest;
  if (name.size() <= kShownMax) nearest = NearestProperty(scope, name);
  if (nearest.empty()) return fmt::format("unknown property '{}'", Shown(name));
  return fmt::format("unknown property '{}'; the nearest known one is '{}'", name, nearest);
}

std::optional<std::string> InvalidValue(const Property& property, std::string_view value) {
  switch (property.type) {
    case PropertyType::kBool:
      if (ParseBool(value).has_value() && IsChosen(property, Canonical(property, value))) {
        return std::nullopt;
      }
      if (!property.choices.empty()) break;
      return fmt::format("{} must be true or false, not '{}'", property.name, Shown(value));
    case PropertyType::kList:
      if (property.min > 0 && IsEmptyList(value)) {
        return fmt::format("{} must name at least one of {}", property.name, property.choices);
      }
      [[fallthrough]];
    case PropertyType::kText:
      if (IsChosen(property, Trim(value))) return std::nullopt;
      break;
    case PropertyType::kInt:
    case PropertyType::kShort:
    case PropertyType::kLong:
      if (!property.choices.empty() && ParseNumber<int64_t>(value).has_value() &&
          !IsElement(property.choices, Canonical(property, value))) {
        break;
      }
      if (!property.allows_zero && ParseNumber<int64_t>(value) == 0) {
        return fmt::format("{} must be -1 (no limit), or 1 or more, not 0", property.name);
      }
      return OutOfBounds(property, ParseNumber<int64_t>(value), "whole number", value);
    case PropertyType::kDouble:
      return OutOfBounds(property, ParseNumber<double>(value), "number", value);
  }
  return fmt::format("{} must be one of {}, not '{}'", property.name, property.choices,
                     Shown(value));
}

std::string Canonical(const Property& property, std::string_view value) {
  switch (property.type) {
    case PropertyType::kBool:
      return ParseBool(value).value_or(false) ? "true" : "false";
    case PropertyType::kInt:
    case PropertyType::kShort:
    case PropertyType::kLong: {
      std::optional<int64_t> number = ParseNumber<int64_t>(value);
      return number.has_value() ? fmt::format("{}", *number) : std::string(value);
    }
    case PropertyType::kText:
    case PropertyType::kDouble:
      return std::string(Trim(value));
    case PropertyType::kList:
      break;
  }
  std::string list;
  absl::flat_hash_set<std::string_view> seen;
  EachElement(value, [&](std::string_view element) {
    if (!seen.insert(element).second) return true;
    if (!list.empty()) list += ',';
    list += element;
    return true;
  });
  return list;
}

std::string_view HelpOf(const Property& property) {
  if (!property.help.empty() || property.broker_name.empty()) return property.help;
  const Property* broker = FindProperty(PropertyScope::kBroker, property.broker_name);
  return broker == nullptr ? std::string_view() : broker->help;
}

std::optional<std::string> Properties::Set(std::string_view name, std::string_view value) {
  const Property* property = FindProperty(scope_, name);
  if (property == nullptr) return UnknownProperty(scope_, name);
  std::optional<std::string> fault = InvalidValue(*property, value);
  if (!fault.has_value()) values_[std::string(name)] = Canonical(*property, value);
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
  std::optional<int64_t> value = ParseNumber<int64_t>(Value(name));
  INVARIANT(value.has_value());
  return *value;
}

double Properties::Double(std::string_view name) const {
  std::optional<double> value = ParseNumber<double>(Value(name));
  INVARIANT(value.has_value());
  return *value;
}

bool Properties::Bool(std::string_view name) const { return Value(name) == "true"; }

std::string Properties::Text(std::string_view name) const { return std::string(Value(name)); }

std::vector<std::string> Properties::List(std::string_view name) const {
  std::vector<std::string> elements;
  EachElement(Value(name), [&elements](std::string_view element) {
    elements.emplace_back(element);
    return true;
  });
  return elements;
}

std::string Properties::Effective(std::string_view name) const {
  std::span<const Unit> units = UnitsOf(name);
  if (units.empty()) return Text(name);
  const Unit* chosen = &units.back();
  for (auto unit = units.rbegin(); unit != units.rend(); ++unit) {
    if (IsSet(unit->name)) chosen = &*unit;
  }
  int64_t value = Integer(chosen->name);
  // Minus one means "never" in every unit.
  if (value < 0) return fmt::format("{}", value);
  int64_t product = 0;
  if (__builtin_mul_overflow(value, chosen->factor, &product)) product = INT64_MAX;
  return fmt::format("{}", product);
}

}  // namespace millrace::core
