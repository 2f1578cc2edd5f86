#include "broker/runtime/printable.h"

#include <fmt/format.h>

namespace millrace {

std::string Printable(std::string_view text) {
  constexpr size_t kBytesMax = 256;
  std::string safe;
  for (char c : text.substr(0, kBytesMax)) {
    auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '\'' && c != '\\') {
      safe += c;
    } else {
      safe += fmt::format("\\x{:02x}", byte);
    }
  }
  if (text.size() > kBytesMax) safe += "...";
  return safe;
}

}  // namespace millrace
