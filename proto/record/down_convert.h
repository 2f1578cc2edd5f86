// Converts record batches v2 into a legacy message set, as Fetch 0 to 3 must answer: headers are
// dropped, control batches left out, offsets and codecs kept.
//
// Pure; any thread. One batch at a time is held decompressed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "proto/error_code.h"
#include "proto/types.h"

namespace millrace::record {

struct DownConvertOptions {
  int8_t magic;  // 0 or 1
  // Uncompressed records below this offset are left out, for messages stand alone then, and some
  // old clients rely on it.
  Offset from;
  // The set ends before it would pass this, but never before the first message.
  size_t max_bytes;
  // What one batch may take decompressed.
  size_t max_decompressed_bytes;
};

struct DownConverted {
  // Only where the first batch could not be converted; one that comes later ends the set before it.
  //   kUnsupportedCompressionType  zstd, which came after these formats
  //   kMessageTooLarge             more than max_decompressed_bytes
  //   kCorruptMessage              the batch is damaged
  ErrorCode error = ErrorCode::kNone;
  std::vector<std::byte> set;
  // Behind the batches that the set stands for, also those without records (compaction, markers).
  Offset next;
};

// `batches` may end inside a batch, which is then left out.
DownConverted DownConvert(std::span<const std::byte> batches, const DownConvertOptions& options);

}  // namespace millrace::record
