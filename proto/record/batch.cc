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

template <class T>
T BatchView::At(size_t position) const {
  return LoadBigEndian<T>(bytes_.data() + position);
}

Offset BatchView::base_offset() const { return Offset(At<int64_t>(kBaseOffsetAt)); }
int32_t BatchView::batch_length() const { return At<int32_t>(kBatchLengthAt); }
LeaderEpoch BatchView::leader_epoch() const { return LeaderEpoch(At<int32_t>(kLeaderEpochAt)); }
int8_t BatchView::magic() const { return At<int8_t>(kMagicAt); }
uint32_t BatchView::crc() const { return static_cast<uint32_t>(At<int32_t>(kCrcAt)); }
int16_t BatchView::attributes() const { return At<int16_t>(kAttributesAt); }

std::optional<CodecType> BatchView::codec() const {
  const int bits = attributes() & kCodecMask;
  if (bits > static_cast<int>(CodecType::kZstd)) return std::nullopt;
  return static_cast<CodecType>(bits);
}

bool BatchView::has_log_append_time() const { return (attributes() & kLogAppendTimeBit) != 0; }
bool BatchView::is_transactional() const { return (attributes() & kTransactionalBit) != 0; }
bool BatchView::is_control() const { return (attributes() & kControlBit) != 0; }
std::optional<TimestampMs> BatchView::delete_horizon() const {
  if ((attributes() & kDeleteHorizonBit) == 0) return std::nullopt;
  return base_timestamp();
}
int32_t BatchView::last_offset_delta() const { return At<int32_t>(kLastOffsetDeltaAt); }
TimestampMs BatchView::base_timestamp() const { return TimestampMs(At<int64_t>(kBaseTimestampAt)); }
TimestampMs BatchView::max_timestamp() const { return TimestampMs(At<int64_t>(kMaxTimestampAt)); }

std::optional<ProducerStamp> BatchView::producer() const {
  const auto id = At<int64_t>(kProducerIdAt);
  if (id == kAbsent) return std::nullopt;
  return ProducerStamp{.id = ProducerId(id),
                       .epoch = ProducerEpoch(At<int16_t>(kProducerEpochAt)),
                       .base_sequence = At<int32_t>(kBaseSequenceAt)};
}

int32_t BatchView::record_count() const { return At<int32_t>(kRecordCountAt); }

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
