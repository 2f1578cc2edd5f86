#include "proto/record/batch.h"

#include <limits>

#include <catch2/catch.hpp>

#include "proto/record/batch_layout.h"
#include "tests/proto/record/support.h"

namespace millrace::record {

TEST_CASE("batch: what is cut off, of another magic, or damaged is not intact") {
  const Buffer batch = SmallBatch();
  for (size_t size = 0; size < batch.size(); ++size) {
    REQUIRE_FALSE(IsIntact(Bytes(batch).first(size)));
  }
  Buffer legacy = batch;
  legacy[kMagicAt] = std::byte{1};
  CHECK_FALSE(IsIntact(legacy));
}

TEST_CASE("batch: a flipped bit anywhere that the CRC covers is seen") {
  const Buffer batch = SmallBatch(CodecType::kLz4);
  for (size_t at = kCrcAt; at < batch.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      Buffer flipped = batch;
      flipped[at] ^= static_cast<std::byte>(1 << bit);
      REQUIRE_FALSE(IsIntact(flipped));
      const auto fault = CheckBatch(flipped, kNoLimits);
      REQUIRE(fault.has_value());
      REQUIRE(fault->error == ErrorCode::kCorruptMessage);
    }
  }
}

TEST_CASE("batch: a length that lies is not intact") {
  for (const int64_t length :
       {0, 48, -1, std::numeric_limits<int32_t>::max(), std::numeric_limits<int32_t>::min()}) {
    Buffer batch = SmallBatch();
    Tamper(batch, kBatchLengthAt, length, 4);
    CHECK_FALSE(IsIntact(batch));
  }
}

TEST_CASE("batch: a base offset, which no CRC covers, that would overflow is not intact") {
  Buffer batch = SmallBatch();
  for (const int64_t base : {int64_t{-1}, std::numeric_limits<int64_t>::max(),
                             std::numeric_limits<int64_t>::max() - 2}) {
    StoreBigEndian(batch.data(), base);
    CHECK_FALSE(IsIntact(batch));
  }
  StoreBigEndian(batch.data(), std::numeric_limits<int64_t>::max() - 3);
  REQUIRE(IsIntact(batch));
  CHECK(BatchView(batch).next_offset().value() == std::numeric_limits<int64_t>::max());
}

TEST_CASE("batch: bytes after an intact batch do not matter") {
  Buffer batch = SmallBatch();
  const size_t size = batch.size();
  batch.resize(size + 100, std::byte{0xaa});
  CHECK(IsIntact(batch));
  CHECK(BatchView(batch).size_bytes() == static_cast<int64_t>(size));
  CHECK(BatchView(batch).records().size() == size - kBatchHeaderBytes);
}

TEST_CASE("batch: the view reads every field of the header") {
  const Buffer batch = BuildBatch(
      {{.timestamp = 1005, .key = {}, .value = "a", .headers = {}},
       {.timestamp = 1001, .key = {}, .value = "b", .headers = {}}},
      {.base_offset = Offset(77),
       .codec = CodecType::kZstd,
       .leader_epoch = LeaderEpoch(12),
       .producer =
           ProducerStamp{.id = ProducerId(9), .epoch = ProducerEpoch(3), .base_sequence = 5},
       .transactional = true,
       .control = true});
  const BatchView view(batch);
  CHECK(view.base_offset() == Offset(77));
  CHECK(view.last_offset() == Offset(78));
  CHECK(view.next_offset() == Offset(79));
  CHECK(view.size_bytes() == static_cast<int64_t>(batch.size()));
  CHECK(view.leader_epoch() == LeaderEpoch(12));
  CHECK(view.magic() == 2);
  CHECK(view.crc() == ComputeBatchCrc(batch));
  CHECK(view.codec() == CodecType::kZstd);
  CHECK(view.is_transactional());
  CHECK(view.is_control());
  CHECK_FALSE(view.has_log_append_time());
  CHECK(view.base_timestamp() == TimestampMs(1005));
  CHECK(view.max_timestamp() == TimestampMs(1005));
  CHECK(view.record_count() == 2);
  REQUIRE(view.producer().has_value());
  CHECK(view.producer()->id == ProducerId(9));
  CHECK(view.producer()->epoch == ProducerEpoch(3));
  CHECK(view.producer()->base_sequence == 5);
  CHECK_FALSE(BatchView(SmallBatch()).producer().has_value());
}

TEST_CASE("batch: codec bits that no codec has read as none") {
  Buffer batch = SmallBatch();
  for (int64_t bits = 5; bits < 8; ++bits) {
    Tamper(batch, kAttributesAt, bits, 2);
    CHECK_FALSE(BatchView(batch).codec().has_value());
  }
}

TEST_CASE("batch: stamping sets base offset and leader epoch and leaves the CRC right") {
  Buffer batch = SmallBatch();
  const uint32_t crc = BatchView(batch).crc();
  StampBatch(batch, Offset(123456789012), LeaderEpoch(8));
  CHECK(IsIntact(batch));
  CHECK(BatchView(batch).crc() == crc);
  CHECK(BatchView(batch).base_offset() == Offset(123456789012));
  CHECK(BatchView(batch).last_offset() == Offset(123456789014));
  CHECK(BatchView(batch).leader_epoch() == LeaderEpoch(8));
}

TEST_CASE("batch: stamping the append time marks the batch and renews the CRC") {
  Buffer batch = SmallBatch(CodecType::kGzip);
  StampLogAppendTime(batch, TimestampMs(5000));
  CHECK(IsIntact(batch));
  CHECK(BatchView(batch).has_log_append_time());
  CHECK(BatchView(batch).max_timestamp() == TimestampMs(5000));
  CHECK(BatchView(batch).codec() == CodecType::kGzip);
}

}  // namespace millrace::record
