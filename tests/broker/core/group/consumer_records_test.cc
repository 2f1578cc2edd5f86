#include "broker/core/group/consumer_records.h"

#include "tests/broker/core/group/consumer_support.h"

namespace millrace::core::group {
namespace {

Record RoundTrip(const Record& record) {
  EncodedRecord encoded = Encode(record);
  auto decoded = Decode(encoded.key, encoded.value);
  REQUIRE(decoded.ok());
  REQUIRE(decoded->has_value());
  return **decoded;
}

ConsumerMember Everything() {
  ConsumerMember member;
  member.instance_id = "i";
  member.rack_id = "r";
  member.client_id = "c";
  member.client_host = "/h";
  member.rebalance_timeout_ms = 300'000;
  member.topics = {"bills", "orders"};
  member.regex = "o.*";
  member.assignor = "range";
  member.classic = ClassicSide{10'000, {{"range", "m"}, {"sticky", std::string("\0n", 2)}}};
  member.state = MemberState::kUnrevoked;
  member.epoch = kAway;
  member.previous_epoch = MemberEpoch(7);
  member.gained_epoch = MemberEpoch(6);
  member.gained_before_epoch = MemberEpoch(4);
  member.assigned = Union(PartitionsOf(1, {0, 1, 5}), PartitionsOf(2, {3, INT32_MAX}));
  member.gained = {member.assigned[1], member.assigned[4]};
  member.revoking = PartitionsOf(2, {0});
  member.target = PartitionsOf(3, {2});
  return member;
}

TEST_CASE("consumer records: a member that does not parse is refused") {
  EncodedRecord encoded = Encode(PutConsumerMember{"g", "m", Everything()});
  CHECK_FALSE(Decode(encoded.key, "\xff").ok());
  CHECK_FALSE(Decode(encoded.key, encoded.value->substr(0, encoded.value->size() - 1)).ok());
}

TEST_CASE("consumer records: partitions that are not ascending, or not there, are refused") {
  auto decode = [](std::string_view steps) {
    std::string topic = "\x0a\x10" + std::string(16, 'x') + "\x12";
    topic += static_cast<char>(steps.size());
    topic += steps;
    return DecodeConsumerMember("\x62" + std::string(1, static_cast<char>(topic.size())) + topic);
  };
  CHECK(decode("\x03\x01").has_value());
  CHECK_FALSE(decode(std::string_view("\x03\x00", 2)).has_value());
  CHECK_FALSE(decode("\xff\xff\xff\xff\x0f").has_value());
  CHECK_FALSE(decode("\xff\xff\xff\xff\x07\x01").has_value());
}

TEST_CASE("consumer records: what is written is read") {
  Record member = PutConsumerMember{"g", "m", Everything()};
  CHECK(RoundTrip(member) == member);
  Record plain = PutConsumerMember{"g", "m", {}};
  CHECK(RoundTrip(plain) == plain);
  Record gone = DeleteConsumerMember{"g", "m"};
  CHECK(RoundTrip(gone) == gone);
  Record group = PutConsumerGroup{.group_id = "g",
                                  .epoch = MemberEpoch(9),
                                  .target_epoch = MemberEpoch(8),
                                  .topics_hash = 0xfedcba9876543210,
                                  .state_since = TimestampMs(1000)};
  CHECK(RoundTrip(group) == group);
}

TEST_CASE("consumer records: a hundred thousand partitions of a member fit into a batch") {
  ConsumerMember member;
  for (int32_t index = 0; index < 100'000; ++index) {
    member.assigned.push_back({TopicNumber(1), PartitionIndex(index)});
  }
  member.target = member.assigned;
  CHECK(EncodeConsumerMember(member).size() < 250'000);
}

}  // namespace
}  // namespace millrace::core::group
