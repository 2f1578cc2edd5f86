// How the dump shows bytes and times, for people and for programs. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "proto/types.h"

namespace millrace::tools {

inline std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Printable text as it is (UTF-8), everything else as \xNN; what is longer than `bytes_max` is cut
// and says of how many bytes it is the beginning.
std::string EscapedText(std::string_view bytes, size_t bytes_max);

// Sets `name` to the text, or `name`Base64 where the bytes are no UTF-8, and `name`Bytes to their
// number where they had to be cut. No bytes: null.
void PutBytes(boost::json::object& object, std::string_view name,
              std::optional<std::string_view> bytes, size_t bytes_max);

// "2023-11-14T22:13:20.000Z"; "none" for a time before 1970, such as the -1 of old clients.
std::string TimeText(TimestampMs time);

}  // namespace millrace::tools
