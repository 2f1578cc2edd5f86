#include "broker/app/properties_file.h"

#include <algorithm>

#include <fmt/format.h>

namespace millrace {

namespace {

constexpr std::string_view kBlank = " \t\r\f";

}  // namespace

std::string_view TrimBlank(std::string_view text) {
  size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

absl::StatusOr<std::vector<NameAndValue>> ParsePropertiesFile(std::string_view text) {
  std::vector<NameAndValue> values;
  std::string line;
  for (size_t number = 1; !text.empty(); ++number) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view part = TrimBlank(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() && (part.empty() || part[0] == '#' || part[0] == '!')) continue;
    bool continues = part.ends_with('\\');
    if (continues) part.remove_suffix(1);
    line += part;
    if (continues && !text.empty()) continue;
    size_t separator = line.find_first_of("=:");
    if (separator == std::string::npos) {
      return absl::InvalidArgumentError(
          fmt::format("line {}: '{}' is not name=value", number, line));
    }
    std::string_view whole = line;
    values.emplace_back(TrimBlank(whole.substr(0, separator)),
                        TrimBlank(whole.substr(separator + 1)));
    line.clear();
  }
  return values;
}

}  // namespace millrace
