#include "broker/core/group/records.h"

#include "tests/broker/core/group/support.h"

namespace millrace::core::group {

namespace {

std::string Hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (char c : bytes) {
    text += kDigits[static_cast<unsigned char>(c) >> 4];
    text += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

Record RoundTrip(const Record& record) {
  EncodedRecord encoded = Encode(record);
  auto decoded = Decode(encoded.key, encoded.value);
  REQUIRE(decoded.ok());
  REQUIRE(decoded->has_value());
  return **decoded;
}

Membership OneMember() {
  Membership membership{.generation = GenerationId(3),
                        .state = GroupState::kStable,
                        .state_since = TimestampMs(1000)};
  membership.protocol_type = "consumer";
  membership.protocol = "range";
  membership.leader = "m";
  membership.members["m"] = {.instance_id = "i",
                             .client_id = "c",
                             .client_host = "/h",
                             .session_timeout_ms = 45'000,
                             .rebalance_timeout_ms = 300'000,
                             .protocols = {{"range", std::string("\0\1", 2)}, {"sticky", ""}},
                             .assignment = std::string("\0\2", 2)};
  return membership;
}

}  // namespace

TEST_CASE("group records: bytes that are no record are refused") {
  CHECK_FALSE(Decode("\xff\xff", "").ok());
  EncodedRecord group = Encode(PutGroup{"g", OneMember()});
  CHECK_FALSE(Decode(group.key, "\xff").ok());
  CHECK_FALSE(Decode(group.key, group.value->substr(0, group.value->size() - 1)).ok());
  EncodedRecord offset = Encode(PutOffset{"g", {TopicNumber(1), PartitionIndex(0)}, {}});
  CHECK_FALSE(Decode(offset.key, "\xff").ok());
  CHECK_FALSE(Decode(std::string_view(offset.key).substr(0, 5), "").ok());
}

TEST_CASE("group records: a group whose members, leader and state do not fit is refused") {
  Membership leaderless = OneMember();
  leaderless.leader = "other";
  EncodedRecord encoded = Encode(PutGroup{"g", leaderless});
  CHECK_FALSE(Decode(encoded.key, encoded.value).ok());
  Membership mute = OneMember();
  mute.members["m"].protocols.erase(mute.members["m"].protocols.begin());
  encoded = Encode(PutGroup{"g", mute});
  CHECK_FALSE(Decode(encoded.key, encoded.value).ok());
  Membership empty = OneMember();
  empty.members.clear();
  encoded = Encode(PutGroup{"g", empty});
  CHECK_FALSE(Decode(encoded.key, encoded.value).ok());
}

TEST_CASE("group records: a kind that this version does not know is left out") {
  auto decoded = Decode("\x7a\x01\x41", "anything");  // field 15
  REQUIRE(decoded.ok());
  CHECK_FALSE(decoded->has_value());
}

TEST_CASE("group records: what is written is read back") {
  CHECK(RoundTrip(PutGroup{"g", OneMember()}) == Record(PutGroup{"g", OneMember()}));
  CHECK(RoundTrip(PutGroup{"\xff\xfe", {}}) == Record(PutGroup{"\xff\xfe", {}}));
  CHECK(RoundTrip(DeleteGroup{"g"}) == Record(DeleteGroup{"g"}));
  PutOffset put{"g",
                {TopicNumber(7), PartitionIndex(2)},
                {.offset = Offset(5),
                 .leader_epoch = LeaderEpoch(0),
                 .metadata = "note",
                 .committed = TimestampMs(9),
                 .expires = TimestampMs(10)}};
  CHECK(RoundTrip(put) == Record(put));
  put.committed.leader_epoch.reset();
  put.committed.expires.reset();
  CHECK(RoundTrip(put) == Record(put));
  DeleteOffset gone{"", {TopicNumber(7), PartitionIndex(2)}};
  CHECK(RoundTrip(gone) == Record(gone));
}

// docs/formats/groups.md shows these bytes.
TEST_CASE("group records: the worked example") {
  PutOffset put{"app",
                {TopicNumber(1), PartitionIndex(2)},
                {.offset = Offset(300),
                 .leader_epoch = LeaderEpoch(0),
                 .metadata = "",
                 .committed = TimestampMs(1'700'000'000'000),
                 .expires = std::nullopt}};
  EncodedRecord encoded = Encode(put);
  CHECK(Hex(encoded.key) ==
        "12190a0361707012100000000000000000000000000000000118"
        "02");
  CHECK(Hex(*encoded.value) == "08ac0210002080d095ffbc31");
  CHECK(Hex(Encode(DeleteGroup{"app"}).key) == "0a050a03617070");
}

}  // namespace millrace::core::group
