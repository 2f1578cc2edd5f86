// Reads a message from the bytes of a frame. Nothing is believed: every length is checked against
// the bytes that remain, and an array is allocated only when so many elements of the smallest
// possible size can still follow and the arena allows it. After the first fault everything reads as
// empty and ok() is false.
//
// Lifetime: the message holds views into `bytes` and arrays in `arena`.
#pragma once

#include <bit>
#include <cstring>

#include "proto/wire/codec.h"
#include "proto/wire/writer.h"

namespace millrace::wire {

class Reader {
 public:
  static constexpr bool kReads = true;

  Reader(Bytes bytes, int16_t version, bool flexible, Arena& arena)
      : bytes_(bytes), version_(version), flexible_(flexible), arena_(&arena) {}

  bool ok() const { return fault_ == nullptr; }
  // What was wrong first, for the log line; null while ok().
  const char* fault() const { return fault_; }
  size_t position() const { return position_; }
  size_t remaining() const { return bytes_.size() - position_; }

  int16_t version() const { return version_; }
  bool flexible() const { return flexible_; }
  bool Since(int16_t version) const { return version_ >= version; }
  bool Before(int16_t version) const { return version_ < version; }

  void Field(bool& value) {
    int8_t byte = 0;
    Field(byte);
    value = byte != 0;
  }
  template <WireInteger T>
  void Field(T& value) {
    if (!Need(sizeof(T))) return;
    std::make_unsigned_t<T> raw;
    std::memcpy(&raw, bytes_.data() + position_, sizeof(T));
    value = static_cast<T>(FromBigEndian(raw));
    position_ += sizeof(T);
  }
  void Field(double& value) {
    uint64_t raw = 0;
    Field(raw);
    value = std::bit_cast<double>(raw);
  }
  template <WireEnum T>
  void Field(T& value) {
    std::underlying_type_t<T> raw{};
    Field(raw);
    value = static_cast<T>(raw);
  }
  template <WireId T>
  void Field(T& id) {
    typename T::Value value{};
    Field(value);
    id = T(value);
  }
  void Field(TopicId& id) {
    if (!Need(id.bytes.size())) return;
    std::memcpy(id.bytes.data(), bytes_.data() + position_, id.bytes.size());
    position_ += id.bytes.size();
  }
  void Field(std::string_view& text);
  void Field(std::optional<std::string_view>& text);
  // A string whose length is an int16 in flexible versions too: the client id of the header.
  void PlainString(std::optional<std::string_view>& text);
  void Field(Bytes& bytes);
  void Field(std::optional<Bytes>& bytes);
  void Field(Records& records) { Field(records.bytes); }
  template <class T>
  void Field(Array<T>& array) {
    std::optional<Array<T>> read;
    Field(read);
    if (!read.has_value()) return Fail("null where an array must be");
    array = *read;
  }
  template <class T>
  void Field(std::optional<Array<T>>& array) {
    std::optional<size_t> count = ReadArrayCount();
    array.reset();
    if (!count.has_value()) return;
    if (*count > remaining() / MinimumBytes<T>(version_, flexible_)) {
      return Fail("an array claims more elements than bytes follow");
    }
    if (!arena_->Allows(*count * sizeof(T))) return Fail("arrays would take too much memory");
    array = arena_->NewArray<T>(*count);
    for (T& element : *array) {
      if (!ok()) return;
      Field(element);
    }
  }
  template <class T>
    requires requires(Reader& r, T& t) { Describe(r, t); }
  void Field(T& message) {
    Describe(*this, message);
  }
  template <class T>
  void NullableSince(int16_t version, std::optional<T>& field) {
    Field(field);
    if (Before(version) && !field.has_value()) Fail("null in a version that has no null here");
  }
  // A struct that may be null: one byte, -1 or 1, before it.
  template <class T>
  void NullableStruct(std::optional<T>& message) {
    int8_t present = -1;
    Field(present);
    message.reset();
    if (present >= 0) Field(message.emplace());
  }

  // A number or id whose `none` value on the wire means std::nullopt.
  template <class T>
  void Optional(std::optional<T>& value, int64_t none = -1) {
    T read{};
    Field(read);
    if constexpr (WireId<T>) {
      value = read.value() == none ? std::nullopt : std::optional<T>(read);
    } else {
      value = static_cast<int64_t>(read) == none ? std::nullopt : std::optional<T>(read);
    }
  }

  template <class... T>
  void Tags(Tag<T>... tags) {
    if (!flexible_) return;
    uint32_t count = ReadUnsignedVarint();
    int64_t previous = -1;
    for (uint32_t i = 0; i < count && ok(); ++i) {
      uint32_t number = ReadUnsignedVarint();
      uint32_t size = ReadUnsignedVarint();
      if (number <= previous) return Fail("tagged fields out of order");
      previous = number;
      if (!Need(size)) return;
      size_t end = position_ + size;
      if (!(ReadTag(number, tags) || ...)) position_ = end;
      if (ok() && position_ != end) return Fail("a tagged field's size is wrong");
    }
  }

  [[gnu::always_inline]] uint32_t ReadUnsignedVarint() {
    bool is_short = remaining() > 0 && (bytes_[position_] & std::byte{0x80}) == std::byte{0};
    return is_short ? static_cast<uint32_t>(bytes_[position_++]) : ReadLongVarint();
  }
  void Fail(const char* fault);

 private:
  template <class T>
  static T FromBigEndian(T value) {
    if constexpr (sizeof(T) == 1) return value;
    if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
    if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
    if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
  }
  template <class T>
  bool ReadTag(uint32_t number, Tag<T>& tag) {
    if (tag.number != number || Before(tag.since)) return false;
    if constexpr (std::same_as<T, std::string_view>) {
      Field(tag.field);  // a null that is spelled out means the same as no field
    } else {
      Field(tag.field.emplace());
    }
    return true;
  }
  bool Need(size_t count) {
    if (count <= remaining()) return true;
    Fail("the message ends too early");
    return false;
  }
  uint32_t ReadLongVarint();
  std::optional<size_t> ReadArrayCount();
  std::optional<Bytes> ReadBytes(std::optional<size_t> size);
  std::optional<size_t> ReadPlainStringSize();
  std::optional<std::string_view> ReadText(std::optional<size_t> size);
  std::optional<size_t> ReadCompactSize();

  Bytes bytes_;
  size_t position_ = 0;
  int16_t version_;
  bool flexible_;
  const char* fault_ = nullptr;
  Arena* arena_;
};

}  // namespace millrace::wire
