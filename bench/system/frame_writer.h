// Puts Kafka's primitive types into a run of bytes, for the load generator's own frames.
//
// It is apart from proto/wire on purpose: the generator shares no code with the broker that it
// measures, so a fault of the codec cannot hide itself, and nothing here allocates while measuring.
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
  // Zigzag, as records use it.
  void Varint(int64_t value) {
    UnsignedVarint((static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63));
  }
  void Text(std::string_view text) {
    Integer<int16_t>(static_cast<int16_t>(text.size()));
    bytes_.insert(bytes_.end(), text.begin(), text.end());
  }
  void CompactText(std::string_view text) {
    CompactCount(text.size());
    bytes_.insert(bytes_.end(), text.begin(), text.end());
  }
  void CompactCount(size_t count) { UnsignedVarint(count + 1); }
  void NoTags() { UnsignedVarint(0); }
  void Raw(std::span<const uint8_t> raw) { bytes_.insert(bytes_.end(), raw.begin(), raw.end()); }
  // Sets the four bytes that BeginFrame left open.
  void EndFrame() {
    StoreBigEndian<int32_t>(bytes_.data(), static_cast<int32_t>(bytes_.size() - 4));
  }

  // A request's header of version 1, or 2 with `flexible`, behind the frame's size.
  struct Api {
    int16_t key;
    int16_t version;
    bool flexible;
  };
  void BeginFrame(const Api& api, int32_t correlation_id) {
    Integer<int32_t>(0);
    Integer<int16_t>(api.key);
    Integer<int16_t>(api.version);
    Integer<int32_t>(correlation_id);
    Text("millrace-load");
    if (api.flexible) NoTags();
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
