#include "proto/record/retain.h"

#include <algorithm>
#include <limits>

#include "proto/invariant.h"
#include "proto/record/batch_layout.h"
#include "proto/record/compression.h"
#include "proto/record/crc32c.h"
#include "proto/record/field.h"
#include "proto/record/varint.h"

namespace millrace::record {
namespace {

using Bytes = std::span<const std::byte>;

// What a first look at the records says about the batch that is to be made.
struct Survey {
  int32_t before = 0;
  int32_t after = 0;
  bool has_tombstone = false;  // among what stays
  std::vector<bool> stays;     // by index
};

// False: the records are malformed.
bool TakeSurvey(BatchView batch, Bytes block, absl::FunctionRef<bool(const RecordView&)> stays,
                Survey& survey) {
  RecordReader reader(batch, block);
  while (const std::optional<RecordView> record = reader.Next()) {
    ++survey.before;
    const bool kept = stays(*record);
    survey.stays.push_back(kept);
    if (!kept) continue;
    ++survey.after;
    if (!record->value.has_value()) survey.has_tombstone = true;
  }
  return reader.fault() == RecordFault::kNone;
}

void AppendRecord(const RecordView& record, int64_t timestamp_delta, int32_t offset_delta,
                  std::vector<std::byte>& out) {
  const size_t body = 1 + VarlongSize(timestamp_delta) + VarintSize(offset_delta) +
                      FieldSize(record.key) + FieldSize(record.value) +
                      VarintSize(record.header_count) + record.headers.size();
  // A record takes at most some bytes more than it took, and batches end far below 2^31.
  AppendVarint(static_cast<int32_t>(body), out);
  [[maybe_unused]] const size_t start = out.size();
  out.push_back(std::byte{0});
  AppendVarlong(timestamp_delta, out);
  AppendVarint(offset_delta, out);
  AppendField(record.key, out);
  AppendField(record.value, out);
  AppendVarint(record.header_count, out);
  out.insert(out.end(), record.headers.begin(), record.headers.end());
  INVARIANT(out.size() - start == body);
}

// The records that stay, with their timestamps against `base`; their largest timestamp in
// `max_timestamp`. False: they cannot be put into one batch.
bool PackRecords(BatchView batch, Bytes block, const Survey& survey, TimestampMs base,
                 TimestampMs& max_timestamp, std::vector<std::byte>& out) {
  RecordReader reader(batch, block);
  max_timestamp = TimestampMs(std::numeric_limits<int64_t>::min());
  for (int32_t i = 0; i < survey.before; ++i) {
    const std::optional<RecordView> record = reader.Next();
    INVARIANT(record.has_value());
    if (!survey.stays[static_cast<size_t>(i)]) continue;
    int64_t delta = 0;
    if (__builtin_sub_overflow(record->timestamp.value(), base.value(), &delta)) return false;
    AppendRecord(*record, delta, static_cast<int32_t>(record->offset - batch.base_offset()), out);
    max_timestamp = std::max(max_timestamp, record->timestamp);
  }
  return out.size() <= std::numeric_limits<int32_t>::max();
}

struct NewHeaderFields {
  TimestampMs base_timestamp;
  TimestampMs max_timestamp;
  bool has_horizon;
  int32_t record_count;
};

void FinishHeader(std::vector<std::byte>& batch, const NewHeaderFields& fields) {
  std::byte* const at = batch.data();
  if (fields.has_horizon) {
    const int attributes = BatchView(batch).attributes() | kDeleteHorizonBit;
    StoreBigEndian(at + kAttributesAt, static_cast<int16_t>(attributes));
  }
  StoreBigEndian(at + kBatchLengthAt, static_cast<int32_t>(batch.size() - kBatchPrefixBytes));
  StoreBigEndian(at + kBaseTimestampAt, fields.base_timestamp.value());
  StoreBigEndian(at + kMaxTimestampAt, fields.max_timestamp.value());
  StoreBigEndian(at + kRecordCountAt, fields.record_count);
  StoreBigEndian(at + kCrcAt, static_cast<int32_t>(ComputeBatchCrc(batch)));
}

// The batch with what stays of it; empty: it cannot be made.
std::vector<std::byte> Rebuild(Bytes batch, Bytes block, const Survey& survey,
                               std::optional<TimestampMs> new_horizon) {
  const BatchView view(batch);
  NewHeaderFields fields{.base_timestamp = new_horizon.value_or(view.base_timestamp()),
                         .max_timestamp = {},
                         .has_horizon = new_horizon.has_value(),
                         .record_count = survey.after};
  std::vector<std::byte> records;
  records.reserve(block.size());
  if (!PackRecords(view, block, survey, fields.base_timestamp, fields.max_timestamp, records)) {
    return {};
  }
  std::vector<std::byte> out(batch.begin(), batch.begin() + kBatchHeaderBytes);
  const Compression how{.codec = view.codec().value_or(CodecType::kNone), .level = std::nullopt};
  if (!Compress(how, records, out).ok()) return {};
  if (out.size() > std::numeric_limits<int32_t>::max()) return {};
  FinishHeader(out, fields);
  return out;
}

}  // namespace

Retained RetainRecords(Bytes batch, const RetainOptions& options,
                       absl::FunctionRef<bool(const RecordView&)> stays) {
  Retained retained;
  const BatchView view(batch);
  const std::optional<CodecType> codec = view.codec();
  if (!codec.has_value()) return retained;
  std::vector<std::byte> memory;
  Bytes block = view.records();
  if (*codec != CodecType::kNone) {
    if (!Decompress(*codec, block, options.max_bytes, memory).ok()) return retained;
    block = memory;
  }
  Survey survey;
  if (!TakeSurvey(view, block, stays, survey)) return retained;
  retained.records_before = survey.before;
  retained.records_after = survey.after;
  const bool wants_horizon = survey.has_tombstone || view.is_control();
  std::optional<TimestampMs> horizon;
  if (wants_horizon && !view.delete_horizon().has_value()) horizon = options.new_horizon;
  if (survey.after == 0) {
    retained.kept = Kept::kNone;
  } else if (survey.after == survey.before && !horizon.has_value()) {
    retained.kept = Kept::kAll;
  } else {
    retained.batch = Rebuild(batch, block, survey, horizon);
    retained.kept = retained.batch.empty() ? Kept::kUnopened : Kept::kSome;
  }
  return retained;
}

std::array<std::byte, kBatchHeaderBytes> EmptyBatch(BatchView batch, EmptyKind kind) {
  const bool keeps_producer = kind == EmptyKind::kProducer;
  const std::optional<ProducerStamp> stamp = keeps_producer ? batch.producer() : std::nullopt;
  int attributes = batch.attributes() & kLogAppendTimeBit;
  if (keeps_producer) attributes |= batch.attributes() & (kTransactionalBit | kControlBit);
  std::array<std::byte, kBatchHeaderBytes> out{};
  std::byte* const at = out.data();
  StoreBigEndian(at + kBaseOffsetAt, batch.base_offset().value());
  StoreBigEndian(at + kBatchLengthAt, static_cast<int32_t>(out.size() - kBatchPrefixBytes));
  StoreBigEndian(at + kLeaderEpochAt, batch.leader_epoch().value());
  StoreBigEndian(at + kMagicAt, kMagicV2);
  StoreBigEndian(at + kAttributesAt, static_cast<int16_t>(attributes));
  StoreBigEndian(at + kLastOffsetDeltaAt, batch.last_offset_delta());
  StoreBigEndian(at + kBaseTimestampAt, kAbsent);
  // When the producer wrote decides for how long it is remembered.
  StoreBigEndian(at + kMaxTimestampAt, keeps_producer ? batch.max_timestamp().value() : kAbsent);
  StoreBigEndian(at + kProducerIdAt, stamp.has_value() ? stamp->id.value() : kAbsent);
  StoreBigEndian(at + kProducerEpochAt, stamp.has_value() ? stamp->epoch.value() : int16_t{-1});
  StoreBigEndian(at + kBaseSequenceAt, stamp.has_value() ? stamp->base_sequence : -1);
  StoreBigEndian(at + kRecordCountAt, int32_t{0});
  StoreBigEndian(at + kCrcAt, static_cast<int32_t>(ComputeBatchCrc(out)));
  return out;
}

}  // namespace millrace::record
