#include "tools/bench/frames.h"

#include <catch2/catch.hpp>

#include "proto/record/batch.h"
#include "proto/wire/frame.h"
#include "proto/wire/produce.h"
#include "tools/bench/bench_topic.h"
#include "tools/bench/fetch_frames.h"

namespace millrace::bench {
namespace {

std::vector<std::byte> Answer(int16_t version, const std::string& topic, ErrorCode error) {
  wire::ProduceResponse::Partition partition{.error_code = error, .error_message = "because"};
  wire::ProduceResponse::Topic one{.name = topic, .partition_responses = {&partition, 1}};
  wire::ProduceResponse response{.responses = {&one, 1}};
  wire::ByteBuffer out;
  wire::EncodeResponse(out, {7}, response, version);
  auto frame = out.bytes().subspan(wire::kFrameLengthBytes);
  return {frame.begin(), frame.end()};
}

std::vector<std::byte> Batch(int64_t base_offset, uint64_t records) {
  auto batch = BuildBatch({.batch_bytes = 1 << 20}, TimestampMs(1), records);
  record::StampBatch(batch->bytes, Offset(base_offset), LeaderEpoch(0));
  return batch->bytes;
}

TEST_CASE("frames: a batch holds as many records as fit, and at least one") {
  for (size_t batch_bytes : {1, 100, 1'000, 16'384, 102'400}) {
    for (bool stretch : {false, true}) {
      BatchShape shape{.batch_bytes = batch_bytes, .record_bytes = 100, .stretch_last = stretch};
      auto batch = BuildBatch(shape, TimestampMs(1'700'000'000'000));
      REQUIRE(batch.ok());
      CHECK(batch->records == RecordsPerBatch(shape));
      CHECK_FALSE(record::CheckBatch(batch->bytes, {.max_batch_bytes = 1 << 20}).has_value());
      if (batch_bytes < 200) {
        CHECK(batch->records == 1);
      } else {
        CHECK(batch->bytes.size() <= batch_bytes);
        CHECK(batch->bytes.size() + (stretch ? 3 : 220) >= batch_bytes);
      }
    }
  }
}

TEST_CASE("frames: a batch has no more records than it may") {
  auto batch = BuildBatch({.batch_bytes = 1 << 20}, TimestampMs(0), 7);
  REQUIRE(batch.ok());
  CHECK(batch->records == 7);
  CHECK(record::BatchView(batch->bytes).record_count() == 7);
}

TEST_CASE("frames: the error of an answer to Produce is found in every version") {
  for (const std::string& topic :
       {std::string("t"), std::string(126, 'x'), std::string(249, 'x')}) {
    for (int16_t version = 3; version <= wire::ProduceResponse::kInfo.max_version; ++version) {
      size_t position = ProduceErrorPosition(version, topic);
      auto fine = ReadProduceAnswer(Answer(version, topic, ErrorCode::kNone), version, position);
      REQUIRE(fine.ok());
      CHECK(fine->error == ErrorCode::kNone);
      auto refused =
          ReadProduceAnswer(Answer(version, topic, ErrorCode::kMessageTooLarge), version, position);
      REQUIRE(refused.ok());
      CHECK(refused->error == ErrorCode::kMessageTooLarge);
      CHECK(refused->message == (version >= 8 ? "because" : ""));
    }
  }
  std::vector<std::byte> cut = Answer(9, "t", ErrorCode::kNone);
  cut.resize(8);
  CHECK_FALSE(ReadProduceAnswer(cut, 9, ProduceErrorPosition(9, "t")).ok());
}

TEST_CASE(
    "fetch frames: offsets that are skipped are counted, and a batch from before is refused") {
  OffsetTrack track(Offset(10));
  std::vector<std::byte> batch = Batch(8, 5);  // a fetch may begin within a batch
  CHECK(*track.Take(record::BatchView(batch)) == 3);
  CHECK(track.next() == Offset(13));
  CHECK_FALSE(track.Take(record::BatchView(batch)).ok());
  batch = Batch(13, 2);
  CHECK(*track.Take(record::BatchView(batch)) == 2);
  CHECK(track.missing() == 0);
  batch = Batch(20, 1);
  CHECK(*track.Take(record::BatchView(batch)) == 1);
  CHECK(track.missing() == 5);
  CHECK(track.next() == Offset(21));
}

TEST_CASE("fetch frames: records are cut into batches, without a last one that is cut off") {
  std::vector<std::byte> records = Batch(0, 2);
  std::vector<std::byte> second = Batch(2, 1);
  records.insert(records.end(), second.begin(), second.end());
  BatchCursor whole(records);
  CHECK(whole.Next().has_value());
  CHECK(whole.Next()->size() == second.size());
  CHECK_FALSE(whole.Next().has_value());
  records.pop_back();
  BatchCursor cut(records);
  CHECK(cut.Next().has_value());
  CHECK_FALSE(cut.Next().has_value());
}

TEST_CASE("bench topic: the newest version that both know is spoken") {
  constexpr wire::MessageInfo kOurs{wire::ApiKey::kProduce, 3, 13, 9};
  CHECK(NewestCommon(kOurs, 0, 9) == 9);
  CHECK(NewestCommon(kOurs, 0, 20) == 13);
  CHECK_FALSE(NewestCommon(kOurs, 0, 2).has_value());
  CHECK_FALSE(NewestCommon(kOurs, 14, 20).has_value());
}

TEST_CASE("bench topic: each connection speaks to one leader, and no partition is left out") {
  std::vector<PartitionPlace> partitions;
  for (int i = 0; i < 5; ++i) {
    partitions.push_back({PartitionIndex(i), BrokerId(i % 2), i % 2 == 0 ? "a:1" : "b:1"});
  }
  CHECK_FALSE(PlanConnections(partitions, 1).ok());
  for (size_t count : {2, 3, 5, 9}) {
    auto plans = PlanConnections(partitions, count);
    REQUIRE(plans.ok());
    CHECK(plans->size() == count);
    std::vector<int> times(5);
    for (const ConnectionPlan& plan : *plans) {
      CHECK_FALSE(plan.partitions.empty());
      for (PartitionIndex index : plan.partitions) {
        ++times[static_cast<size_t>(index.value())];
        CHECK(plan.server == (index.value() % 2 == 0 ? "a:1" : "b:1"));
      }
    }
    for (int each : times) CHECK(each >= 1);
    if (count <= 5) CHECK(times == std::vector<int>(5, 1));
  }
}

}  // namespace
}  // namespace millrace::bench
