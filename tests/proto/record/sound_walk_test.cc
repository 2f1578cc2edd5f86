#include "proto/record/sound_walk.h"

#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "proto/record/batch_builder.h"
#include "proto/record/record_reader.h"

namespace millrace::record {
namespace {

std::span<const std::byte> AsBytes(const std::string& text) {
  return std::as_bytes(std::span(text));
}

// A batch of records with random sizes; without headers, as the quick walk wants them.
std::vector<std::byte> RandomBatch(std::mt19937& random, int count) {
  BatchBuilder builder({});
  for (int i = 0; i < count; ++i) {
    const std::string key(random() % 200, 'k');
    const std::string value(random() % 3000, 'v');
    NewRecord record{.timestamp = TimestampMs(1'000'000 + static_cast<int64_t>(random() % 9000))};
    if (random() % 3 != 0) record.key = AsBytes(key);
    if (random() % 5 != 0) record.value = AsBytes(value);
    builder.Add(record);
  }
  auto batch = std::move(builder).Build();
  REQUIRE(batch.ok());
  return *batch;
}

// Whether the precise walk finds the block in order, with offsets that follow each other.
bool IsSound(BatchView batch, std::span<const std::byte> block) {
  RecordReader reader(batch, block);
  while (reader.Next().has_value()) {
    if (reader.last_offset_delta() != reader.records_read() - 1) return false;
  }
  return reader.fault() == RecordFault::kNone;
}

TEST_CASE("sound walk: a block that is cut anywhere is not sound") {
  std::mt19937 random(7);
  const std::vector<std::byte> bytes = RandomBatch(random, 3);
  const BatchView batch(bytes);
  for (size_t size = 0; size < batch.records().size(); ++size) {
    CHECK_FALSE(WalkSound(batch.records().first(size), 3, false).has_value());
  }
}

TEST_CASE("sound walk: a wrong count, and no records, are not sound") {
  std::mt19937 random(8);
  const std::vector<std::byte> bytes = RandomBatch(random, 3);
  const BatchView batch(bytes);
  CHECK_FALSE(WalkSound(batch.records(), 2, false).has_value());
  CHECK_FALSE(WalkSound(batch.records(), 4, false).has_value());
  CHECK_FALSE(WalkSound({}, 0, false).has_value());
}

TEST_CASE("sound walk: a null key is not sound where keys are required") {
  BatchBuilder builder({});
  builder.Add({.timestamp = TimestampMs(5)});
  auto bytes = std::move(builder).Build();
  REQUIRE(bytes.ok());
  CHECK(WalkSound(BatchView(*bytes).records(), 1, false).has_value());
  CHECK_FALSE(WalkSound(BatchView(*bytes).records(), 1, true).has_value());
}

TEST_CASE("sound walk: it says yes only to what the precise walk accepts") {
  const uint32_t seed = std::random_device()();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    const int count = 1 + static_cast<int>(random() % 20);
    std::vector<std::byte> bytes = RandomBatch(random, count);
    REQUIRE(WalkSound(BatchView(bytes).records(), count, false).has_value());
    for (int flip = 0; flip < 50; ++flip) {
      std::vector<std::byte> spoiled = bytes;
      const size_t at = 61 + random() % (spoiled.size() - 61);
      spoiled[at] = static_cast<std::byte>(random());
      const BatchView batch(spoiled);
      if (!WalkSound(batch.records(), count, false).has_value()) continue;
      CAPTURE(round, flip, at);
      REQUIRE(IsSound(batch, batch.records()));
    }
  }
}

TEST_CASE("sound walk: it reports the range of the timestamp deltas") {
  BatchBuilder builder({});
  for (int64_t time : {1000, 990, 1500}) builder.Add({.timestamp = TimestampMs(time)});
  auto bytes = std::move(builder).Build();
  REQUIRE(bytes.ok());
  const auto deltas = WalkSound(BatchView(*bytes).records(), 3, false);
  REQUIRE(deltas.has_value());
  CHECK(deltas->min == -10);
  CHECK(deltas->max == 500);
}

}  // namespace
}  // namespace millrace::record
