// Record batches: what the checks let through is what the readers can read, the quick walk agrees
// with the careful one, and look-ups by time find what a plain loop finds.
#include <limits>
#include <optional>

#include "proto/record/batch.h"
#include "proto/record/batch_layout.h"
#include "proto/record/open_batch.h"
#include "proto/record/record_check.h"
#include "proto/record/record_reader.h"
#include "proto/record/sound_walk.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/repair.h"

namespace millrace::fuzz {
namespace {

using record::BatchView;
using record::CheckOptions;
using record::RecordFault;
using record::RecordReader;
using record::RecordView;
using record::TimestampedOffset;

constexpr size_t kDecompressedBytesMax = 128 << 10;
// Bits of the first byte.
constexpr uint8_t kRepairFrame = 0x01;   // magic, length and checksum
constexpr uint8_t kRepairCounts = 0x02;  // base offset 0, last delta = count - 1
constexpr uint8_t kPlainRecords = 0x04;  // CreateTime, no codec, no control batch
constexpr uint8_t kRequireKeys = 0x08;
constexpr uint8_t kBoundTimes = 0x10;
constexpr uint8_t kNoZstd = 0x20;
constexpr uint8_t kNoProducer = 0x40;

void RepairAsAsked(uint8_t flags, std::vector<std::byte>& batch) {
  if (batch.size() < record::kBatchHeaderBytes) return;
  std::byte* at = batch.data();
  if ((flags & kRepairCounts) != 0) {
    const int32_t count = std::max(record::LoadBigEndian<int32_t>(at + record::kRecordCountAt), 1);
    record::StoreBigEndian(at + record::kBaseOffsetAt, int64_t{0});
    record::StoreBigEndian(at + record::kRecordCountAt, count);
    record::StoreBigEndian(at + record::kLastOffsetDeltaAt, count - 1);
  }
  if ((flags & kPlainRecords) != 0) record::StoreBigEndian(at + record::kAttributesAt, int16_t{0});
  if ((flags & kNoProducer) != 0) record::StoreBigEndian(at + record::kProducerIdAt, int64_t{-1});
  if ((flags & kRepairFrame) != 0) batch.resize(RepairBatch(batch));
}

// What a careful reader says of a block of records.
struct Careful {
  bool is_sound = false;
  int64_t min_timestamp = std::numeric_limits<int64_t>::max();
  int64_t max_timestamp = std::numeric_limits<int64_t>::min();
  bool has_headers = false;
  bool has_null_key = false;
  bool is_within_bounds = true;
  bool has_gaps = false;
};

void ReadHeaders(const RecordView& record) {
  record::HeaderReader headers(record);
  int32_t count = 0;
  while (headers.Next().has_value()) ++count;
  INVARIANT(count == record.header_count);
}

Careful ReadCarefully(BatchView batch, Bytes block, const CheckOptions& options) {
  Careful careful;
  RecordReader reader(batch, block);
  while (const std::optional<RecordView> record = reader.Next()) {
    ReadHeaders(*record);
    const int64_t timestamp = record->timestamp.value();
    careful.min_timestamp = std::min(careful.min_timestamp, timestamp);
    careful.max_timestamp = std::max(careful.max_timestamp, timestamp);
    careful.has_headers |= record->header_count > 0;
    careful.has_null_key |= !record->key.has_value();
    careful.has_gaps |= reader.last_offset_delta() != reader.records_read() - 1;
    if (timestamp == record::kAbsent) continue;
    careful.is_within_bounds &=
        !options.timestamp_min || record->timestamp >= *options.timestamp_min;
    careful.is_within_bounds &=
        !options.timestamp_max || record->timestamp <= *options.timestamp_max;
  }
  careful.is_sound = reader.fault() == RecordFault::kNone;
  INVARIANT(!record::FaultText(reader.fault()).empty());
  INVARIANT(reader.records_read() <= std::max(batch.record_count(), 0));
  return careful;
}

// `block` belongs to a batch whose header is right.
void CompareWalks(BatchView batch, Bytes block, const CheckOptions& options) {
  const Careful careful = ReadCarefully(batch, block, options);
  const bool is_right = careful.is_sound && !careful.has_gaps && careful.is_within_bounds &&
                        !(options.require_keys && careful.has_null_key);
  const record::RecordsCheck check = CheckRecords(batch, block, options);
  INVARIANT(check.fault.has_value() == !is_right);
  if (is_right) INVARIANT(check.max_timestamp.value() == careful.max_timestamp);

  const auto deltas = record::WalkSound(block, batch.record_count(), options.require_keys);
  if (!deltas.has_value() || batch.has_log_append_time()) return;
  int64_t min = 0;
  int64_t max = 0;
  const int64_t base = batch.base_timestamp().value();
  if (__builtin_add_overflow(base, deltas->min, &min)) return;
  if (__builtin_add_overflow(base, deltas->max, &max)) return;
  INVARIANT(careful.is_sound && !careful.has_gaps && !careful.has_headers);
  INVARIANT(careful.min_timestamp == min && careful.max_timestamp == max);
}

void CheckAsLeader(Bytes bytes, const CheckOptions& options) {
  const auto fault = record::CheckBatch(bytes, options);
  std::vector<std::byte> admitted = Copy(bytes);
  const auto admit_fault = record::AdmitBatch(admitted, options);
  INVARIANT(fault.has_value() == admit_fault.has_value());
  if (fault.has_value()) {
    INVARIANT(fault->error == admit_fault->error && fault->message == admit_fault->message);
    INVARIANT(fault->error != ErrorCode::kNone && !fault->message.empty());
    INVARIANT(SameBytes(admitted, bytes));
  }
  // A fault of a record says that the header is right.
  if (fault.has_value() && !fault->record_index.has_value()) return;
  INVARIANT(record::IsIntact(bytes));
  const BatchView batch(bytes);
  if (batch.codec() == record::CodecType::kNone) {
    CompareWalks(batch, batch.records(), options);
  } else {
    CheckCompressedRecords(bytes, options, kDecompressedBytesMax);
  }
  if (fault.has_value()) return;
  INVARIANT(!record::CheckBatch(admitted, options).has_value());
  record::StampBatch(admitted, Offset(42), LeaderEpoch(7));
  INVARIANT(record::IsIntact(admitted));
  record::StampLogAppendTime(admitted, TimestampMs(1'700'000'000'000));
  INVARIANT(record::IsIntact(admitted));
}

// What a log may hold: intact, and nothing more is known.
void LookUp(Bytes bytes, TimestampMs target) {
  const Bytes batch = bytes.first(static_cast<size_t>(BatchView(bytes).size_bytes()));
  std::optional<TimestampedOffset> first;
  std::optional<TimestampedOffset> newest;
  const absl::Status walked =
      record::ForEachRecord(batch, kDecompressedBytesMax, [&](const RecordView& record) {
        const TimestampedOffset here{.offset = record.offset, .timestamp = record.timestamp};
        INVARIANT(here.offset >= BatchView(batch).base_offset());
        INVARIANT(here.offset <= BatchView(batch).last_offset());
        if (!first.has_value() && here.timestamp >= target) first = here;
        if (!newest.has_value() || here.timestamp > newest->timestamp) newest = here;
        return record::Walk::kGoOn;
      });
  const auto by_time = record::FindByTimestamp(batch, target, Offset(0), kDecompressedBytesMax);
  const auto by_maximum = record::FindMaxTimestamp(batch, kDecompressedBytesMax);
  if (walked.ok() || first.has_value()) INVARIANT(by_time.ok() && *by_time == first);
  INVARIANT(by_maximum.ok() == walked.ok());
  if (walked.ok()) INVARIANT(*by_maximum == newest);
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  using namespace millrace::fuzz;
  Input input(data, size);
  const uint8_t flags = input.TakeByte();
  std::vector<std::byte> batch = Copy(input.TakeRest());
  RepairAsAsked(flags, batch);
  CheckOptions options{.max_batch_bytes = 3000};
  options.allow_zstd = (flags & kNoZstd) == 0;
  options.require_keys = (flags & kRequireKeys) != 0;
  if ((flags & kBoundTimes) != 0) {
    options.timestamp_min = TimestampMs(0);
    options.timestamp_max = TimestampMs(1'700'000'001'000);
  }
  CheckAsLeader(batch, options);
  if (record::IsIntact(batch)) {
    LookUp(batch, record::BatchView(batch).base_timestamp());
    LookUp(batch, record::BatchView(batch).max_timestamp());
  }
  return 0;
}
