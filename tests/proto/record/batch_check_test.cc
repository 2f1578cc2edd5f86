#include <limits>

#include <catch2/catch.hpp>

#include "proto/record/batch.h"
#include "proto/record/batch_layout.h"
#include "proto/record/varint.h"
#include "tests/proto/record/support.h"

namespace millrace::record {
namespace {

constexpr int64_t kIntMax = std::numeric_limits<int32_t>::max();

ErrorCode ErrorOf(const Buffer& batch, const CheckOptions& options = kNoLimits) {
  const auto fault = CheckBatch(batch, options);
  if (!fault.has_value()) return ErrorCode::kNone;
  CHECK_FALSE(fault->message.empty());
  return fault->error;
}

ErrorCode ErrorAfter(size_t position, int64_t value, size_t width) {
  Buffer batch = SmallBatch();
  Tamper(batch, position, value, width);
  return ErrorOf(batch);
}

// One record of the usual form; each field may be overwritten.
struct RawRecord {
  int64_t timestamp_delta = 0;
  int32_t offset_delta = 0;
  int32_t key_length = 1;
  std::string key = "k";
  int32_t value_length = 1;
  std::string value = "v";
  int32_t header_count = 0;
  std::string headers;
  int32_t length_error = 0;
};

void Append(const RawRecord& record, Buffer& out) {
  Buffer body = {std::byte{0}};
  AppendVarlong(record.timestamp_delta, body);
  AppendVarint(record.offset_delta, body);
  const auto append_text = [&](const std::string& text) {
    const Bytes bytes = AsBytes(text);
    body.insert(body.end(), bytes.begin(), bytes.end());
  };
  AppendVarint(record.key_length, body);
  append_text(record.key);
  AppendVarint(record.value_length, body);
  append_text(record.value);
  AppendVarint(record.header_count, body);
  append_text(record.headers);
  AppendVarint(static_cast<int32_t>(body.size()) + record.length_error, out);
  out.insert(out.end(), body.begin(), body.end());
}

// A sound record and then this one: the fault must name the second.
void CheckRefused(const RawRecord& record) {
  Buffer block;
  Append({}, block);
  Append(record, block);
  const auto fault = CheckBatch(BatchAround(block, 2), kNoLimits);
  REQUIRE(fault.has_value());
  CHECK(fault->error == ErrorCode::kInvalidRecord);
  CHECK(fault->record_index == 1);
}

}  // namespace

TEST_CASE("batch check: no batch, two batches and trailing bytes are invalid") {
  CHECK(ErrorOf({}) == ErrorCode::kInvalidRecord);
  Buffer two = SmallBatch();
  const Buffer second = SmallBatch();
  two.insert(two.end(), second.begin(), second.end());
  CHECK(ErrorOf(two) == ErrorCode::kInvalidRecord);
  Buffer trailing = SmallBatch();
  trailing.push_back(std::byte{0});
  CHECK(ErrorOf(trailing) == ErrorCode::kInvalidRecord);
}

TEST_CASE("batch check: a batch cut at any byte is corrupt") {
  for (const CodecType codec : kAllCodecs) {
    const Buffer batch = SmallBatch(codec);
    for (size_t size = 1; size < batch.size(); ++size) {
      REQUIRE(ErrorOf(Copy(Bytes(batch).first(size))) == ErrorCode::kCorruptMessage);
    }
  }
}

TEST_CASE("batch check: lengths that lie are corrupt") {
  for (const int64_t length : {int64_t{0}, int64_t{48}, int64_t{-1}, kIntMax, -kIntMax - 1}) {
    CHECK(ErrorAfter(kBatchLengthAt, length, 4) == ErrorCode::kCorruptMessage);
  }
}

TEST_CASE("batch check: older formats are invalid, also when shorter than our header") {
  CHECK(ErrorAfter(kMagicAt, 0, 1) == ErrorCode::kInvalidRecord);
  CHECK(ErrorAfter(kMagicAt, 1, 1) == ErrorCode::kInvalidRecord);
  CHECK(ErrorAfter(kMagicAt, 3, 1) == ErrorCode::kInvalidRecord);
  Buffer small = SmallBatch();
  small[kMagicAt] = std::byte{1};
  small.resize(30);
  CHECK(ErrorOf(small) == ErrorCode::kInvalidRecord);
}

TEST_CASE("batch check: the size limit is for the whole batch") {
  const Buffer batch = SmallBatch();
  const auto size = static_cast<int64_t>(batch.size());
  CHECK(ErrorOf(batch, {.max_batch_bytes = size - 1}) == ErrorCode::kMessageTooLarge);
  CHECK(ErrorOf(batch, {.max_batch_bytes = size}) == ErrorCode::kNone);
}

TEST_CASE("batch check: a wrong CRC is corrupt") {
  Buffer batch = SmallBatch();
  batch[kCrcAt] ^= std::byte{1};
  CHECK(ErrorOf(batch) == ErrorCode::kCorruptMessage);
}

TEST_CASE("batch check: codecs that are unknown or not allowed are unsupported") {
  CHECK(ErrorAfter(kAttributesAt, 5, 2) == ErrorCode::kUnsupportedCompressionType);
  CHECK(ErrorAfter(kAttributesAt, 7, 2) == ErrorCode::kUnsupportedCompressionType);
  CheckOptions old_produce = kNoLimits;
  old_produce.allow_zstd = false;
  CHECK(ErrorOf(SmallBatch(CodecType::kZstd), old_produce) ==
        ErrorCode::kUnsupportedCompressionType);
  CHECK(ErrorOf(SmallBatch(CodecType::kLz4), old_produce) == ErrorCode::kNone);
}

TEST_CASE("batch check: attributes that only brokers set are refused") {
  CHECK(ErrorAfter(kAttributesAt, kControlBit, 2) == ErrorCode::kInvalidRecord);
  CHECK(ErrorAfter(kAttributesAt, kDeleteHorizonBit, 2) == ErrorCode::kInvalidRecord);
  CHECK(ErrorAfter(kAttributesAt, kLogAppendTimeBit, 2) == ErrorCode::kInvalidTimestamp);
}

TEST_CASE("batch check: counts and offsets that contradict each other are invalid") {
  CHECK(ErrorAfter(kBaseOffsetAt, 1, 8) == ErrorCode::kInvalidRecord);
  CHECK(ErrorAfter(kBaseOffsetAt, -1, 8) == ErrorCode::kInvalidRecord);
  for (const int64_t count : {int64_t{0}, int64_t{-1}, int64_t{2}, int64_t{4}, kIntMax}) {
    CHECK(ErrorAfter(kRecordCountAt, count, 4) == ErrorCode::kInvalidRecord);
    CHECK(ErrorAfter(kLastOffsetDeltaAt, count - 1, 4) == ErrorCode::kInvalidRecord);
  }
}

TEST_CASE("batch check: counts that agree with each other but not with the records are invalid") {
  for (const int64_t count : {int64_t{1}, int64_t{2}, int64_t{4}, kIntMax}) {
    Buffer batch = SmallBatch();
    Tamper(batch, kRecordCountAt, count, 4);
    Tamper(batch, kLastOffsetDeltaAt, count - 1, 4);
    CHECK(ErrorOf(batch) == ErrorCode::kInvalidRecord);
  }
}

TEST_CASE("batch check: producer fields must be complete or absent") {
  const auto error_with = [](int64_t id, int64_t epoch, int64_t sequence, int64_t attributes) {
    Buffer batch = SmallBatch();
    Tamper(batch, kProducerIdAt, id, 8);
    Tamper(batch, kProducerEpochAt, epoch, 2);
    Tamper(batch, kBaseSequenceAt, sequence, 4);
    Tamper(batch, kAttributesAt, attributes, 2);
    return ErrorOf(batch);
  };
  CHECK(error_with(5, 0, -1, 0) == ErrorCode::kInvalidRecord);
  CHECK(error_with(5, -1, 0, 0) == ErrorCode::kInvalidRecord);
  CHECK(error_with(-2, 0, 0, 0) == ErrorCode::kInvalidRecord);
  CHECK(error_with(-1, -1, -1, kTransactionalBit) == ErrorCode::kInvalidRecord);
  CHECK(error_with(5, 0, 0, kTransactionalBit) == ErrorCode::kNone);
  CHECK(error_with(5, 0, kIntMax, 0) == ErrorCode::kNone);
  // Some clients leave zeros where there is no producer id.
  CHECK(error_with(-1, 0, 0, 0) == ErrorCode::kNone);
}

TEST_CASE("batch check: a record whose fields do not fit it is named by its index") {
  CheckRefused({.length_error = 1});
  CheckRefused({.length_error = -1});
  CheckRefused({.length_error = 1 << 30});
  CheckRefused({.length_error = -(1 << 30)});
  CheckRefused({.offset_delta = 1, .key_length = -2});
  CheckRefused({.offset_delta = 1, .key_length = 100});
  CheckRefused({.offset_delta = 1, .key_length = std::numeric_limits<int32_t>::max()});
  CheckRefused({.offset_delta = 1, .value_length = -2});
  CheckRefused({.offset_delta = 1, .value_length = 2});
  CheckRefused({.offset_delta = 1, .value_length = 0});
  CheckRefused({.offset_delta = 1, .header_count = -1});
  CheckRefused({.offset_delta = 1, .header_count = 1});
  CheckRefused({.offset_delta = 1, .header_count = std::numeric_limits<int32_t>::max()});
  CheckRefused({.offset_delta = 1, .header_count = 1, .headers = "\x01\x01"});  // null key
  CheckRefused({.offset_delta = 1, .header_count = 1, .headers = "\x08\x01"});  // key runs over
  CheckRefused({.offset_delta = 1, .headers = "x"});
}

TEST_CASE("batch check: offset deltas must count up from zero") {
  CheckRefused({.offset_delta = 0});
  CheckRefused({.offset_delta = 2});
  CheckRefused({.offset_delta = -1});
}

TEST_CASE("batch check: a timestamp that overflows is invalid") {
  CheckRefused({.timestamp_delta = std::numeric_limits<int64_t>::max(), .offset_delta = 1});
}

TEST_CASE("batch check: a record out of the timestamp bounds is named by its index") {
  const Buffer batch = SmallBatch();
  CheckOptions bounds = kNoLimits;
  bounds.timestamp_min = TimestampMs(1000);
  bounds.timestamp_max = TimestampMs(1001);
  auto fault = CheckBatch(batch, bounds);
  REQUIRE(fault.has_value());
  CHECK(fault->error == ErrorCode::kInvalidTimestamp);
  CHECK(fault->record_index == 2);
  bounds.timestamp_min = TimestampMs(1001);
  fault = CheckBatch(batch, bounds);
  REQUIRE(fault.has_value());
  CHECK(fault->record_index == 0);
  bounds = {.max_batch_bytes = kIntMax,
            .timestamp_min = TimestampMs(1000),
            .timestamp_max = TimestampMs(1002)};
  CHECK_FALSE(CheckBatch(batch, bounds).has_value());
}

TEST_CASE("batch check: a compressed batch is judged by the timestamps that its header claims") {
  const Buffer batch = SmallBatch(CodecType::kGzip);
  CheckOptions bounds = kNoLimits;
  bounds.timestamp_max = TimestampMs(1001);
  const auto fault = CheckBatch(batch, bounds);
  REQUIRE(fault.has_value());
  CHECK(fault->error == ErrorCode::kInvalidTimestamp);
  CHECK_FALSE(fault->record_index.has_value());
}

TEST_CASE("batch check: records without a timestamp are within any bounds") {
  const Buffer batch = BuildBatch({{.timestamp = -1, .key = {}, .value = "v", .headers = {}}});
  CheckOptions bounds = kNoLimits;
  bounds.timestamp_min = TimestampMs(1000);
  CHECK_FALSE(CheckBatch(batch, bounds).has_value());
}

TEST_CASE("batch check: a compacted topic refuses the record without a key") {
  CheckOptions compacted = kNoLimits;
  compacted.require_keys = true;
  const auto fault = CheckBatch(SmallBatch(), compacted);
  REQUIRE(fault.has_value());
  CHECK(fault->error == ErrorCode::kInvalidRecord);
  CHECK(fault->record_index == 1);
}

TEST_CASE("batch check: what clients build is accepted with every codec") {
  for (const CodecType codec : kAllCodecs) {
    CHECK_FALSE(CheckBatch(SmallBatch(codec), kNoLimits).has_value());
  }
}

TEST_CASE("batch check: random batches are accepted, and with a random byte changed never crash") {
  const uint64_t seed = 20261121;
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 150; ++round) {
    Buffer batch = BuildBatch(RandomRecords(random));
    REQUIRE_FALSE(CheckBatch(batch, kNoLimits).has_value());
    for (int i = 0; i < 40; ++i) {
      Buffer changed = batch;
      const size_t at = kAttributesAt + random.Below(changed.size() - kAttributesAt);
      changed[at] = static_cast<std::byte>(random.Next());
      FixCrc(changed);
      const auto fault = CheckBatch(changed, kNoLimits);
      // Whatever was found, it is one of the codes that a producer can understand.
      if (fault.has_value()) {
        REQUIRE((fault->error == ErrorCode::kInvalidRecord ||
                 fault->error == ErrorCode::kInvalidTimestamp ||
                 fault->error == ErrorCode::kUnsupportedCompressionType));
      }
    }
  }
}

TEST_CASE("batch admission: a refused batch is left as it was") {
  Buffer batch = SmallBatch();
  Tamper(batch, kMaxTimestampAt, -1, 8);
  Tamper(batch, kRecordCountAt, 2, 4);
  const Buffer before = batch;
  CHECK(AdmitBatch(batch, kNoLimits).has_value());
  CHECK(batch == before);
}

TEST_CASE("batch admission: a wrong maximum timestamp is corrected") {
  for (const int64_t claimed : {int64_t{-1}, int64_t{1001}, int64_t{9'999'999'999'999}}) {
    Buffer batch = SmallBatch();
    const Buffer right = batch;
    Tamper(batch, kMaxTimestampAt, claimed, 8);
    CHECK_FALSE(AdmitBatch(batch, kNoLimits).has_value());
    CHECK(batch == right);
  }
}

TEST_CASE("batch admission: a right batch and a compressed one are left as they were") {
  for (const CodecType codec : kAllCodecs) {
    Buffer batch = SmallBatch(codec);
    const Buffer before = batch;
    CHECK_FALSE(AdmitBatch(batch, kNoLimits).has_value());
    CHECK(batch == before);
  }
}

}  // namespace millrace::record
