#include "proto/record/batch_builder.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "proto/invariant.h"
#include "proto/record/batch_layout.h"
#include "proto/record/compression.h"
#include "proto/record/crc32c.h"
#include "proto/record/field.h"
#include "proto/record/varint.h"

namespace millrace::record {
namespace {

using Bytes = std::span<const std::byte>;

constexpr size_t kMaxLength = std::numeric_limits<int32_t>::max();

Bytes AsBytes(std::string_view text) { return std::as_bytes(std::span(text)); }

// None: the two lie too far apart for one batch.
std::optional<int64_t> Delta(TimestampMs from, TimestampMs to) {
  int64_t delta = 0;
  if (__builtin_sub_overflow(to.value(), from.value(), &delta)) return std::nullopt;
  return delta;
}

}  // namespace

BatchBuilder::BatchBuilder(const BatchBuilderOptions& options)
    : options_(options), bytes_(kBatchHeaderBytes) {}

size_t BatchBuilder::BodySize(const NewRecord& record) const {
  const TimestampMs base = record_count_ == 0 ? record.timestamp : base_timestamp_;
  size_t size = 1;  // attributes
  size += VarlongSize(Delta(base, record.timestamp).value_or(0)) + VarintSize(record_count_);
  size += FieldSize(record.key) + FieldSize(record.value);
  size += VarintSize(static_cast<int32_t>(record.headers.size()));
  for (const NewHeader& header : record.headers) {
    size += FieldSize(AsBytes(header.key)) + FieldSize(header.value);
  }
  return size;
}

size_t BatchBuilder::SizeToAdd(const NewRecord& record) const {
  const size_t body = BodySize(record);
  return VarintSize(static_cast<int32_t>(std::min(body, kMaxLength))) + body;
}

void BatchBuilder::Add(const NewRecord& record) {
  if (!fault_.ok()) return;
  const size_t body = BodySize(record);
  if (body > kMaxLength || bytes_.size() > kMaxLength - body) {
    fault_ = absl::InvalidArgumentError("the batch is longer than 2^31 - 1 bytes");
    return;
  }
  if (record_count_ == 0) base_timestamp_ = max_timestamp_ = record.timestamp;
  const std::optional<int64_t> timestamp_delta = Delta(base_timestamp_, record.timestamp);
  if (!timestamp_delta.has_value()) {
    fault_ = absl::InvalidArgumentError("timestamps of one batch lie 2^63 ms or more apart");
    return;
  }
  max_timestamp_ = std::max(max_timestamp_, record.timestamp);
  AppendVarint(static_cast<int32_t>(body), bytes_);
  const size_t start = bytes_.size();
  bytes_.push_back(std::byte{0});
  AppendVarlong(*timestamp_delta, bytes_);
  AppendVarint(record_count_, bytes_);
  AppendField(record.key, bytes_);
  AppendField(record.value, bytes_);
  AppendVarint(static_cast<int32_t>(record.headers.size()), bytes_);
  for (const NewHeader& header : record.headers) {
    AppendField(AsBytes(header.key), bytes_);
    AppendField(header.value, bytes_);
  }
  INVARIANT(bytes_.size() - start == body);
  ++record_count_;
}

absl::StatusOr<std::vector<std::byte>> BatchBuilder::Build() && {
  if (!fault_.ok()) return fault_;
  INVARIANT(record_count_ > 0);
  std::vector<std::byte> batch;
  if (options_.codec == CodecType::kNone) {
    batch = std::move(bytes_);
  } else {
    batch.resize(kBatchHeaderBytes);
    const Compression how{.codec = options_.codec, .level = options_.compression_level};
    const absl::Status compressed = Compress(how, Bytes(bytes_).subspan(kBatchHeaderBytes), batch);
    if (!compressed.ok()) return compressed;
    if (batch.size() > kMaxLength) {
      return absl::InvalidArgumentError("the compressed batch is longer than 2^31 - 1 bytes");
    }
  }
  WriteHeader(batch);
  return batch;
}

void BatchBuilder::WriteHeader(std::span<std::byte> batch) const {
  int attributes = static_cast<int>(options_.codec);
  if (options_.transactional) attributes |= kTransactionalBit;
  if (options_.control) attributes |= kControlBit;
  const ProducerStamp producer = options_.producer.value_or(
      ProducerStamp{.id = ProducerId(kAbsent), .epoch = ProducerEpoch(-1), .base_sequence = -1});

  std::byte* const at = batch.data();
  StoreBigEndian(at + kBaseOffsetAt, options_.base_offset.value());
  StoreBigEndian(at + kBatchLengthAt, static_cast<int32_t>(batch.size() - kBatchPrefixBytes));
  StoreBigEndian(at + kLeaderEpochAt, options_.leader_epoch.value_or(LeaderEpoch(-1)).value());
  StoreBigEndian(at + kMagicAt, kMagicV2);
  StoreBigEndian(at + kAttributesAt, static_cast<int16_t>(attributes));
  StoreBigEndian(at + kLastOffsetDeltaAt, record_count_ - 1);
  StoreBigEndian(at + kBaseTimestampAt, base_timestamp_.value());
  StoreBigEndian(at + kMaxTimestampAt, max_timestamp_.value());
  StoreBigEndian(at + kProducerIdAt, producer.id.value());
  StoreBigEndian(at + kProducerEpochAt, producer.epoch.value());
  StoreBigEndian(at + kBaseSequenceAt, producer.base_sequence);
  StoreBigEndian(at + kRecordCountAt, record_count_);
  StoreBigEndian(at + kCrcAt, static_cast<int32_t>(ComputeBatchCrc(batch)));
}

}  // namespace millrace::record
