#include "proto/topic_id_text.h"

#include <algorithm>
#include <cstdint>

namespace millrace {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static_assert(kAlphabet.size() == 64);
constexpr size_t kDash = kAlphabet.find('-');

// 128 bits are 21 characters of 6 bits and one of 2, whose other four bits are zero.
constexpr size_t kTextBytes = 22;
constexpr uint32_t kLastCharacterUnusedBits = 0x0F;

uint8_t ByteOrZero(const TopicId& id, size_t at) {
  return at < id.bytes.size() ? static_cast<uint8_t>(id.bytes[at]) : uint8_t{0};
}

// The six bits that start at bit 6 * index.
uint32_t SixBits(const TopicId& id, size_t index) {
  const size_t bit = index * 6;
  const uint32_t pair = uint32_t{ByteOrZero(id, bit / 8)} << 8 | ByteOrZero(id, bit / 8 + 1);
  return pair >> (16 - 6 - bit % 8) & 0x3F;
}

}  // namespace

std::string TopicIdText(const TopicId& id) {
  std::string text;
  for (size_t i = 0; i < kTextBytes; ++i) text.push_back(kAlphabet[SixBits(id, i)]);
  return text;
}

std::optional<TopicId> ParseTopicId(std::string_view text) {
  if (text.size() != kTextBytes) return std::nullopt;
  TopicId id;
  uint32_t bits = 0;
  size_t bit_count = 0;
  size_t filled = 0;
  for (char c : text) {
    const size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<uint32_t>(value);
    bit_count += 6;
    if (bit_count < 8 || filled == id.bytes.size()) continue;
    bit_count -= 8;
    id.bytes[filled++] = static_cast<std::byte>(bits >> bit_count & 0xFF);
  }
  if ((bits & kLastCharacterUnusedBits) != 0) return std::nullopt;
  return id;
}

TopicId RandomTopicId(std::span<const std::byte, 16> random) {
  TopicId id;
  std::copy(random.begin(), random.end(), id.bytes.begin());
  id.bytes[6] = (id.bytes[6] & std::byte{0x0F}) | std::byte{0x40};  // version 4
  id.bytes[8] = (id.bytes[8] & std::byte{0x3F}) | std::byte{0x80};  // the RFC's variant
  if (SixBits(id, 0) == kDash) id.bytes[0] &= std::byte{0x7F};
  return id;
}

}  // namespace millrace
