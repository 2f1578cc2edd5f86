#include "storage/batch_contents.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "proto/record/batch_layout.h"
#include "storage/transaction_index.h"
#include "tests/storage/log_fixture.h"

namespace millrace::storage {
namespace {

using record::StoreBigEndian;

void Seal(std::vector<std::byte>& batch) {
  StoreBigEndian(batch.data() + record::kBatchLengthAt,
                 static_cast<int32_t>(batch.size() - record::kBatchPrefixBytes));
  StoreBigEndian(batch.data() + record::kCrcAt,
                 static_cast<int32_t>(record::ComputeBatchCrc(batch)));
  REQUIRE(record::IsIntact(batch));
}

std::optional<BatchContents::Fault> Check(const std::vector<std::byte>& batch,
                                          size_t max_bytes = 1 << 20) {
  return BatchContents(max_bytes).Check(batch);
}

std::vector<std::byte> MakeControl(std::string_view key) {
  record::BatchBuilder builder(
      {.producer = record::ProducerStamp{ProducerId(1), ProducerEpoch(0), -1},
       .transactional = true,
       .control = true});
  builder.Add({.timestamp = test::kNow, .key = test::BytesOf(key)});
  auto batch = std::move(builder).Build();
  REQUIRE(batch.ok());
  return *std::move(batch);
}

}  // namespace

TEST_CASE("batch contents: records that do not parse are named although the checksum is right") {
  std::vector<std::byte> batch = test::MakeBatch({{.value = "one"}, {.value = "two"}});
  SECTION("too few records") {
    StoreBigEndian(batch.data() + record::kRecordCountAt, 1);
    Seal(batch);
    REQUIRE(Check(batch).has_value());
    CHECK(Check(batch)->kind == FindingKind::kRecords);
    CHECK(Check(batch)->what == "record 1: the batch claims fewer records than follow");
  }
  SECTION("more records than offsets") {
    StoreBigEndian(batch.data() + record::kRecordCountAt, 3);
    Seal(batch);
    REQUIRE(Check(batch).has_value());
    CHECK(Check(batch)->kind == FindingKind::kHeader);
  }
  SECTION("a codec that nobody knows") {
    StoreBigEndian(batch.data() + record::kAttributesAt, int16_t{5});
    Seal(batch);
    REQUIRE(Check(batch).has_value());
    CHECK(Check(batch)->kind == FindingKind::kHeader);
  }
  SECTION("a codec that it was not compressed with") {
    StoreBigEndian(batch.data() + record::kAttributesAt, int16_t{4});
    Seal(batch);
    REQUIRE(Check(batch).has_value());
    CHECK(Check(batch)->kind == FindingKind::kRecords);
    CHECK(Check(batch)->severity == Severity::kError);
  }
  SECTION("a control record without a type") {
    REQUIRE(Check(MakeControl("ab")).has_value());
    CHECK(Check(MakeControl("ab"))->kind == FindingKind::kRecords);
  }
}

TEST_CASE("batch contents: what takes too much decompressed is not looked into") {
  const auto batch =
      test::MakeBatch({{.value = std::string(100'000, 'x')}}, {.codec = record::CodecType::kZstd});
  CHECK(batch.size() < 1000);
  REQUIRE(Check(batch, 10'000).has_value());
  CHECK(Check(batch, 10'000)->kind == FindingKind::kTooLarge);
  CHECK(Check(batch, 10'000)->severity == Severity::kNotice);
  CHECK_FALSE(Check(batch).has_value());
}

TEST_CASE("batch contents: what compaction and transactions leave is whole") {
  SECTION("a batch without records keeps its offsets") {
    auto batch =
        test::MakeBatch({{.value = "one"}, {.value = "two"}}, {.codec = record::CodecType::kZstd});
    batch.resize(record::kBatchHeaderBytes);
    StoreBigEndian(batch.data() + record::kRecordCountAt, 0);
    Seal(batch);
    CHECK_FALSE(Check(batch).has_value());
  }
  SECTION("a delete horizon") {
    auto batch = test::MakeBatch({{.value = "one"}});
    StoreBigEndian(batch.data() + record::kAttributesAt, record::kDeleteHorizonBit);
    Seal(batch);
    CHECK_FALSE(Check(batch).has_value());
  }
  SECTION("gaps between records") {
    auto batch = test::MakeBatch({{.value = "one"}, {.value = "two"}});
    StoreBigEndian(batch.data() + record::kLastOffsetDeltaAt, 10);
    Seal(batch);
    CHECK_FALSE(Check(batch).has_value());
  }
  SECTION("a marker") { CHECK_FALSE(Check(MakeControl(std::string("\0\0\0\1", 4))).has_value()); }
}

TEST_CASE("transaction index: entries lie within the segment and ascend") {
  std::vector<std::byte> bytes(2 * AbortedTransaction::kEntryBytes);
  for (size_t i = 0; i < 2; ++i) {
    std::byte* at = bytes.data() + i * AbortedTransaction::kEntryBytes;
    StoreBigEndian(at + 2, int64_t{9});
    StoreBigEndian(at + 10, static_cast<int64_t>(100 + i));
    StoreBigEndian(at + 18, static_cast<int64_t>(110 + i));
    StoreBigEndian(at + 26, int64_t{120});
  }
  CHECK(CheckTransactionIndex(bytes, Offset(100), Offset(200)).ok());
  CHECK(DecodeTransactionIndex(bytes)[1].last_offset == Offset(111));
  CHECK(absl::IsDataLoss(CheckTransactionIndex(bytes, Offset(100), Offset(111))));
  CHECK(absl::IsDataLoss(CheckTransactionIndex(bytes, Offset(111), Offset(200))));
  CHECK(absl::IsDataLoss(
      CheckTransactionIndex(std::span(bytes).first(40), Offset(100), Offset(200))));
  StoreBigEndian(bytes.data(), int16_t{1});
  CHECK(absl::IsDataLoss(CheckTransactionIndex(bytes, Offset(100), Offset(200))));
}

}  // namespace millrace::storage
