#include "broker/core/group/subscription.h"

#include <optional>

namespace millrace::core::group {

namespace {

// A big-endian number of `bytes` bytes from the front of `rest`; none when there are fewer.
std::optional<int32_t> TakeNumber(std::string_view& rest, size_t bytes) {
  if (rest.size() < bytes) return std::nullopt;
  uint32_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(rest[i]);
  rest.remove_prefix(bytes);
  return static_cast<int32_t>(value);
}

// version int16, then an array (int32 length) of topics (int16 length, name).
bool MayName(std::string_view metadata, std::string_view topic) {
  if (!TakeNumber(metadata, 2).has_value()) return true;
  std::optional<int32_t> count = TakeNumber(metadata, 4);
  if (!count.has_value()) return true;
  for (int32_t i = 0; i < *count; ++i) {
    std::optional<int32_t> size = TakeNumber(metadata, 2);
    if (!size.has_value() || static_cast<size_t>(*size) > metadata.size()) return true;
    if (metadata.substr(0, static_cast<size_t>(*size)) == topic) return true;
    metadata.remove_prefix(static_cast<size_t>(*size));
  }
  return false;
}

}  // namespace

bool MaySubscribeTo(const Membership& membership, std::string_view topic) {
  if (membership.protocol_type != kConsumerProtocolType) return false;
  for (const auto& [id, member] : membership.members) {
    const Protocol* protocol = member.FindProtocol(membership.protocol.value_or(""));
    if (protocol == nullptr || MayName(protocol->metadata, topic)) return true;
  }
  return false;
}

}  // namespace millrace::core::group
