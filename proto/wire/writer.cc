#include "proto/wire/writer.h"

#include <algorithm>

#include "proto/cut_text.h"
#include "proto/invariant.h"

namespace millrace::wire {

void Writer::WriteLongVarint(uint32_t value) {
  while (value >= 0x80) {
    *buffer_->Extend(1) = static_cast<std::byte>((value & 0x7f) | 0x80);
    value >>= 7;
  }
  *buffer_->Extend(1) = static_cast<std::byte>(value);
}

void Writer::FinishTag(size_t start) {
  size_t end = buffer_->size();
  WriteUnsignedVarint(static_cast<uint32_t>(end - start));
  std::byte* data = buffer_->data();
  std::rotate(data + start, data + end, data + buffer_->size());
}

void Writer::WriteArrayCount(std::optional<size_t> count) {
  INVARIANT(count.value_or(0) <= std::numeric_limits<int32_t>::max());
  if (flexible_) {
    WriteUnsignedVarint(count.has_value() ? static_cast<uint32_t>(*count) + 1 : 0);
  } else {
    Field(count.has_value() ? static_cast<int32_t>(*count) : -1);
  }
}

void Writer::WriteBytesSize(std::optional<size_t> size) { WriteArrayCount(size); }

void Writer::Field(const std::optional<std::string_view>& text) {
  if (!flexible_) return PlainString(text);
  if (!text.has_value()) return WriteUnsignedVarint(0);
  std::string_view whole = CutText(*text, kStringBytesMax);
  WriteUnsignedVarint(static_cast<uint32_t>(whole.size()) + 1);
  buffer_->Append(std::as_bytes(std::span(whole)));
}

void Writer::PlainString(const std::optional<std::string_view>& text) {
  if (!text.has_value()) return Field(int16_t{-1});
  std::string_view whole = CutText(*text, kStringBytesMax);
  Field(static_cast<int16_t>(whole.size()));
  buffer_->Append(std::as_bytes(std::span(whole)));
}

void Writer::Field(const std::optional<Bytes>& bytes) {
  WriteBytesSize(bytes.has_value() ? std::optional(bytes->size()) : std::nullopt);
  if (bytes.has_value()) buffer_->Append(*bytes);
}

void Writer::Field(const Records& records) {
  if (!records.external_size.has_value()) return Field(records.bytes);
  WriteBytesSize(*records.external_size);
  splices_.push_back({buffer_->size(), *records.external_size});
}

}  // namespace millrace::wire
