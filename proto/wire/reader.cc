#include "proto/wire/reader.h"

namespace millrace::wire {

namespace {

std::string_view AsText(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

void Reader::Fail(const char* fault) {
  if (fault_ == nullptr) fault_ = fault;
  position_ = bytes_.size();
}

uint32_t Reader::ReadLongVarint() {
  uint32_t value = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    if (!Need(1)) return 0;
    auto byte = static_cast<uint32_t>(bytes_[position_++]);
    if (shift == 28 && byte > 0x0f) break;
    value |= (byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return value;
  }
  Fail("a varint is too long");
  return 0;
}

std::optional<size_t> Reader::ReadCompactSize() {
  uint32_t size_plus_one = ReadUnsignedVarint();
  if (size_plus_one == 0) return std::nullopt;
  return size_plus_one - 1;
}

std::optional<size_t> Reader::ReadArrayCount() {
  if (flexible_) return ReadCompactSize();
  int32_t count = -1;
  Field(count);
  if (count < -1) Fail("an array has a negative count");
  if (count < 0) return std::nullopt;
  return static_cast<size_t>(count);
}

std::optional<Bytes> Reader::ReadBytes(std::optional<size_t> size) {
  if (!size.has_value() || !Need(*size)) return std::nullopt;
  Bytes bytes = bytes_.subspan(position_, *size);
  position_ += *size;
  return bytes;
}

std::optional<size_t> Reader::ReadPlainStringSize() {
  int16_t size = -1;
  Field(size);
  if (size < -1) Fail("a string has a negative length");
  if (size < 0) return std::nullopt;
  return static_cast<size_t>(size);
}

std::optional<std::string_view> Reader::ReadText(std::optional<size_t> size) {
  if (size.value_or(0) > kStringBytesMax) Fail("a string is too long");
  std::optional<Bytes> bytes = ReadBytes(size);
  if (!bytes.has_value()) return std::nullopt;
  return AsText(*bytes);
}

void Reader::Field(std::optional<std::string_view>& text) {
  text = ReadText(flexible_ ? ReadCompactSize() : ReadPlainStringSize());
}

void Reader::PlainString(std::optional<std::string_view>& text) {
  text = ReadText(ReadPlainStringSize());
}

void Reader::Field(std::string_view& text) {
  std::optional<std::string_view> read;
  Field(read);
  if (!read.has_value()) return Fail("null where a string must be");
  text = *read;
}

void Reader::Field(std::optional<Bytes>& bytes) {
  std::optional<size_t> size;
  if (flexible_) {
    size = ReadCompactSize();
  } else {
    int32_t read = -1;
    Field(read);
    if (read < -1) Fail("bytes have a negative length");
    if (read >= 0) size = static_cast<size_t>(read);
  }
  bytes = ReadBytes(size);
}

void Reader::Field(Bytes& bytes) {
  std::optional<Bytes> read;
  Field(read);
  if (!read.has_value()) return Fail("null where bytes must be");
  bytes = *read;
}

}  // namespace millrace::wire
