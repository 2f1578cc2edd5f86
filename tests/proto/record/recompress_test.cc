#include "proto/record/recompress.h"

#include <catch2/catch.hpp>

#include "proto/record/batch_layout.h"
#include "proto/record/open_batch.h"
#include "tests/proto/record/support.h"

namespace millrace::record {
namespace {

constexpr RecompressOptions kCheckOnly = {
    .check = kNoLimits, .wanted = std::nullopt, .max_bytes = kPlenty};

RecompressOptions To(CodecType codec) {
  RecompressOptions options = kCheckOnly;
  options.wanted = Compression{.codec = codec, .level = std::nullopt};
  return options;
}

std::vector<TestRecord> RecordsIn(const Buffer& batch) {
  std::vector<TestRecord> records;
  const absl::Status status = ForEachRecord(batch, kPlenty, [&](const RecordView& record) {
    records.push_back(Own(record));
    return Walk::kGoOn;
  });
  REQUIRE(status.ok());
  return records;
}

// A batch whose second record claims a key of 40 bytes, in a codec.
Buffer DamagedInside(CodecType codec) {
  const Buffer good = SmallBatch();
  Buffer block = Copy(BatchView(good).records());
  const auto first = static_cast<size_t>(block[0]) / 2 + 1;
  block[first + 4] = std::byte{80};
  Buffer packed;
  REQUIRE(Compress({.codec = codec, .level = std::nullopt}, block, packed).ok());
  return BatchAround(packed, 3, codec);
}

}  // namespace

TEST_CASE("recompress: damage inside compressed records is found, with the record's index") {
  for (const CodecType codec : kAllCodecs) {
    Buffer batch = DamagedInside(codec);
    if (codec != CodecType::kNone) CHECK_FALSE(CheckBatch(batch, kNoLimits).has_value());
    for (const RecompressOptions& options :
         {kCheckOnly, To(CodecType::kGzip), To(CodecType::kZstd)}) {
      const Recompressed result = Recompress(batch, options);
      REQUIRE(result.fault.has_value());
      CHECK(result.fault->error == ErrorCode::kInvalidRecord);
      CHECK(result.fault->record_index == 1);
      CHECK_FALSE(result.needs_more_bytes);
      CHECK(result.batch.empty());
    }
  }
}

TEST_CASE("recompress: bytes that are not what the codec writes are refused") {
  for (const CodecType codec :
       {CodecType::kGzip, CodecType::kSnappy, CodecType::kLz4, CodecType::kZstd}) {
    Buffer batch = BatchAround(AsBytes("this is not compressed at all"), 1, codec);
    CHECK(Recompress(batch, kCheckOnly).fault->error == ErrorCode::kCorruptMessage);
    CHECK(Recompress(batch, To(CodecType::kNone)).fault->error == ErrorCode::kCorruptMessage);
  }
}

TEST_CASE("recompress: what the header alone shows is refused first") {
  Buffer batch = SmallBatch(CodecType::kGzip);
  batch.back() ^= std::byte{1};
  CHECK(Recompress(batch, To(CodecType::kZstd)).fault->error == ErrorCode::kCorruptMessage);
  Buffer none;
  CHECK(Recompress(none, To(CodecType::kZstd)).fault->error == ErrorCode::kInvalidRecord);
}

TEST_CASE("recompress: a bomb is refused within the limit, and says that it is the limit") {
  const std::vector<TestRecord> zeros = {
      {.timestamp = 1, .key = {}, .value = std::string(4 << 20, '\0'), .headers = {}}};
  for (const CodecType codec :
       {CodecType::kGzip, CodecType::kSnappy, CodecType::kLz4, CodecType::kZstd}) {
    Buffer bomb = BuildBatch(zeros, {.codec = codec});
    RecompressOptions options = To(CodecType::kNone);
    options.max_bytes = 1 << 20;
    const Recompressed result = Recompress(bomb, options);
    REQUIRE(result.fault.has_value());
    CHECK(result.fault->error == ErrorCode::kMessageTooLarge);
    CHECK(result.needs_more_bytes);
    options.max_bytes = kPlenty;
    CHECK_FALSE(Recompress(bomb, options).fault.has_value());
    options.check.max_batch_bytes = static_cast<int64_t>(bomb.size());
    const Recompressed grown = Recompress(bomb, options);
    REQUIRE(grown.fault.has_value());
    CHECK(grown.fault->error == ErrorCode::kMessageTooLarge);
    CHECK_FALSE(grown.needs_more_bytes);
    CHECK(grown.batch.empty());
  }
}

TEST_CASE("recompress: keys and times are held against the bounds in compressed records, too") {
  RecompressOptions options = kCheckOnly;
  options.check.require_keys = true;
  for (const CodecType codec : kAllCodecs) {
    Buffer batch = SmallBatch(codec);  // its second record has no key
    const Recompressed result = Recompress(batch, options);
    REQUIRE(result.fault.has_value());
    CHECK(result.fault->error == ErrorCode::kInvalidRecord);
    CHECK(result.fault->record_index == 1);
  }
}

TEST_CASE("recompress: a wrong maximum timestamp of a compressed batch is corrected") {
  for (const CodecType codec : {CodecType::kGzip, CodecType::kZstd}) {
    Buffer batch = SmallBatch(codec);
    Tamper(batch, kMaxTimestampAt, -1, 8);
    Buffer copy = batch;
    CHECK_FALSE(Recompress(batch, kCheckOnly).fault.has_value());
    CHECK(BatchView(batch).max_timestamp() == TimestampMs(1002));
    CHECK(IsIntact(batch));
    CHECK(BatchView(Recompress(copy, To(CodecType::kLz4)).batch).max_timestamp() ==
          TimestampMs(1002));
  }
}

TEST_CASE("recompress: a batch that has the wanted codec, or may keep its own, stays") {
  for (const CodecType codec : kAllCodecs) {
    Buffer batch = SmallBatch(codec);
    const Buffer before = batch;
    for (const RecompressOptions& options : {kCheckOnly, To(codec)}) {
      const Recompressed result = Recompress(batch, options);
      CHECK_FALSE(result.fault.has_value());
      CHECK(result.batch.empty());
      CHECK(batch == before);
    }
  }
}

TEST_CASE("recompress: from every codec to every other, all but the codec stays as it was") {
  const uint64_t seed = 77;
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 20; ++round) {
    const std::vector<TestRecord> records = RandomRecords(random);
    const ProducerStamp producer = {ProducerId(9), ProducerEpoch(2), 33};
    for (const CodecType from : kAllCodecs) {
      for (const CodecType to : kAllCodecs) {
        if (from == to) continue;
        Buffer batch = BuildBatch(records, {.codec = from, .producer = producer});
        const Recompressed result = Recompress(batch, To(to));
        REQUIRE_FALSE(result.fault.has_value());
        REQUIRE_FALSE(CheckBatch(result.batch, kNoLimits).has_value());
        REQUIRE(RecordsIn(result.batch) == records);
        const BatchView was(batch), is(result.batch);
        CHECK(is.codec() == to);
        CHECK(is.producer()->id == was.producer()->id);
        CHECK(is.producer()->base_sequence == 33);
        CHECK(is.base_timestamp() == was.base_timestamp());
        CHECK(is.max_timestamp() == was.max_timestamp());
        if (to == CodecType::kNone) {
          CHECK(result.batch == BuildBatch(records, {.producer = producer}));
        }
      }
    }
  }
}

TEST_CASE("recompress: the level is the codec's to use") {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i * i % 977);
  Buffer batch = BuildBatch({{.timestamp = 1, .key = {}, .value = text, .headers = {}}});
  RecompressOptions fast = To(CodecType::kZstd), small = To(CodecType::kZstd);
  fast.wanted->level = -50;
  small.wanted->level = 19;
  CHECK(Recompress(batch, small).batch.size() < Recompress(batch, fast).batch.size());
}

}  // namespace millrace::record
