#include "broker/api/group_text.h"

#include <fmt/format.h>

#include "proto/cut_text.h"

namespace millrace::api {

std::string ClientHost(std::string_view address) {
  size_t colon = address.rfind(':');
  std::string_view host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return fmt::format("/{}", host);
}

std::string UuidText(RandomBytes random) {
  random[6] = (random[6] & std::byte{0x0F}) | std::byte{0x40};  // version 4
  random[8] = (random[8] & std::byte{0x3F}) | std::byte{0x80};  // the RFC's variant
  std::string text;
  for (size_t i = 0; i < random.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += fmt::format("{:02x}", static_cast<unsigned>(random[i]));
  }
  return text;
}

std::string GroupText(std::string_view group_id, std::string_view what) {
  constexpr size_t kShownBytesMax = 100;
  std::string_view shown = CutText(group_id, kShownBytesMax);
  std::string_view rest = shown.size() < group_id.size() ? "..." : "";
  return fmt::format("Group {}{} {}.", shown, rest, what);
}

}  // namespace millrace::api
