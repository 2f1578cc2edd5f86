// An archive that writes messages as no honest Millrace would: with tagged fields that nobody knows
// in every struct, or with one length or count that lies.
#pragma once

#include <vector>

#include "proto/wire/frame.h"

namespace millrace::wire {

class OddWriter {
 public:
  static constexpr bool kReads = false;
  static constexpr size_t kNoLie = std::numeric_limits<size_t>::max();

  struct Options {
    bool unknown_tags = false;
    size_t lie_at = kNoLie;      // which length or count, in the order in which they are written
    uint32_t lie = 0x7fff'ffff;  // what it says; of strings with an int16 length 0x7fff
  };

  OddWriter(int16_t version, bool flexible, const Options& options)
      : version_(version), flexible_(flexible), options_(options) {}

  bool Since(int16_t version) const { return version_ >= version; }
  bool Before(int16_t version) const { return version_ < version; }
  Bytes bytes() const { return buffer_.bytes(); }
  // How many lengths and counts it has written.
  size_t lengths() const { return lengths_; }

  template <class T>
  void Field(T& value) {
    if constexpr (requires { Describe(*this, value); }) {
      Describe(*this, value);
    } else {
      plain().Field(value);
    }
  }
  void Field(std::string_view& text) { WriteText(text); }
  void Field(std::optional<std::string_view>& text) { WriteText(text); }
  void Field(Bytes& bytes) { WriteBytes(bytes); }
  void Field(Records& records) { WriteBytes(records.bytes); }
  template <class T>
  void Field(Array<T>& array) {
    WriteLength<int32_t>(array.size());
    for (T& element : array) Field(element);
  }
  template <class T>
  void Field(std::optional<Array<T>>& array) {
    if (array.has_value()) return Field(*array);
    WriteLength<int32_t>(std::nullopt);
  }
  template <class T>
  void NullableSince(int16_t version, std::optional<T>& field) {
    if (Since(version) || field.has_value()) return Field(field);
    T empty{};
    Field(empty);
  }
  template <class T>
  void NullableStruct(std::optional<T>& message) {
    plain().Field(static_cast<int8_t>(message.has_value() ? 1 : -1));
    if (message.has_value()) Field(*message);
  }
  template <class T>
  void Optional(std::optional<T>& value) {
    plain().Optional(value);
  }

  template <class... T>
  void Tags(Tag<T>... tags) {
    if (!flexible_) return;
    uint32_t known = (0U + ... + (tags.field.has_value() && Since(tags.since) ? 1U : 0U));
    plain().WriteUnsignedVarint(known + (options_.unknown_tags ? 2 : 0));
    (WriteTag(tags), ...);
    if (!options_.unknown_tags) return;
    constexpr uint32_t kUnknown = 100'000;
    for (uint32_t number : {kUnknown, std::numeric_limits<uint32_t>::max()}) {
      plain().WriteUnsignedVarint(number);
      plain().WriteUnsignedVarint(number == kUnknown ? 3 : 0);
      if (number == kUnknown) buffer_.Append(std::vector(3, std::byte{0xff}));
    }
  }

 private:
  Writer plain() { return Writer(buffer_, version_, flexible_); }

  template <class Plain>
  void WriteLength(std::optional<size_t> length) {
    bool lies = lengths_++ == options_.lie_at;
    if (flexible_) {
      size_t said = lies ? options_.lie : length.has_value() ? *length : size_t{0} - 1;
      return plain().WriteUnsignedVarint(static_cast<uint32_t>(said + 1));
    }
    constexpr auto kMax = std::numeric_limits<Plain>::max();
    auto told = static_cast<Plain>(length.has_value() ? static_cast<Plain>(*length) : Plain{-1});
    plain().Field(lies ? static_cast<Plain>(options_.lie & kMax) : told);
  }
  void WriteText(const std::optional<std::string_view>& text) {
    WriteLength<int16_t>(text.has_value() ? std::optional(text->size()) : std::nullopt);
    if (text.has_value()) buffer_.Append(std::as_bytes(std::span(*text)));
  }
  void WriteBytes(const std::optional<Bytes>& bytes) {
    WriteLength<int32_t>(bytes.has_value() ? std::optional(bytes->size()) : std::nullopt);
    if (bytes.has_value()) buffer_.Append(*bytes);
  }
  template <class T>
  void WriteTag(Tag<T>& tag) {
    if (!tag.field.has_value() || Before(tag.since)) return;
    OddWriter content(version_, flexible_, options_);
    content.lengths_ = lengths_;
    content.Field(*tag.field);
    lengths_ = content.lengths_;
    plain().WriteUnsignedVarint(tag.number);
    plain().WriteUnsignedVarint(static_cast<uint32_t>(content.bytes().size()));
    buffer_.Append(content.bytes());
  }

  ByteBuffer buffer_;
  int16_t version_;
  bool flexible_;
  Options options_;
  size_t lengths_ = 0;
};

// The message as an OddWriter with these options writes it. `lengths` counts what could be lied
// about.
template <class Message>
std::vector<std::byte> EncodeOddly(Message& message, int16_t version,
                                   const OddWriter::Options& options, size_t* lengths = nullptr) {
  OddWriter writer(version, Message::kInfo.IsFlexible(version), options);
  Describe(writer, message);
  if (lengths != nullptr) *lengths = writer.lengths();
  return {writer.bytes().begin(), writer.bytes().end()};
}

}  // namespace millrace::wire
