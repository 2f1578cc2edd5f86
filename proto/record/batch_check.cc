#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "proto/invariant.h"
#include "proto/record/batch.h"
#include "proto/record/batch_layout.h"
#include "proto/record/record_check.h"
#include "proto/record/record_reader.h"
#include "proto/record/sound_walk.h"

namespace millrace::record {
namespace {

using Bytes = std::span<const std::byte>;
using Fault = std::optional<BatchFault>;

constexpr TimestampMs kNoTimestamp(kAbsent);

Fault Refuse(ErrorCode error, std::string message) {
  return BatchFault{.error = error, .message = std::move(message), .record_index = std::nullopt};
}

BatchFault RefuseRecord(ErrorCode error, int32_t index, std::string message) {
  return BatchFault{.error = error, .message = std::move(message), .record_index = index};
}

// Exactly one complete batch of magic 2, not too large, unharmed.
Fault CheckFrame(Bytes bytes, const CheckOptions& options) {
  if (bytes.empty()) {
    return Refuse(ErrorCode::kInvalidRecord, "there is no record batch; exactly one is needed");
  }
  // Older formats have their magic at the same place, but may be shorter than a header of ours.
  if (bytes.size() > kMagicAt && static_cast<int8_t>(bytes[kMagicAt]) != kMagicV2) {
    return Refuse(
        ErrorCode::kInvalidRecord,
        fmt::format("magic is {}; it must be {}", static_cast<int8_t>(bytes[kMagicAt]), kMagicV2));
  }
  if (bytes.size() < kBatchHeaderBytes) {
    return Refuse(ErrorCode::kCorruptMessage, fmt::format("{} bytes; a batch header alone is {}",
                                                          bytes.size(), kBatchHeaderBytes));
  }
  const BatchView batch(bytes);
  const int64_t size = batch.size_bytes();
  const auto received = static_cast<int64_t>(bytes.size());
  if (size < static_cast<int64_t>(kBatchHeaderBytes) || size > received) {
    return Refuse(ErrorCode::kCorruptMessage,
                  fmt::format("the batch claims to be {} bytes; {} were sent", size, received));
  }
  if (size < received) {
    return Refuse(
        ErrorCode::kInvalidRecord,
        fmt::format("{} bytes follow the batch; exactly one batch per partition is allowed",
                    received - size));
  }
  if (size > options.max_batch_bytes) {
    return Refuse(ErrorCode::kMessageTooLarge,
                  fmt::format("the batch is {} bytes; the limit is {} (max.message.bytes)", size,
                              options.max_batch_bytes));
  }
  const uint32_t crc = ComputeBatchCrc(bytes);
  if (batch.crc() != crc) {
    return Refuse(
        ErrorCode::kCorruptMessage,
        fmt::format("the batch claims CRC-32C {:08x}; its bytes have {:08x}", batch.crc(), crc));
  }
  return std::nullopt;
}

Fault CheckAttributes(BatchView batch, const CheckOptions& options) {
  const std::optional<CodecType> codec = batch.codec();
  if (!codec.has_value()) {
    return Refuse(
        ErrorCode::kUnsupportedCompressionType,
        fmt::format("codec {} is unknown; 0 to 4 are known", batch.attributes() & kCodecMask));
  }
  if (codec == CodecType::kZstd && !options.allow_zstd) {
    return Refuse(ErrorCode::kUnsupportedCompressionType, "zstd needs Produce version 7 or later");
  }
  if (batch.is_control()) {
    return Refuse(ErrorCode::kInvalidRecord, "clients may not write control batches");
  }
  if ((batch.attributes() & kDeleteHorizonBit) != 0) {
    return Refuse(ErrorCode::kInvalidRecord, "clients may not set a delete horizon");
  }
  if (batch.has_log_append_time()) {
    return Refuse(ErrorCode::kInvalidTimestamp,
                  "clients may not mark a batch as LogAppendTime; CreateTime is theirs");
  }
  return std::nullopt;
}

Fault CheckCounts(BatchView batch) {
  if (batch.base_offset() != Offset(0)) {
    return Refuse(ErrorCode::kInvalidRecord,
                  fmt::format("the base offset is {}; it must be 0, the broker assigns offsets",
                              batch.base_offset().value()));
  }
  const int32_t count = batch.record_count();
  if (count <= 0) {
    return Refuse(ErrorCode::kInvalidRecord,
                  fmt::format("the record count is {}; at least one record is needed", count));
  }
  if (batch.last_offset_delta() != count - 1) {
    return Refuse(ErrorCode::kInvalidRecord,
                  fmt::format("the last offset delta is {}; with {} records it must be {}",
                              batch.last_offset_delta(), count, count - 1));
  }
  return std::nullopt;
}

Fault CheckProducer(BatchView batch) {
  const std::optional<ProducerStamp> producer = batch.producer();
  if (!producer.has_value()) {
    if (!batch.is_transactional()) return std::nullopt;
    return Refuse(ErrorCode::kInvalidRecord, "a transactional batch needs a producer id");
  }
  if (producer->id.value() < 0) {
    return Refuse(
        ErrorCode::kInvalidRecord,
        fmt::format("producer id {}; it must be -1 (none) or positive", producer->id.value()));
  }
  if (producer->epoch.value() < 0) {
    return Refuse(ErrorCode::kInvalidRecord,
                  fmt::format("producer epoch {} with producer id {}; it must not be negative",
                              producer->epoch.value(), producer->id.value()));
  }
  if (producer->base_sequence < 0) {
    return Refuse(ErrorCode::kInvalidRecord,
                  fmt::format("base sequence {} with producer id {}; it must not be negative",
                              producer->base_sequence, producer->id.value()));
  }
  return std::nullopt;
}

bool IsInBounds(TimestampMs timestamp, const CheckOptions& options) {
  if (timestamp == kNoTimestamp) return true;
  if (options.timestamp_min.has_value() && timestamp < *options.timestamp_min) return false;
  return !options.timestamp_max.has_value() || timestamp <= *options.timestamp_max;
}

// Precondition: it is out of bounds.
std::string BoundsText(TimestampMs timestamp, const CheckOptions& options) {
  if (options.timestamp_min.has_value() && timestamp < *options.timestamp_min) {
    return fmt::format("timestamp {} is before {} (message.timestamp.before.max.ms)",
                       timestamp.value(), options.timestamp_min->value());
  }
  return fmt::format("timestamp {} is after {} (message.timestamp.after.max.ms)", timestamp.value(),
                     options.timestamp_max->value());
}

Fault CheckClaimedTimestamps(BatchView batch, const CheckOptions& options) {
  for (const TimestampMs timestamp : {batch.base_timestamp(), batch.max_timestamp()}) {
    if (IsInBounds(timestamp, options)) continue;
    return Refuse(ErrorCode::kInvalidTimestamp, BoundsText(timestamp, options));
  }
  return std::nullopt;
}

bool IsAcceptable(const RecordReader& reader, const RecordView& record,
                  const CheckOptions& options) {
  return reader.last_offset_delta() == reader.records_read() - 1 &&
         (record.key.has_value() || !options.require_keys) && IsInBounds(record.timestamp, options);
}

// Why a record is not acceptable. Kept out of the loop over the records, which it would slow down.
[[gnu::noinline]] BatchFault RecordFaultOf(const RecordReader& reader, const RecordView& record,
                                           const CheckOptions& options) {
  const int32_t index = reader.records_read() - 1;
  if (reader.last_offset_delta() != index) {
    return RefuseRecord(ErrorCode::kInvalidRecord, index,
                        fmt::format("record {} has offset delta {}; it must be {}", index,
                                    reader.last_offset_delta(), index));
  }
  if (options.require_keys && !record.key.has_value()) {
    return RefuseRecord(ErrorCode::kInvalidRecord, index,
                        fmt::format("record {} has no key; a compacted topic needs one", index));
  }
  return RefuseRecord(ErrorCode::kInvalidTimestamp, index,
                      fmt::format("record {}: {}", index, BoundsText(record.timestamp, options)));
}

Fault CheckHeader(Bytes bytes, const CheckOptions& options) {
  if (Fault fault = CheckFrame(bytes, options)) return fault;
  const BatchView batch(bytes);
  if (Fault fault = CheckAttributes(batch, options)) return fault;
  if (Fault fault = CheckCounts(batch)) return fault;
  return CheckProducer(batch);
}

// The largest timestamp of records that are all sound and of the usual shape; none: look closer.
std::optional<TimestampMs> CheckUsualRecords(BatchView batch, Bytes block,
                                             const CheckOptions& options) {
  const int32_t count = batch.record_count();
  if (batch.has_log_append_time() || batch.last_offset_delta() != count - 1) return std::nullopt;
  const auto deltas = WalkSound(block, count, options.require_keys);
  if (!deltas.has_value()) return std::nullopt;
  int64_t last = 0;
  int64_t min = 0;
  int64_t max = 0;
  const int64_t base = batch.base_timestamp().value();
  if (__builtin_add_overflow(batch.base_offset().value(), int64_t{count}, &last) ||
      __builtin_add_overflow(base, deltas->min, &min) ||
      __builtin_add_overflow(base, deltas->max, &max)) {
    return std::nullopt;
  }
  if (options.timestamp_min.has_value() && TimestampMs(min) < *options.timestamp_min) {
    return std::nullopt;
  }
  if (options.timestamp_max.has_value() && TimestampMs(max) > *options.timestamp_max) {
    return std::nullopt;
  }
  return TimestampMs(max);
}

}  // namespace

RecordsCheck CheckRecords(BatchView batch, Bytes block, const CheckOptions& options) {
  if (const auto max = CheckUsualRecords(batch, block, options)) return {std::nullopt, *max};
  RecordReader reader(batch, block);
  TimestampMs max_timestamp(std::numeric_limits<int64_t>::min());
  while (const std::optional<RecordView> record = reader.Next()) {
    if (!IsAcceptable(reader, *record, options)) [[unlikely]] {
      return {RecordFaultOf(reader, *record, options), {}};
    }
    max_timestamp = std::max(max_timestamp, record->timestamp);
  }
  if (reader.fault() != RecordFault::kNone) {
    const int32_t index = reader.records_read();
    return {
        RefuseRecord(ErrorCode::kInvalidRecord, index,
                     fmt::format("record {} is malformed: {}", index, FaultText(reader.fault()))),
        {}};
  }
  return {std::nullopt, max_timestamp};
}

Fault CheckBatch(Bytes bytes, const CheckOptions& options) {
  if (Fault fault = CheckHeader(bytes, options)) return fault;
  const BatchView batch(bytes);
  if (batch.codec() != CodecType::kNone) return CheckClaimedTimestamps(batch, options);
  return CheckRecords(batch, batch.records(), options).fault;
}

Fault AdmitBatch(std::span<std::byte> bytes, const CheckOptions& options) {
  if (Fault fault = CheckHeader(bytes, options)) return fault;
  const BatchView batch(bytes);
  if (batch.codec() != CodecType::kNone) return CheckClaimedTimestamps(batch, options);
  RecordsCheck check = CheckRecords(batch, batch.records(), options);
  if (check.fault.has_value()) return std::move(check.fault);
  if (check.max_timestamp != batch.max_timestamp()) StampMaxTimestamp(bytes, check.max_timestamp);
  INVARIANT(BatchView(bytes).max_timestamp() == check.max_timestamp);
  return std::nullopt;
}

}  // namespace millrace::record
