// Writes a message behind what a ByteBuffer already holds.
//
// Records that stay in a file (Records::external_size) contribute only their length: splices() says
// where in the buffer their bytes belong, in the order in which they were described.
//
// Strings that are longer than kStringBytesMax are cut: no client could read them, and messages may
// quote what another client sent.
//
// Lifetime: the buffer must outlive the writer.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "proto/error_code.h"
#include "proto/wire/buffer.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct Splice {
  size_t position;  // in the buffer; the bytes go before the byte that stands there
  uint32_t size;
};

class Writer {
 public:
  static constexpr bool kReads = false;

  Writer(ByteBuffer& buffer, int16_t version, bool flexible)
      : buffer_(&buffer), version_(version), flexible_(flexible) {}

  int16_t version() const { return version_; }
  bool flexible() const { return flexible_; }
  bool Since(int16_t version) const { return version_ >= version; }
  bool Before(int16_t version) const { return version_ < version; }
  const std::vector<Splice>& splices() const { return splices_; }
  std::vector<Splice> TakeSplices() { return std::move(splices_); }
  // The first error code that was written and is one; kNone: none was.
  ErrorCode first_error() const { return first_error_; }

  void Field(const bool& value) { Field(static_cast<int8_t>(value ? 1 : 0)); }
  template <WireInteger T>
  void Field(const T& value) {
    auto raw = ToBigEndian(static_cast<std::make_unsigned_t<T>>(value));
    std::memcpy(buffer_->Extend(sizeof(T)), &raw, sizeof(T));
  }
  void Field(const double& value) { Field(std::bit_cast<uint64_t>(value)); }
  template <WireEnum T>
  void Field(const T& value) {
    Field(static_cast<std::underlying_type_t<T>>(value));
  }
  template <WireId T>
  void Field(const T& id) {
    Field(id.value());
  }
  // Error codes are noted, so that answers can be counted by them.
  void Field(const ErrorCode& code) {
    if (code != ErrorCode::kNone && first_error_ == ErrorCode::kNone) first_error_ = code;
    Field(static_cast<int16_t>(code));
  }
  void Field(const TopicId& id) { buffer_->Append(id.bytes); }
  void Field(const std::string_view& text) { Field(std::optional(text)); }
  void Field(const std::optional<std::string_view>& text);
  void PlainString(const std::optional<std::string_view>& text);
  void Field(const Bytes& bytes) { Field(std::optional(bytes)); }
  void Field(const std::optional<Bytes>& bytes);
  void Field(const Records& records);
  template <class T>
  void Field(Array<T>& array) {
    WriteArrayCount(array.size());
    for (T& element : array) Field(element);
  }
  template <class T>
  void Field(std::optional<Array<T>>& array) {
    if (array.has_value()) return Field(*array);
    WriteArrayCount(std::nullopt);
  }
  template <class T>
    requires requires(Writer& w, T& t) { Describe(w, t); }
  void Field(T& message) {
    Describe(*this, message);
  }
  template <class T>
  void NullableSince(int16_t version, std::optional<T>& field) {
    if (Since(version) || field.has_value()) return Field(field);
    T empty{};
    Field(empty);
  }
  template <class T>
  void NullableStruct(std::optional<T>& message) {
    Field(static_cast<int8_t>(message.has_value() ? 1 : -1));
    if (message.has_value()) Field(*message);
  }

  template <class T>
  void Optional(std::optional<T>& value, int64_t none = -1) {
    if constexpr (WireId<T>) {
      Field(value.value_or(T(static_cast<typename T::Value>(none))));
    } else {
      Field(value.value_or(static_cast<T>(none)));
    }
  }

  template <class... T>
  void Tags(Tag<T>... tags) {
    if (!flexible_) return;
    WriteUnsignedVarint((0U + ... + (Writes(tags) ? 1U : 0U)));
    (WriteTag(tags), ...);
  }

  [[gnu::always_inline]] void WriteUnsignedVarint(uint32_t value) {
    if (value >= 0x80) return WriteLongVarint(value);
    *buffer_->Extend(1) = static_cast<std::byte>(value);
  }

 private:
  template <class T>
  static T ToBigEndian(T value) {
    if constexpr (sizeof(T) == 1) return value;
    if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
    if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
    if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
  }
  template <class T>
  bool Writes(const Tag<T>& tag) const {
    return tag.field.has_value() && Since(tag.since);
  }
  template <class T>
  void WriteTag(Tag<T>& tag) {
    if (!Writes(tag)) return;
    WriteUnsignedVarint(tag.number);
    size_t start = buffer_->size();
    Field(*tag.field);
    FinishTag(start);
  }
  // Puts the size of the content that begins at `start` before it.
  void FinishTag(size_t start);
  void WriteLongVarint(uint32_t value);
  void WriteArrayCount(std::optional<size_t> count);
  void WriteBytesSize(std::optional<size_t> size);

  ByteBuffer* buffer_;
  int16_t version_;
  bool flexible_;
  ErrorCode first_error_ = ErrorCode::kNone;
  std::vector<Splice> splices_;
};

// The fewest bytes that a T can take: what a value-initialised one takes, at least one. Counted
// once for each version and kind of encoding (a string in an array has no versions of its own).
template <class T>
size_t MinimumBytes(int16_t version, bool flexible) {
  static std::array<std::atomic<uint16_t>, 64> counted{};
  size_t slot = (static_cast<size_t>(version) * 2 + (flexible ? 1 : 0)) % counted.size();
  std::atomic<uint16_t>& cached = counted[slot];
  if (uint16_t bytes = cached.load(std::memory_order_relaxed); bytes != 0) return bytes;
  ByteBuffer buffer;
  Writer writer(buffer, version, flexible);
  T element{};
  writer.Field(element);
  auto bytes = static_cast<uint16_t>(buffer.size() > 0 ? buffer.size() : 1);
  cached.store(bytes, std::memory_order_relaxed);
  return bytes;
}

}  // namespace millrace::wire
