// Small conversions between the wire's bytes and the texts of group members. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "broker/runtime/random.h"
#include "proto/wire/codec.h"

namespace millrace::api {

inline std::string_view AsText(wire::Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline wire::Bytes AsBytes(std::string_view text) { return std::as_bytes(std::span(text)); }

// "/127.0.0.1", as Kafka names a client's host, from "127.0.0.1:51234" or "[::1]:51234".
std::string ClientHost(std::string_view address);

// READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS and ALTER_CONFIGS, by the numbers of Kafka's
// AclOperation: all there are for a group, as nobody is kept from anything.
inline constexpr int32_t kAllGroupOperations = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

// "Group orders not found.": a name may be as long as a string on the wire can be, and is cut then,
// to leave room for the words.
std::string GroupText(std::string_view group_id, std::string_view what);

// "0d5f9a53-5b0a-4f6f-9d6c-0a3f7f5e9b1c": a UUID of version 4.
std::string UuidText(RandomBytes random);

}  // namespace millrace::api
