#include "proto/record/sound_walk.h"

#include <algorithm>
#include <limits>

namespace millrace::record {

namespace {

// Where the walk stands. A failed step leaves it anywhere: the walk is over then.
struct Cursor {
  const uint8_t* at;
  const uint8_t* end;

  // An unsigned varint of up to five bytes that fits 32 bits in its first four.
  [[gnu::always_inline]] bool Take(uint32_t& value) {
    if (at == end) return false;
    uint32_t byte = *at++;
    value = byte & 0x7f;
    for (unsigned shift = 7; byte >= 0x80; shift += 7) {
      if (at == end || shift > 21) return false;
      byte = *at++;
      value |= (byte & 0x7f) << shift;
    }
    return true;
  }

  [[gnu::always_inline]] bool TakeSigned(int32_t& value) {
    uint32_t raw = 0;
    if (!Take(raw)) return false;
    value = static_cast<int32_t>((raw >> 1) ^ (~(raw & 1) + 1));
    return true;
  }

  // A length, or -1, and so many bytes. -2 and less are refused.
  [[gnu::always_inline]] bool SkipNullable(bool may_be_null) {
    int32_t length = 0;
    if (!TakeSigned(length)) return false;
    if (length < 0) return length == -1 && may_be_null;
    if (length > end - at) return false;
    at += length;
    return true;
  }
};

}  // namespace

std::optional<TimestampDeltas> WalkSound(std::span<const std::byte> block, int32_t count,
                                         bool require_keys) {
  const auto* data = reinterpret_cast<const uint8_t*>(block.data());
  Cursor block_cursor{data, data + block.size()};
  TimestampDeltas deltas{std::numeric_limits<int64_t>::max(), std::numeric_limits<int64_t>::min()};
  for (int32_t i = 0; i < count; ++i) {
    int32_t length = 0;
    if (!block_cursor.TakeSigned(length) || length < 1) return std::nullopt;
    if (length > block_cursor.end - block_cursor.at) return std::nullopt;
    // One byte of attributes, which mean nothing yet.
    Cursor record{block_cursor.at + 1, block_cursor.at + length};
    block_cursor.at += length;
    int32_t timestamp_delta = 0;
    int32_t offset_delta = 0;
    uint32_t header_count = 0;
    const bool is_whole = record.TakeSigned(timestamp_delta) && record.TakeSigned(offset_delta) &&
                          record.SkipNullable(!require_keys) && record.SkipNullable(true) &&
                          record.Take(header_count);
    if (!is_whole || offset_delta != i || header_count != 0 || record.at != record.end) {
      return std::nullopt;
    }
    deltas.min = std::min<int64_t>(deltas.min, timestamp_delta);
    deltas.max = std::max<int64_t>(deltas.max, timestamp_delta);
  }
  if (count <= 0 || block_cursor.at != block_cursor.end) return std::nullopt;
  return deltas;
}

}  // namespace millrace::record
