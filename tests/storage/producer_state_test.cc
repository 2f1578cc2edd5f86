#include "storage/producer_state.h"

#include <limits>
#include <span>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "proto/record/batch_builder.h"
#include "proto/record/crc32c.h"

namespace millrace::storage {
namespace {

constexpr int32_t kSequenceMax = std::numeric_limits<int32_t>::max();

struct Sent {
  int64_t producer = 7;
  int16_t epoch = 0;
  int32_t sequence = 0;
  int32_t count = 1;
  int64_t offset = 0;
  int64_t timestamp = 1000;
  bool control = false;
};

// The bytes of a batch, and a view of them.
class TestBatch {
 public:
  explicit TestBatch(const Sent& sent) {
    record::BatchBuilderOptions options;
    options.base_offset = Offset(sent.offset);
    options.control = sent.control;
    options.producer =
        record::ProducerStamp{ProducerId(sent.producer), ProducerEpoch(sent.epoch), sent.sequence};
    record::BatchBuilder builder(options);
    for (int32_t i = 0; i < sent.count; ++i)
      builder.Add({.timestamp = TimestampMs(sent.timestamp)});
    auto built = std::move(builder).Build();
    REQUIRE(built.ok());
    bytes_ = *std::move(built);
  }
  record::BatchView view() const { return record::BatchView(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

ProducerVerdict Check(const ProducerState& state, const Sent& sent) {
  return state.Check(TestBatch(sent).view());
}

void Update(ProducerState& state, const Sent& sent) { state.Update(TestBatch(sent).view()); }

void RequireAccepted(const ProducerState& state, const Sent& sent) {
  const ProducerVerdict verdict = Check(state, sent);
  REQUIRE(verdict.error == ErrorCode::kNone);
  REQUIRE_FALSE(verdict.duplicate_base_offset.has_value());
}

TEST_CASE("producer state: a gap and a step back are out of order") {
  ProducerState state;
  Update(state, {.sequence = 10, .count = 5, .offset = 100});
  for (int32_t sequence : {16, 20, 14, 0, 11}) {
    const ProducerVerdict verdict = Check(state, {.sequence = sequence});
    CHECK(verdict.error == ErrorCode::kOutOfOrderSequenceNumber);
    CHECK_FALSE(verdict.duplicate_base_offset.has_value());
  }
  CHECK(Check(state, {.sequence = 20}).message ==
        "producer 7 (epoch 0) sent sequence 20, but 15 is next");
}

TEST_CASE("producer state: an older epoch is fenced, even for what would be a duplicate") {
  ProducerState state;
  Update(state, {.epoch = 3, .sequence = 0});
  const ProducerVerdict verdict = Check(state, {.epoch = 2, .sequence = 0});
  CHECK(verdict.error == ErrorCode::kInvalidProducerEpoch);
  CHECK(verdict.message == "producer 7 writes with epoch 2, but epoch 3 has written already");
}

TEST_CASE("producer state: a new epoch starts at sequence 0") {
  ProducerState state;
  Update(state, {.epoch = 0, .sequence = 0, .count = 5});
  CHECK(Check(state, {.epoch = 1, .sequence = 5}).error == ErrorCode::kOutOfOrderSequenceNumber);
  RequireAccepted(state, {.epoch = 1, .sequence = 0, .count = 5});
  Update(state, {.epoch = 1, .sequence = 0, .count = 2, .offset = 5});
  CHECK(Check(state, {.epoch = 1, .sequence = 5}).error == ErrorCode::kOutOfOrderSequenceNumber);
  RequireAccepted(state, {.epoch = 1, .sequence = 2});
}

TEST_CASE("producer state: an unknown producer may start anywhere") {
  ProducerState state;
  RequireAccepted(state, {.sequence = 1234});
  Update(state, {.producer = 7});
  RequireAccepted(state, {.producer = 8, .sequence = 99});
}

TEST_CASE("producer state: a batch without a producer is neither judged nor remembered") {
  ProducerState state;
  record::BatchBuilder builder({});
  builder.Add({.timestamp = TimestampMs(1)});
  const auto bytes = *std::move(builder).Build();
  CHECK(state.Check(record::BatchView(bytes)).error == ErrorCode::kNone);
  state.Update(record::BatchView(bytes));
  CHECK(state.size() == 0);
}

TEST_CASE("producer state: checking changes nothing") {
  ProducerState state;
  RequireAccepted(state, {.sequence = 5});
  CHECK(state.size() == 0);
  RequireAccepted(state, {.sequence = 5});
}

TEST_CASE("producer state: each of the last five batches is recognised, with its offset") {
  ProducerState state;
  for (int32_t i = 0; i < 7; ++i) {
    RequireAccepted(state, {.sequence = i * 3, .count = 3, .offset = 100 + i * 10});
    Update(state, {.sequence = i * 3, .count = 3, .offset = 100 + i * 10});
  }
  for (int32_t i = 0; i < 2; ++i) {
    const ProducerVerdict verdict = Check(state, {.sequence = i * 3, .count = 3});
    CHECK(verdict.error == ErrorCode::kOutOfOrderSequenceNumber);
  }
  for (int32_t i = 2; i < 7; ++i) {
    const ProducerVerdict verdict = Check(state, {.sequence = i * 3, .count = 3});
    CHECK(verdict.error == ErrorCode::kNone);
    REQUIRE(verdict.duplicate_base_offset.has_value());
    CHECK(*verdict.duplicate_base_offset == Offset(100 + i * 10));
  }
  // The same first sequence with another last one is not the same batch.
  CHECK(Check(state, {.sequence = 18, .count = 2}).error == ErrorCode::kOutOfOrderSequenceNumber);
}

TEST_CASE("producer state: sequences wrap from 2^31-1 to 0") {
  ProducerState state;
  SECTION("between batches") {
    Update(state, {.sequence = kSequenceMax - 1, .count = 2, .offset = 50});
    CHECK(Check(state, {.sequence = 1}).error == ErrorCode::kOutOfOrderSequenceNumber);
    RequireAccepted(state, {.sequence = 0});
  }
  SECTION("within a batch") {
    const Sent wrapping = {.sequence = kSequenceMax - 1, .count = 5, .offset = 50};
    Update(state, wrapping);  // 2^31-2, 2^31-1, 0, 1, 2
    CHECK(Check(state, {.sequence = 2}).error == ErrorCode::kOutOfOrderSequenceNumber);
    RequireAccepted(state, {.sequence = 3});
    CHECK(Check(state, wrapping).duplicate_base_offset == Offset(50));
    const auto decoded = ProducerState::DecodeSnapshot(state.EncodeSnapshot());
    REQUIRE(decoded.ok());
    CHECK(Check(*decoded, wrapping).duplicate_base_offset == Offset(50));
    RequireAccepted(*decoded, {.sequence = 3});
  }
}

TEST_CASE("producer state: a marker raises the epoch and has no sequence") {
  ProducerState state;
  Update(state, {.epoch = 0, .sequence = 0, .count = 4});
  Update(state, {.epoch = 0, .sequence = -1, .offset = 4, .control = true});
  RequireAccepted(state, {.epoch = 0, .sequence = 4});
  Update(state, {.epoch = 1, .sequence = -1, .offset = 5, .control = true});
  CHECK(Check(state, {.epoch = 0, .sequence = 4}).error == ErrorCode::kInvalidProducerEpoch);
  CHECK(Check(state, {.epoch = 1, .sequence = 4}).error == ErrorCode::kOutOfOrderSequenceNumber);
  RequireAccepted(state, {.epoch = 1, .sequence = 0});
  const auto decoded = ProducerState::DecodeSnapshot(state.EncodeSnapshot());
  REQUIRE(decoded.ok());
  CHECK(Check(*decoded, {.epoch = 0, .sequence = 4}).error == ErrorCode::kInvalidProducerEpoch);
}

TEST_CASE("producer state: a producer expires by its newest batch") {
  ProducerState state;
  Update(state, {.producer = 1, .sequence = 0, .timestamp = 100});
  Update(state, {.producer = 1, .sequence = 1, .timestamp = 300});
  Update(state, {.producer = 2, .sequence = 0, .timestamp = 200});
  state.Expire(TimestampMs(200));
  CHECK(state.size() == 2);
  state.Expire(TimestampMs(201));
  CHECK(state.size() == 1);
  RequireAccepted(state, {.producer = 2, .sequence = 77});
  CHECK(Check(state, {.producer = 1, .sequence = 77}).error != ErrorCode::kNone);
}

TEST_CASE("producer state: truncation forgets what is cut") {
  ProducerState state;
  Update(state, {.producer = 1, .sequence = 0, .count = 10, .offset = 0, .timestamp = 100});
  Update(state, {.producer = 1, .sequence = 10, .count = 10, .offset = 10, .timestamp = 900});
  Update(state, {.producer = 2, .sequence = 0, .count = 10, .offset = 20});
  state.TruncateTo(Offset(30));
  CHECK(state.size() == 2);
  state.TruncateTo(Offset(20));
  CHECK(state.size() == 1);
  state.TruncateTo(Offset(15));
  CHECK(Check(state, {.producer = 1, .sequence = 20}).error != ErrorCode::kNone);
  RequireAccepted(state, {.producer = 1, .sequence = 10});
  state.Expire(TimestampMs(101));  // the batch of timestamp 900 is gone
  CHECK(state.size() == 0);
}

// Three producers: more than five batches, one batch, a new epoch.
ProducerState SomeState() {
  ProducerState state;
  for (int32_t i = 0; i < 8; ++i) {
    Update(state, {.producer = 4000,
                   .epoch = 3,
                   .sequence = i * 2,
                   .count = 2,
                   .offset = i * 2,
                   .timestamp = 1700000000000 + i});
  }
  Update(state, {.producer = 4001, .sequence = 5, .count = 1, .offset = 16});
  Update(state, {.producer = 4002, .epoch = 0, .sequence = 0, .count = 3, .offset = 17});
  Update(state, {.producer = 4002, .epoch = 9, .sequence = 0, .count = 3, .offset = 20});
  return state;
}

TEST_CASE("producer state: a snapshot brings everything back") {
  const ProducerState state = SomeState();
  const std::string bytes = state.EncodeSnapshot();
  CHECK(bytes.size() == 10 + 46 * (5 + 1 + 1));
  const auto decoded = ProducerState::DecodeSnapshot(bytes);
  REQUIRE(decoded.ok());
  CHECK(decoded->size() == 3);
  CHECK(decoded->EncodeSnapshot() == bytes);
  for (int32_t i = 3; i < 8; ++i) {
    const Sent again = {.producer = 4000, .epoch = 3, .sequence = i * 2, .count = 2};
    CHECK(Check(*decoded, again).duplicate_base_offset == Offset(i * 2));
  }
  RequireAccepted(*decoded, {.producer = 4000, .epoch = 3, .sequence = 16});
  CHECK(Check(*decoded, {.producer = 4002, .epoch = 9, .sequence = 0, .count = 3})
            .duplicate_base_offset == Offset(20));
}

TEST_CASE("producer state: an empty snapshot is whole") {
  const std::string bytes = ProducerState().EncodeSnapshot();
  CHECK(bytes.size() == 10);
  const auto decoded = ProducerState::DecodeSnapshot(bytes);
  REQUIRE(decoded.ok());
  CHECK(decoded->size() == 0);
}

TEST_CASE("producer state: a snapshot cut at any byte is refused") {
  const std::string bytes = SomeState().EncodeSnapshot();
  for (size_t size = 0; size < bytes.size(); ++size) {
    REQUIRE(absl::IsDataLoss(ProducerState::DecodeSnapshot(bytes.substr(0, size)).status()));
  }
  CHECK(absl::IsDataLoss(ProducerState::DecodeSnapshot(bytes + '\0').status()));
}

TEST_CASE("producer state: a snapshot with any bit flipped is refused") {
  const std::string bytes = SomeState().EncodeSnapshot();
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit));
      REQUIRE(absl::IsDataLoss(ProducerState::DecodeSnapshot(flipped).status()));
    }
  }
}

// The snapshot with its checksum made right for whatever it holds.
std::string WithRightChecksum(std::string bytes) {
  const auto body = std::as_bytes(std::span(bytes.data() + 6, bytes.size() - 6));
  const uint32_t crc = record::Crc32c(body);
  for (size_t i = 0; i < 4; ++i) bytes[2 + i] = static_cast<char>(crc >> (24 - 8 * i));
  return bytes;
}

TEST_CASE("producer state: impossible values are refused although the checksum is right") {
  ProducerState state;
  Update(state, {.sequence = 0, .count = 2, .offset = 10});
  const std::string good = state.EncodeSnapshot();
  REQUIRE(WithRightChecksum(good) == good);
  constexpr size_t kEntry = 10;
  // Producer id, epoch, last sequence, offset delta: negative; and a count that lies.
  for (size_t at : {kEntry, kEntry + 8, kEntry + 10, kEntry + 22, size_t{6}}) {
    std::string bad = good;
    bad[at] = '\x80';
    CHECK(absl::IsDataLoss(ProducerState::DecodeSnapshot(WithRightChecksum(bad)).status()));
  }
  std::string long_delta = good;
  long_delta[kEntry + 25] = 12;  // the batch would start at offset -1
  CHECK(absl::IsDataLoss(ProducerState::DecodeSnapshot(WithRightChecksum(long_delta)).status()));
}

TEST_CASE("producer state: Kafka's own snapshot is read") {
  // Written by ProducerStateManager of Kafka 4.3.0: a producer with a batch, and one of which only
  // a marker is known.
  const std::string_view hex =
      "000168104f54000000020000000000000fa000030000000e0000000000000072000000040000018bcfe56802"
      "ffffffffffffffffffffffff0000000000000fa10001ffffffffffffffffffffffff000000000000018bcfe5"
      "680300000005ffffffffffffffff";
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  const auto state = ProducerState::DecodeSnapshot(bytes);
  REQUIRE(state.ok());
  CHECK(state->size() == 2);
  CHECK(Check(*state, {.producer = 4000, .epoch = 3, .sequence = 10, .count = 5})
            .duplicate_base_offset == Offset(110));
  RequireAccepted(*state, {.producer = 4000, .epoch = 3, .sequence = 15});
  CHECK(Check(*state, {.producer = 4001, .epoch = 0}).error == ErrorCode::kInvalidProducerEpoch);
  RequireAccepted(*state, {.producer = 4001, .epoch = 1, .sequence = 0});
}

}  // namespace
}  // namespace millrace::storage
