#include "proto/topic_name.h"

#include <algorithm>

#include <fmt/format.h>

namespace millrace {
namespace {

bool IsAllowed(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
         c == '_' || c == '-';
}

bool IsPrintable(char c) { return c >= ' ' && c <= '~'; }

}  // namespace

std::optional<std::string> InvalidTopicName(std::string_view name) {
  if (name.empty()) return "a topic name is not empty";
  if (name == "." || name == "..") return fmt::format("a topic cannot be named '{}'", name);
  if (name.size() > kTopicNameBytesMax) {
    return fmt::format("a topic name has at most {} characters, not {}", kTopicNameBytesMax,
                       name.size());
  }
  const auto bad = std::find_if_not(name.begin(), name.end(), IsAllowed);
  if (bad == name.end()) return std::nullopt;
  const std::string shown = IsPrintable(*bad)
                                ? fmt::format("'{}'", *bad)
                                : fmt::format("byte 0x{:02X}", static_cast<unsigned char>(*bad));
  return fmt::format("a topic name holds letters, digits, '.', '_' and '-', but here is {} at {}",
                     shown, bad - name.begin());
}

}  // namespace millrace
