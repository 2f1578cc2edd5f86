// Text from outside, made safe for a line of the log: no line breaks, no control characters, not
// endless.
#pragma once

#include <string>
#include <string_view>

namespace millrace {

// Bytes that are not printable ASCII, and ' and \, become \xNN, so that quoted text ends where its
// quotes say; what is longer than 256 bytes is cut.
std::string Printable(std::string_view text);

}  // namespace millrace
