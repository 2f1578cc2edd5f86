// A record's key, value, or part of a header: its length as a varint, -1 for none, then its bytes.
// Internal to proto/record. Pure. Source: Kafka's record format v2
// (kafka.apache.org/documentation, "Record").
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "proto/record/varint.h"

namespace millrace::record {

// Whoever encodes has refused sizes past an int32, so the casts lose nothing.
inline size_t FieldSize(const std::optional<std::span<const std::byte>>& field) {
  if (!field.has_value()) return VarintSize(-1);
  return VarintSize(static_cast<int32_t>(field->size())) + field->size();
}
inline void AppendField(const std::optional<std::span<const std::byte>>& field,
                        std::vector<std::byte>& out) {
  if (!field.has_value()) return AppendVarint(-1, out);
  AppendVarint(static_cast<int32_t>(field->size()), out);
  out.insert(out.end(), field->begin(), field->end());
}

}  // namespace millrace::record
