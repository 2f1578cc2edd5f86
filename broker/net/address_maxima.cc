#include "broker/net/address_maxima.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include "broker/runtime/async.h"

namespace millrace::net {

absl::StatusOr<AddressMaxima> ParseAddressMaxima(std::string_view text) {
  AddressMaxima maxima;
  while (!text.empty()) {
    size_t comma = std::min(text.find(','), text.size());
    std::string_view one = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    size_t colon = std::min(one.rfind(':'), one.size());
    std::string_view number = one.substr(std::min(colon + 1, one.size()));
    uint32_t count = 0;
    auto [end, fault] = std::from_chars(number.data(), number.data() + number.size(), count);
    IoError error;
    auto address = asio::ip::make_address(std::string(one.substr(0, colon)), error);
    if (error || number.empty() || fault != std::errc() || end != number.data() + number.size()) {
      return absl::InvalidArgumentError(fmt::format(
          "max.connections.per.ip.overrides must be address:number, separated by commas, not '{}'",
          one));
    }
    maxima[address.to_string()] = count;
  }
  return maxima;
}

}  // namespace millrace::net
