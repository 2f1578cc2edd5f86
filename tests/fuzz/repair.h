// Checksums and lengths put right, so that what lies behind them is reached: random changes hardly
// ever leave a checksum right.
#pragma once

#include <cstddef>
#include <span>

#include "proto/record/batch.h"
#include "proto/record/batch_layout.h"

namespace millrace::fuzz {

// Whether the bytes begin with what is, but for its checksum, a batch.
inline bool ClaimsBatch(std::span<const std::byte> bytes) {
  if (bytes.size() < record::kBatchHeaderBytes) return false;
  const int64_t size = record::BatchView(bytes).size_bytes();
  return size >= static_cast<int64_t>(record::kBatchHeaderBytes) &&
         size <= static_cast<int64_t>(bytes.size());
}

// One batch at the front with the right magic and checksum; where its length is impossible it takes
// all of the bytes. Returns its size, 0 where there is no room for a header.
inline size_t RepairBatch(std::span<std::byte> bytes) {
  if (bytes.size() < record::kBatchHeaderBytes) return 0;
  bytes[record::kMagicAt] = std::byte{record::kMagicV2};
  if (!ClaimsBatch(bytes)) {
    record::StoreBigEndian(bytes.data() + record::kBatchLengthAt,
                           static_cast<int32_t>(bytes.size() - record::kBatchPrefixBytes));
  }
  record::StoreBigEndian(bytes.data() + record::kCrcAt,
                         static_cast<int32_t>(record::ComputeBatchCrc(bytes)));
  return static_cast<size_t>(record::BatchView(bytes).size_bytes());
}

inline void RepairBatches(std::span<std::byte> bytes) {
  while (const size_t size = RepairBatch(bytes)) bytes = bytes.subspan(size);
}

}  // namespace millrace::fuzz
