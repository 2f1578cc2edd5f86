#include "proto/record/batch_builder.h"

#include <limits>

#include <catch2/catch.hpp>

#include "proto/record/open_batch.h"
#include "tests/proto/record/support.h"

namespace millrace::record {

TEST_CASE("batch builder: timestamps that no delta can span are refused") {
  BatchBuilder builder({});
  AddTo(builder, {.timestamp = -1, .key = {}, .value = "a", .headers = {}});
  AddTo(builder,
        {.timestamp = std::numeric_limits<int64_t>::max(), .key = {}, .value = "b", .headers = {}});
  const auto batch = std::move(builder).Build();
  CHECK(absl::IsInvalidArgument(batch.status()));
}

TEST_CASE("batch builder: the announced size of a record is the size it takes") {
  Random random(3);
  BatchBuilder builder({});
  CHECK(builder.size_bytes() == kBatchHeaderBytes);
  for (int i = 0; i < 300; ++i) {
    const std::string value(random.Below(300), 'v');
    const NewHeader header = {.key = "h", .value = AsBytes(value)};
    const NewRecord record = {.timestamp = TimestampMs(static_cast<int64_t>(random.Below(1 << 30))),
                              .key = {},
                              .value = AsBytes(value),
                              .headers = std::span(&header, 1)};
    const size_t expected = builder.size_bytes() + builder.SizeToAdd(record);
    builder.Add(record);
    REQUIRE(builder.size_bytes() == expected);
  }
  CHECK(builder.record_count() == 300);
}

TEST_CASE("batch builder: base timestamp is the first record's, the maximum the largest") {
  const Buffer batch = BuildBatch({{.timestamp = 50, .key = {}, .value = {}, .headers = {}},
                                   {.timestamp = 70, .key = {}, .value = {}, .headers = {}},
                                   {.timestamp = 40, .key = {}, .value = {}, .headers = {}}});
  CHECK(BatchView(batch).base_timestamp() == TimestampMs(50));
  CHECK(BatchView(batch).max_timestamp() == TimestampMs(70));
}

TEST_CASE("batch builder: the worked example of docs/formats/record-batch.md is what it writes") {
  const Buffer batch = BuildBatch(
      {{.timestamp = 1700000000000, .key = "key", .value = "value", .headers = {}},
       {.timestamp = 1700000000005, .key = {}, .value = "no key", .headers = {{"h", "x"}}}});
  CHECK(batch == ReadHex("batches/worked_example.hex"));
}

TEST_CASE("batch builder: random batches of every codec come back as they went in") {
  const uint64_t seed = 4711;
  INFO("seed " << seed);
  Random random(seed);
  for (int round = 0; round < 200; ++round) {
    const std::vector<TestRecord> records = RandomRecords(random);
    const CodecType codec = kAllCodecs[random.Below(5)];
    const Offset base(static_cast<int64_t>(random.Below(uint64_t{1} << 40)));
    const Buffer batch = BuildBatch(records, {.base_offset = base, .codec = codec});
    REQUIRE(IsIntact(batch));
    REQUIRE(BatchView(batch).codec() == codec);
    std::vector<TestRecord> read;
    const absl::Status status = ForEachRecord(batch, kPlenty, [&](const RecordView& record) {
      CHECK(record.offset == base + static_cast<int64_t>(read.size()));
      read.push_back(Own(record));
      return Walk::kGoOn;
    });
    REQUIRE(status.ok());
    REQUIRE(read == records);
    REQUIRE(BatchView(batch).record_count() == static_cast<int32_t>(records.size()));
  }
}

}  // namespace millrace::record
