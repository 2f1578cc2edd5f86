#include "proto/record/batch.h"

#include <limits>

#include "proto/invariant.h"
#include "proto/record/batch_layout.h"
#include "proto/record/crc32c.h"

namespace millrace::record {
namespace {

void StoreCrc(std::span<std::byte> batch) {
  StoreBigEndian(batch.data() + kCrcAt, static_cast<int32_t>(ComputeBatchCrc(batch)));
}

// Whether `bytes` holds all of the batch that its header claims.
bool IsComplete(std::span<const std::byte> bytes) {
  if (bytes.size() < kBatchHeaderBytes) return false;
  const int64_t size = BatchView(bytes).size_bytes();
  return size >= static_cast<int64_t>(kBatchHeaderBytes) &&
         size <= static_cast<int64_t>(bytes.size());
}

}  // namespace

std::span<const std::byte> BatchView::records() const {
  INVARIANT(IsComplete(bytes_));
  return bytes_.subspan(kBatchHeaderBytes, static_cast<size_t>(size_bytes()) - kBatchHeaderBytes);
}

bool IsIntact(std::span<const std::byte> bytes) {
  if (!IsComplete(bytes)) return false;
  const BatchView batch(bytes);
  if (batch.magic() != kMagicV2) return false;
  // The base offset lies outside the CRC: damage there must not make later sums overflow.
  const int64_t delta = batch.last_offset_delta();
  if (delta < 0 || batch.record_count() < 0 || batch.base_offset().value() < 0) return false;
  if (batch.base_offset().value() >= std::numeric_limits<int64_t>::max() - delta) return false;
  return batch.crc() == ComputeBatchCrc(bytes);
}

uint32_t ComputeBatchCrc(std::span<const std::byte> batch) {
  INVARIANT(IsComplete(batch));
  const auto size = static_cast<size_t>(BatchView(batch).size_bytes());
  return Crc32c(batch.subspan(kAttributesAt, size - kAttributesAt));
}

void StampBatch(std::span<std::byte> batch, Offset base_offset, LeaderEpoch epoch) {
  INVARIANT(batch.size() >= kBatchHeaderBytes);
  INVARIANT(base_offset.value() >= 0);
  StoreBigEndian(batch.data() + kBaseOffsetAt, base_offset.value());
  StoreBigEndian(batch.data() + kLeaderEpochAt, epoch.value());
}

void StampLogAppendTime(std::span<std::byte> batch, TimestampMs now) {
  INVARIANT(IsComplete(batch));
  const int attributes = BatchView(batch).attributes() | kLogAppendTimeBit;
  StoreBigEndian(batch.data() + kAttributesAt, static_cast<int16_t>(attributes));
  StoreBigEndian(batch.data() + kMaxTimestampAt, now.value());
  StoreCrc(batch);
}

void StampMaxTimestamp(std::span<std::byte> batch, TimestampMs max_timestamp) {
  INVARIANT(IsComplete(batch));
  StoreBigEndian(batch.data() + kMaxTimestampAt, max_timestamp.value());
  StoreCrc(batch);
}

}  // namespace millrace::record
