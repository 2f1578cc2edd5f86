// An archive that fills messages with invented values, for any test that needs "some" message.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/frame.h"

namespace millrace::wire {

// What kind of values are invented. All but kWild are what Kafka's clients read and write again
// without a change: texts are UTF-8, and no tagged field has the value that it has when it is left
// out.
enum class Taste {
  kWild,    // texts of any bytes
  kMixed,   // anything ordinary
  kEmpty,   // zeros, nulls, and nothing in strings and arrays
  kLimits,  // the smallest and largest numbers, the longest strings, arrays with long counts
};

class Randomizer {
 public:
  static constexpr bool kReads = true;

  Randomizer(std::mt19937_64& random, int16_t version, Arena& arena, Taste taste = Taste::kWild)
      : random_(&random), version_(version), arena_(&arena), taste_(taste) {}

  bool Since(int16_t version) const { return version_ >= version; }
  bool Before(int16_t version) const { return version_ < version; }

  void Field(bool& value) { value = in_tag_ || (taste_ != Taste::kEmpty && Below(2) == 1); }
  template <WireInteger T>
  void Field(T& value) {
    value = InventNumber<T>();
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
    for (std::byte& byte : id.bytes) {
      byte = static_cast<std::byte>(taste_ == Taste::kEmpty ? 0 : Below(256));
    }
  }
  void Field(std::string_view& text) {
    text = arena_->Copy(taste_ == Taste::kWild ? InventWild() : InventText());
  }
  void Field(Bytes& bytes) {
    std::string_view text;
    Field(text);
    bytes = std::as_bytes(std::span(text));
  }
  void Field(Records& records) { Maybe(records.bytes); }
  void Field(std::optional<std::string_view>& text) { Maybe(text); }
  template <class T>
  void Field(Array<T>& array) {
    array = arena_->NewArray<T>(InventCount());
    in_tag_ = false;  // some element is not "left out" already
    for (T& element : array) Field(element);
  }
  template <class T>
  void Field(std::optional<Array<T>>& array) {
    Maybe(array);
  }
  template <class T>
    requires requires(Randomizer& r, T& t) { Describe(r, t); }
  void Field(T& message) {
    Describe(*this, message);
  }
  void PlainString(std::optional<std::string_view>& text) { Maybe(text); }
  template <class T>
  void NullableSince(int16_t version, std::optional<T>& field) {
    if (Before(version)) return Field(field.emplace());
    Maybe(field);
  }
  template <class T>
  void NullableStruct(std::optional<T>& message) {
    Maybe(message);
  }
  template <class T>
  void Optional(std::optional<T>& value) {
    Maybe(value);
  }
  template <class... T>
  void Tags(Tag<T>... tags) {
    (InventTag(tags), ...);
  }

 private:
  static constexpr size_t kLongCount = 130;   // takes two bytes as a varint
  static constexpr size_t kBytesMax = 50000;  // of long texts and long arrays in one message

  uint64_t Below(uint64_t limit) { return (*random_)() % limit; }

  template <class T>
  T InventNumber() {
    if (in_tag_) return static_cast<T>(1 + Below(100));
    switch (taste_) {
      case Taste::kEmpty:
        return 0;
      case Taste::kLimits:
        return Below(2) == 0 ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max();
      case Taste::kWild:
      case Taste::kMixed:
        return static_cast<T>(Below(3) == 0 ? Below(100) : (*random_)());
    }
  }

  std::string InventWild() {
    std::string letters(Below(40) == 0 ? 200 : Below(10), 'a');
    for (char& letter : letters) letter = static_cast<char>(Below(256));
    return letters;
  }

  std::string InventText() {
    constexpr auto kLetters = std::to_array<std::string_view>(
        {"a", "Z", "0", ".", "_", "\x01", "\x7f", "\u00e4", "\u20ac", "\U0001f600"});
    constexpr auto kLengths = std::to_array<size_t>({126, 127, 128, 16383, kStringBytesMax});
    if (taste_ == Taste::kEmpty) return {};
    if (taste_ == Taste::kLimits && Below(4) == 0) {
      return std::string(Spend(kLengths[Below(kLengths.size())]), 'x');
    }
    std::string text;
    for (uint64_t left = Below(10) + (in_tag_ ? 1 : 0); left > 0; --left) {
      text += kLetters[Below(kLetters.size())];
    }
    return text;
  }

  size_t InventCount() {
    if (in_tag_) return 1 + Below(3);
    if (taste_ == Taste::kEmpty) return 0;
    if (taste_ != Taste::kLimits) return Below(4);
    return Below(6) == 0 && Spend(100 * kLongCount) > 0 ? kLongCount : 1;
  }

  // So many of the message's bytes, or none when they are used up.
  size_t Spend(size_t bytes) {
    if (spent_ + bytes > kBytesMax) return 0;
    spent_ += bytes;
    return bytes;
  }

  template <class T>
  void Maybe(std::optional<T>& value) {
    value.reset();
    if (taste_ != Taste::kEmpty && (in_tag_ || Below(3) != 0)) Field(value.emplace());
  }

  template <class T>
  void InventTag(Tag<T>& tag) {
    in_tag_ = taste_ == Taste::kMixed || taste_ == Taste::kLimits;
    tag.field.reset();
    if (taste_ != Taste::kEmpty && Below(3) != 0) Field(tag.field.emplace());
    in_tag_ = false;
  }

  std::mt19937_64* random_;
  int16_t version_;
  Arena* arena_;
  Taste taste_;
  bool in_tag_ = false;  // the value decides whether a tagged field has one at all
  size_t spent_ = 0;
};

// An invented message of the version. Its strings and arrays live in `arena`.
template <class Message>
Message InventMessage(uint64_t seed, int16_t version, Arena& arena, Taste taste = Taste::kWild) {
  std::mt19937_64 random(seed * 1000 + static_cast<uint64_t>(version));
  Randomizer randomizer(random, version, arena, taste);
  Message message;
  Describe(randomizer, message);
  return message;
}

// An invented message of the version, encoded. The same seed gives the same bytes.
template <class Message>
std::vector<std::byte> RandomMessage(uint64_t seed, int16_t version, Taste taste = Taste::kWild) {
  Arena arena;
  auto message = InventMessage<Message>(seed, version, arena, taste);
  ByteBuffer buffer;
  EncodeMessage(buffer, message, version);
  return {buffer.bytes().begin(), buffer.bytes().end()};
}

}  // namespace millrace::wire
