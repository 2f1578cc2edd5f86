// Zigzag varints, as record fields hold them: seven bits a byte, least significant first.
//
// Reading takes the bytes from the front of `rest` and never goes past its end. Refused are
// truncated numbers, numbers of more than five (varint) or ten (varlong) bytes, and bits beyond
// the type. Padding with zero bits inside that length is accepted, for Kafka accepts it too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace millrace::record {

namespace varint_internal {

template <class Unsigned>
struct Decoded {
  Unsigned value;
  size_t size;  // in bytes; 0: no number stands there
};

// The number at the front of `bytes`, of any length.
template <class Unsigned>
Decoded<Unsigned> DecodeLong(std::span<const std::byte> bytes) {
  constexpr unsigned kBits = sizeof(Unsigned) * 8;
  Unsigned value = 0;
  unsigned shift = 0;
  for (size_t i = 0; i < bytes.size() && shift < kBits; ++i, shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes[i]);
    const auto bits = static_cast<Unsigned>(byte & 0x7f);
    if (shift + 7 > kBits && (bits >> (kBits - shift)) != 0) return {0, 0};
    value |= bits << shift;
    if (byte < 0x80) return {value, i + 1};
  }
  return {0, 0};
}

// Nearly all numbers of a record are one or two bytes long. These are read without a loop, and
// `rest` stays in registers, for a leader walks every record that it appends.
template <class Unsigned>
[[gnu::always_inline]] inline bool TakeUnsigned(std::span<const std::byte>& rest, Unsigned& value) {
  const std::byte* const data = rest.data();
  const size_t size = rest.size();
  if (size >= 1 && static_cast<uint8_t>(data[0]) < 0x80) [[likely]] {
    rest = {data + 1, size - 1};
    value = static_cast<Unsigned>(data[0]);
    return true;
  }
  if (size >= 2 && static_cast<uint8_t>(data[1]) < 0x80) {
    rest = {data + 2, size - 2};
    value = (static_cast<Unsigned>(data[0]) & 0x7f) | static_cast<Unsigned>(data[1]) << 7;
    return true;
  }
  const Decoded<Unsigned> decoded = DecodeLong<Unsigned>({data, size});
  rest = {data + decoded.size, size - decoded.size};
  value = decoded.value;
  return decoded.size != 0;
}

template <class Unsigned>
size_t UnsignedSize(Unsigned value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

template <class Unsigned>
void AppendUnsigned(Unsigned value, std::vector<std::byte>& out) {
  for (; value >= 0x80; value >>= 7) {
    out.push_back(static_cast<std::byte>((value & 0x7f) | 0x80));
  }
  out.push_back(static_cast<std::byte>(value));
}

constexpr uint32_t ZigZag(int32_t value) {
  return (static_cast<uint32_t>(value) << 1) ^ static_cast<uint32_t>(value >> 31);
}
constexpr uint64_t ZigZag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}

}  // namespace varint_internal

// False: no number stands at the front of `rest`, which is then as before; `value` means nothing.
[[nodiscard, gnu::always_inline]] inline bool TakeVarint(std::span<const std::byte>& rest,
                                                         int32_t& value) {
  uint32_t raw = 0;
  const bool taken = varint_internal::TakeUnsigned(rest, raw);
  value = static_cast<int32_t>((raw >> 1) ^ (~(raw & 1) + 1));
  return taken;
}

[[nodiscard, gnu::always_inline]] inline bool TakeVarlong(std::span<const std::byte>& rest,
                                                          int64_t& value) {
  uint64_t raw = 0;
  const bool taken = varint_internal::TakeUnsigned(rest, raw);
  value = static_cast<int64_t>((raw >> 1) ^ (~(raw & 1) + 1));
  return taken;
}

inline size_t VarintSize(int32_t value) {
  return varint_internal::UnsignedSize(varint_internal::ZigZag(value));
}
inline size_t VarlongSize(int64_t value) {
  return varint_internal::UnsignedSize(varint_internal::ZigZag(value));
}
inline void AppendVarint(int32_t value, std::vector<std::byte>& out) {
  varint_internal::AppendUnsigned(varint_internal::ZigZag(value), out);
}
inline void AppendVarlong(int64_t value, std::vector<std::byte>& out) {
  varint_internal::AppendUnsigned(varint_internal::ZigZag(value), out);
}

}  // namespace millrace::record
