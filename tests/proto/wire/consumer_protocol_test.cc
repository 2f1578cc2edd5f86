#include "proto/wire/consumer_protocol.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch.hpp>

namespace millrace::wire {
namespace {

// As Java's MessageUtil.toVersionPrefixedByteBuffer wrote them, by version: the topics bills and
// orders, user data 0708 (null in version 0), orders 0 and 2 owned, generation 5, rack r1.
constexpr std::array<std::string_view, 4> kSubscriptions = {
    "000000000002000562696c6c7300066f7264657273ffffffff",
    "000100000002000562696c6c7300066f72646572730000000207080000000100066f72646572730000000200000000"
    "00000002",
    "000200000002000562696c6c7300066f72646572730000000207080000000100066f72646572730000000200000000"
    "0000000200000005",
    "000300000002000562696c6c7300066f72646572730000000207080000000100066f72646572730000000200000000"
    "000000020000000500027231"};

// Orders 1 and 3, user data 09 (null in version 0).
constexpr std::array<std::string_view, 4> kAssignments = {
    "00000000000100066f7264657273000000020000000100000003ffffffff",
    "00010000000100066f72646572730000000200000001000000030000000109",
    "00020000000100066f72646572730000000200000001000000030000000109",
    "00030000000100066f72646572730000000200000001000000030000000109"};

std::string FromHex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

Bytes AsBytes(const std::string& text) { return std::as_bytes(std::span(text)); }

std::vector<int32_t> IndicesOf(const ConsumerProtocolTopic& topic) {
  std::vector<int32_t> indices;
  for (PartitionIndex index : topic.partitions) indices.push_back(index.value());
  return indices;
}

TEST_CASE("consumer protocol: what is cut short, null or of a negative version does not parse") {
  for (size_t version = 0; version < kSubscriptions.size(); ++version) {
    const std::string subscription = FromHex(kSubscriptions[version]);
    const std::string assignment = FromHex(kAssignments[version]);
    Arena arena;
    for (size_t size = 0; size < subscription.size(); ++size) {
      CHECK_FALSE(ReadSubscription(AsBytes(subscription).first(size), arena).has_value());
    }
    for (size_t size = 0; size < assignment.size(); ++size) {
      CHECK_FALSE(ReadAssignment(AsBytes(assignment).first(size), arena).has_value());
    }
  }
  Arena arena;
  CHECK_FALSE(ReadSubscription(AsBytes(FromHex("ffff00000000ffffffff")), arena).has_value());
  CHECK_FALSE(ReadSubscription(AsBytes(FromHex("0000ffffffffffffffff")), arena).has_value());
  // More topics than bytes.
  CHECK_FALSE(ReadAssignment(AsBytes(FromHex("00007fffffffffffffff")), arena).has_value());
}

TEST_CASE("consumer protocol: subscriptions are read and written as Java's, in every version") {
  for (size_t i = 0; i < kSubscriptions.size(); ++i) {
    const auto version = static_cast<int16_t>(i);
    const std::string bytes = FromHex(kSubscriptions[i]);
    Arena arena;
    auto read = ReadSubscription(AsBytes(bytes), arena);
    REQUIRE(read.has_value());
    REQUIRE(read->topics.size() == 2);
    CHECK(read->topics[0] == "bills");
    CHECK(read->topics[1] == "orders");
    CHECK(read->user_data.has_value() == (version > 0));
    CHECK(read->owned_partitions.size() == (version > 0 ? 1 : 0));
    if (version > 0) CHECK(IndicesOf(read->owned_partitions[0]) == std::vector{0, 2});
    CHECK(read->generation_id.has_value() == (version > 1));
    CHECK(read->rack_id.value_or("none") == (version > 2 ? "r1" : "none"));
    CHECK(ConsumerProtocolVersionOf(AsBytes(bytes)) == version);
    CHECK(Encode(*read, version) == bytes);
  }
}

TEST_CASE("consumer protocol: assignments are read and written as Java's, in every version") {
  for (size_t i = 0; i < kAssignments.size(); ++i) {
    const std::string bytes = FromHex(kAssignments[i]);
    Arena arena;
    auto read = ReadAssignment(AsBytes(bytes), arena);
    REQUIRE(read.has_value());
    REQUIRE(read->assigned_partitions.size() == 1);
    CHECK(read->assigned_partitions[0].topic == "orders");
    CHECK(IndicesOf(read->assigned_partitions[0]) == std::vector{1, 3});
    CHECK(Encode(*read, static_cast<int16_t>(i)) == bytes);
  }
}

TEST_CASE("consumer protocol: a later version reads as the last known one") {
  const std::string bytes = FromHex("0009" + std::string(kSubscriptions[3].substr(4)) + "abcd");
  Arena arena;
  auto read = ReadSubscription(AsBytes(bytes), arena);
  REQUIRE(read.has_value());
  CHECK(read->rack_id == "r1");
  CHECK(ConsumerProtocolVersionOf(AsBytes(bytes)) == 3);
  CHECK(ConsumerProtocolVersionOf({}) == 0);
}

}  // namespace
}  // namespace millrace::wire
