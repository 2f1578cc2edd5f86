// How many connections single addresses may have, as max.connections.per.ip.overrides says it.
//
// Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

namespace millrace::net {

using AddressMaxima = absl::flat_hash_map<std::string, size_t>;

// "address:count,address:count"; names are not looked up.
absl::StatusOr<AddressMaxima> ParseAddressMaxima(std::string_view text);

}  // namespace millrace::net
