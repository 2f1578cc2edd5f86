// A Java properties file, as Kafka's server.properties is: name=value or name:value, # and !
// comments, \ continues a line.
//
// Pure. What the names mean: config.h.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>

namespace millrace {

using NameAndValue = std::pair<std::string, std::string>;

// Without the blanks at its ends.
std::string_view TrimBlank(std::string_view text);

// In the order of the file. A fault names the line.
absl::StatusOr<std::vector<NameAndValue>> ParsePropertiesFile(std::string_view text);

}  // namespace millrace
