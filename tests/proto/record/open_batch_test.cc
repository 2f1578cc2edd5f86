#include "proto/record/open_batch.h"

#include <catch2/catch.hpp>

#include "proto/record/batch_layout.h"
#include "proto/record/compression.h"
#include "tests/proto/record/support.h"

namespace millrace::record {
namespace {

constexpr auto kIgnore = [](const RecordView&) { return Walk::kGoOn; };

// Timestamps out of order; the largest stands twice.
Buffer TimedBatch(CodecType codec) {
  std::vector<TestRecord> records;
  for (const int64_t timestamp : {100, 300, 200, 300, 50}) {
    records.push_back({.timestamp = timestamp, .key = {}, .value = "v", .headers = {}});
  }
  return BuildBatch(records, {.base_offset = Offset(10), .codec = codec});
}

}  // namespace

TEST_CASE("open batch: records that take more than the limit are refused") {
  const std::string large(1 << 20, 'x');
  for (const CodecType codec : kAllCodecs) {
    const Buffer batch =
        BuildBatch({{.timestamp = 1, .key = {}, .value = large, .headers = {}}}, {.codec = codec});
    CHECK(absl::IsResourceExhausted(ForEachRecord(batch, 1000, kIgnore)));
    CHECK(ForEachRecord(batch, (1 << 20) + 100, kIgnore).ok());
  }
}

TEST_CASE("open batch: a damaged block is refused with the codec's or the record's reason") {
  for (const CodecType codec : kAllCodecs) {
    const Buffer batch = BatchAround(AsBytes("neither compressed nor records"), 1, codec);
    REQUIRE(IsIntact(batch));
    const absl::Status status = ForEachRecord(batch, kPlenty, kIgnore);
    CHECK(absl::IsInvalidArgument(status));
    CHECK_FALSE(FindByTimestamp(batch, TimestampMs(0), Offset(0), kPlenty).ok());
    CHECK_FALSE(FindMaxTimestamp(batch, kPlenty).ok());
  }
  Buffer unknown = SmallBatch();
  Tamper(unknown, kAttributesAt, 6, 2);
  CHECK(absl::IsInvalidArgument(ForEachRecord(unknown, kPlenty, kIgnore)));
}

TEST_CASE("open batch: the walk stops when it is told to") {
  for (const CodecType codec : kAllCodecs) {
    int seen = 0;
    const absl::Status status = ForEachRecord(SmallBatch(codec), kPlenty, [&](const RecordView&) {
      return ++seen == 2 ? Walk::kStop : Walk::kGoOn;
    });
    CHECK(status.ok());
    CHECK(seen == 2);
  }
}

TEST_CASE("open batch: the first record at or after a time is found in every codec") {
  using Found = std::optional<TimestampedOffset>;
  const auto find = [](const Buffer& batch, int64_t target, int64_t start) {
    return *FindByTimestamp(batch, TimestampMs(target), Offset(start), kPlenty);
  };
  for (const CodecType codec : kAllCodecs) {
    const Buffer batch = TimedBatch(codec);
    CHECK(find(batch, 301, 0) == std::nullopt);
    CHECK(find(batch, 60, 14) == std::nullopt);
    CHECK(find(batch, 0, 0) == Found({Offset(10), TimestampMs(100)}));
    CHECK(find(batch, 101, 0) == Found({Offset(11), TimestampMs(300)}));
    CHECK(find(batch, 300, 0) == Found({Offset(11), TimestampMs(300)}));
    CHECK(find(batch, 150, 12) == Found({Offset(12), TimestampMs(200)}));
    CHECK(find(batch, 0, 14) == Found({Offset(14), TimestampMs(50)}));
  }
}

TEST_CASE("open batch: the first record with the largest timestamp is found in every codec") {
  using Found = std::optional<TimestampedOffset>;
  for (const CodecType codec : kAllCodecs) {
    Buffer batch = TimedBatch(codec);
    CHECK(*FindMaxTimestamp(batch, kPlenty) == Found({Offset(11), TimestampMs(300)}));
    StampLogAppendTime(batch, TimestampMs(900));
    CHECK(*FindMaxTimestamp(batch, kPlenty) == Found({Offset(10), TimestampMs(900)}));
  }
}

TEST_CASE("open batch: a batch that compaction left empty has no record to find") {
  Buffer batch = SmallBatch();
  batch.resize(kBatchHeaderBytes);
  Tamper(batch, kBatchLengthAt, static_cast<int64_t>(kBatchHeaderBytes - kBatchPrefixBytes), 4);
  Tamper(batch, kRecordCountAt, 0, 4);
  REQUIRE(IsIntact(batch));
  CHECK(*FindMaxTimestamp(batch, kPlenty) == std::nullopt);
}

TEST_CASE("open batch: the checks of records reach into compressed batches") {
  const auto error_of = [](const Buffer& batch, const CheckOptions& options, size_t max_bytes) {
    const auto fault = CheckCompressedRecords(batch, options, max_bytes);
    return fault.has_value() ? fault->error : ErrorCode::kNone;
  };
  CheckOptions compacted = kNoLimits;
  compacted.require_keys = true;
  for (const CodecType codec : kAllCodecs) {
    const Buffer batch = SmallBatch(codec);
    CHECK(error_of(batch, kNoLimits, 5) == ErrorCode::kMessageTooLarge);
    CHECK(error_of(batch, compacted, kPlenty) == ErrorCode::kInvalidRecord);
    CHECK(error_of(batch, kNoLimits, kPlenty) == ErrorCode::kNone);
    if (codec == CodecType::kNone) continue;
    const Buffer damaged = BatchAround(AsBytes("not compressed"), 1, codec);
    CHECK_FALSE(CheckBatch(damaged, kNoLimits).has_value());
    CHECK(error_of(damaged, kNoLimits, kPlenty) == ErrorCode::kCorruptMessage);
    Buffer packed;
    REQUIRE(Compress({.codec = codec}, BatchView(SmallBatch()).records(), packed).ok());
    CHECK(error_of(BatchAround(packed, 2, codec), kNoLimits, kPlenty) == ErrorCode::kInvalidRecord);
  }
}

}  // namespace millrace::record
