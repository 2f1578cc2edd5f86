// Record batch v2: a view of its header, the checks a leader makes, and stamping in place.
//
//   BatchView batch(bytes);                        // bytes hold at least a header
//   if (auto fault = AdmitBatch(bytes, limits)) ...refuse with fault->error...
//   StampBatch(bytes, Offset(42), LeaderEpoch(0)); // base offset and epoch lie outside the CRC
//
// Pure; no function here allocates on success. A view must not outlive its bytes.
// Format: docs/formats/record-batch.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "proto/error_code.h"
#include "proto/invariant.h"
#include "proto/record/batch_layout.h"
#include "proto/record/codec_type.h"
#include "proto/types.h"

namespace millrace::record {

inline constexpr int8_t kMagicV2 = 2;

// What an idempotent or transactional producer puts on a batch.
struct ProducerStamp {
  ProducerId id;
  ProducerEpoch epoch;
  int32_t base_sequence;
};

class BatchView {
 public:
  // Precondition: bytes.size() >= kBatchHeaderBytes. Only header fields are read; nothing has been
  // checked.
  explicit BatchView(std::span<const std::byte> bytes) : bytes_(bytes) {
    INVARIANT(bytes.size() >= kBatchHeaderBytes);
  }

  Offset base_offset() const { return Offset(At<int64_t>(kBaseOffsetAt)); }
  int32_t batch_length() const { return At<int32_t>(kBatchLengthAt); }  // as claimed
  // The whole batch with its prefix, as claimed; may exceed bytes.
  int64_t size_bytes() const { return int64_t{batch_length()} + int64_t{kBatchPrefixBytes}; }
  LeaderEpoch leader_epoch() const { return LeaderEpoch(At<int32_t>(kLeaderEpochAt)); }
  int8_t magic() const { return At<int8_t>(kMagicAt); }
  uint32_t crc() const { return static_cast<uint32_t>(At<int32_t>(kCrcAt)); }
  int16_t attributes() const { return At<int16_t>(kAttributesAt); }
  // None: bits that no codec has.
  std::optional<CodecType> codec() const {
    const int bits = attributes() & kCodecMask;
    if (bits > static_cast<int>(CodecType::kZstd)) return std::nullopt;
    return static_cast<CodecType>(bits);
  }
  bool has_log_append_time() const { return (attributes() & kLogAppendTimeBit) != 0; }
  bool is_transactional() const { return (attributes() & kTransactionalBit) != 0; }
  bool is_control() const { return (attributes() & kControlBit) != 0; }
  // From when on compaction may remove the tombstones, or the marker, that the batch holds.
  std::optional<TimestampMs> delete_horizon() const {
    if ((attributes() & kDeleteHorizonBit) == 0) return std::nullopt;
    return base_timestamp();
  }
  int32_t last_offset_delta() const { return At<int32_t>(kLastOffsetDeltaAt); }
  Offset last_offset() const { return base_offset() + last_offset_delta(); }
  Offset next_offset() const { return last_offset() + 1; }
  TimestampMs base_timestamp() const { return TimestampMs(At<int64_t>(kBaseTimestampAt)); }
  TimestampMs max_timestamp() const { return TimestampMs(At<int64_t>(kMaxTimestampAt)); }
  // None: producer id -1.
  std::optional<ProducerStamp> producer() const {
    const auto id = At<int64_t>(kProducerIdAt);
    if (id == kAbsent) return std::nullopt;
    return ProducerStamp{.id = ProducerId(id),
                         .epoch = ProducerEpoch(At<int16_t>(kProducerEpochAt)),
                         .base_sequence = At<int32_t>(kBaseSequenceAt)};
  }
  int32_t record_count() const { return At<int32_t>(kRecordCountAt); }
  // The bytes after the header, compressed as the codec says. Precondition: the batch is complete.
  std::span<const std::byte> records() const;

 private:
  template <class T>
  T At(size_t position) const {
    return LoadBigEndian<T>(bytes_.data() + position);
  }
  std::span<const std::byte> bytes_;
};

// Why a batch is refused.
struct BatchFault {
  ErrorCode error;
  std::string message;
  // The record that is wrong, by its index in the batch; none when it is the batch as a whole.
  std::optional<int32_t> record_index;
};

// The length and checksum alone: what recovery asks of bytes that are already in a log. True when
// `bytes` starts with one complete batch of magic 2 whose CRC-32C is right. The base offset, which
// no CRC covers, is then at least not negative, and last_offset() and next_offset() do not
// overflow.
bool IsIntact(std::span<const std::byte> bytes);
// Precondition: the batch is complete.
uint32_t ComputeBatchCrc(std::span<const std::byte> batch);

struct CheckOptions {
  int64_t max_batch_bytes;
  bool allow_zstd = true;  // Produce before version 7 does not know it
  // Compacted topics: every record needs a key.
  bool require_keys = false;
  // Bounds on record timestamps (CreateTime); none: not bounded. A record without a timestamp (-1)
  // is within any bounds, as in Kafka.
  std::optional<TimestampMs> timestamp_min;
  std::optional<TimestampMs> timestamp_max;
};

// Everything a leader checks in what a client sent as the records of one partition: exactly one
// complete batch, magic 2, base offset 0, no control batch, size, CRC, codec, counts against
// offsets, sequence fields, and in uncompressed batches every record (length, offset delta,
// timestamp, key, varints that fill the record exactly). None: the batch may be appended.
//
// Compressed records stay closed (open_batch.h opens and checks them): of these only the first and
// the maximum timestamp that the header claims are held against the bounds.
std::optional<BatchFault> CheckBatch(std::span<const std::byte> bytes, const CheckOptions& options);

// CheckBatch, and then the one thing that Kafka corrects rather than refuses: where an uncompressed
// batch claims a maximum timestamp that its records do not have (older clients leave it at -1), the
// true one is set and the CRC recomputed, so that look-ups by time and retention may believe it.
std::optional<BatchFault> AdmitBatch(std::span<std::byte> bytes, const CheckOptions& options);

// Sets base offset and partition leader epoch, which the CRC does not cover.
void StampBatch(std::span<std::byte> batch, Offset base_offset, LeaderEpoch epoch);
// Marks the batch as LogAppendTime with max timestamp `now` and recomputes the CRC.
void StampLogAppendTime(std::span<std::byte> batch, TimestampMs now);
// Sets the maximum timestamp and recomputes the CRC.
void StampMaxTimestamp(std::span<std::byte> batch, TimestampMs max_timestamp);

}  // namespace millrace::record
