// Puts Kafka's primitive types into a run of bytes and takes them out again, for the null broker's
// answers and for the beginning of an answer to Fetch.
//
// It is apart from proto/wire on purpose: the null broker shares no code with the broker whose
// limit it is.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace millrace::bench {

template <std::integral T>
T ToBigEndian(T value) {
  if constexpr (sizeof(T) == 2)
    return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
  if constexpr (sizeof(T) == 4)
    return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
  if constexpr (sizeof(T) == 8)
    return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
  return value;
}

template <std::integral T>
T LoadBigEndian(const uint8_t* from) {
  T raw;
  std::memcpy(&raw, from, sizeof(raw));
  return ToBigEndian(raw);
}

template <std::integral T>
void StoreBigEndian(uint8_t* to, T value) {
  T raw = ToBigEndian(value);
  std::memcpy(to, &raw, sizeof(raw));
}

class FrameWriter {
 public:
  size_t size() const { return bytes_.size(); }
  std::vector<uint8_t>& bytes() { return bytes_; }

  template <std::integral T>
  void Integer(std::type_identity_t<T> value) {
    bytes_.resize(bytes_.size() + sizeof(T));
    StoreBigEndian<T>(bytes_.data() + bytes_.size() - sizeof(T), value);
  }
  void UnsignedVarint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<uint8_t>(value | 0x80));
    bytes_.push_back(static_cast<uint8_t>(value));
  }
  void Text(std::string_view text) {
    Integer<int16_t>(static_cast<int16_t>(text.size()));
    bytes_.insert(bytes_.end(), text.begin(), text.end());
  }
  void CompactCount(size_t count) { UnsignedVarint(count + 1); }
  void NoTags() { UnsignedVarint(0); }
  void Raw(std::span<const uint8_t> raw) { bytes_.insert(bytes_.end(), raw.begin(), raw.end()); }
  // Sets the first four bytes to the size of what follows them.
  void EndFrame() {
    StoreBigEndian<int32_t>(bytes_.data(), static_cast<int32_t>(bytes_.size() - 4));
  }

 private:
  std::vector<uint8_t> bytes_;
};

// Walks over an answer. Answers come from the broker under test, so every step is checked.
class FrameReader {
 public:
  explicit FrameReader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  size_t position() const { return position_; }

  template <std::integral T>
  T Integer() {
    if (!Skip(sizeof(T))) return 0;
    return LoadBigEndian<T>(bytes_.data() + position_ - sizeof(T));
  }
  uint32_t UnsignedVarint() {
    uint32_t value = 0;
    for (int shift = 0; shift < 35; shift += 7) {
      auto byte = static_cast<uint8_t>(Integer<int8_t>());
      value |= static_cast<uint32_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    ok_ = false;
    return 0;
  }
  void SkipText() {
    auto size = Integer<int16_t>();
    if (size > 0) Skip(static_cast<size_t>(size));
  }
  void SkipCompactText() {
    uint32_t size = UnsignedVarint();
    if (size > 1) Skip(size - 1);
  }
  bool Skip(size_t count) {
    ok_ = ok_ && count <= bytes_.size() - position_;
    if (ok_) position_ += count;
    return ok_;
  }

 private:
  std::span<const uint8_t> bytes_;
  size_t position_ = 0;
  bool ok_ = true;
};

}  // namespace millrace::bench
