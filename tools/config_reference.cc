// The part of docs/configuration.md that the property table says.
#include <cstdio>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "broker/core/properties.h"
#include "tools/commands.h"

namespace millrace::tools {

namespace {

using core::Property;
using core::PropertyType;

std::string_view TypeName(PropertyType type) {
  switch (type) {
    case PropertyType::kBool:
      return "boolean";
    case PropertyType::kInt:
      return "int";
    case PropertyType::kShort:
      return "short";
    case PropertyType::kLong:
      return "long";
    case PropertyType::kDouble:
      return "double";
    case PropertyType::kText:
      return "string";
    case PropertyType::kList:
      return "list";
  }
  return "";
}

bool IsNumber(PropertyType type) {
  return type == PropertyType::kInt || type == PropertyType::kShort ||
         type == PropertyType::kLong || type == PropertyType::kDouble;
}

std::string Bounds(const Property& property) {
  if (property.type == PropertyType::kBool && property.choices.empty()) return "`true`, `false`";
  if (!property.choices.empty()) {
    std::string text = "`";
    for (char c : property.choices) text += c == ',' ? std::string("`, `") : std::string(1, c);
    return text + "`";
  }
  if (!IsNumber(property.type)) return "";
  bool has_least = property.min != INT64_MIN;
  bool has_most = property.max != INT64_MAX && property.max != INT32_MAX;
  if (!has_least && !has_most) return "any";
  if (!has_most) return fmt::format("{} or more", property.min);
  return fmt::format("{} to {}", property.min, property.max);
}

std::string_view Changes(core::UpdateMode update) {
  switch (update) {
    case core::UpdateMode::kReadOnly:
      return "at start";
    case core::UpdateMode::kPerBroker:
      return "per broker";
    case core::UpdateMode::kClusterWide:
      return "any time";
  }
  return "";
}

std::string Default(const Property& property) {
  if (!property.broker_name.empty()) return fmt::format("`{}`", property.broker_name);
  if (!property.default_value.empty()) return fmt::format("`{}`", property.default_value);
  return property.type == PropertyType::kList ? "empty" : "none";
}

std::string Meaning(const Property& property) {
  return fmt::format("{}{}", core::HelpOf(property), property.has_effect ? "" : " *No effect.*");
}

void PrintRow(const Property& property) {
  std::string change = property.scope == core::PropertyScope::kBroker
                           ? fmt::format(" {} |", Changes(property.update))
                           : "";
  std::string row =
      fmt::format("| `{}` | {} | {} | {} |{} {} |", property.name, TypeName(property.type),
                  Default(property), Bounds(property), change, Meaning(property));
  std::puts(row.c_str());
}

void PrintTable(core::PropertyScope scope, const char* head, const char* line) {
  std::puts(head);
  std::puts(line);
  for (const Property& property : core::AllProperties()) {
    if (property.scope == scope) PrintRow(property);
  }
}

}  // namespace

int PrintConfigReference() {
  std::puts("## Broker properties\n");
  PrintTable(core::PropertyScope::kBroker,
             "| Property | Type | Default | Values | Changes | Meaning |",
             "|---|---|---|---|---|---|");
  std::puts("\n## Topic properties\n");
  PrintTable(core::PropertyScope::kTopic, "| Property | Type | Default | Values | Meaning |",
             "|---|---|---|---|---|");
  std::puts("\n## Group properties\n");
  PrintTable(core::PropertyScope::kGroup, "| Property | Type | Default | Values | Meaning |",
             "|---|---|---|---|---|");
  return 0;
}

}  // namespace millrace::tools
