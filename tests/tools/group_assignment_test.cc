#include "tools/group_assignment.h"

#include <string_view>

#include <catch2/catch.hpp>

namespace millrace::tools {
namespace {

wire::Bytes AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

template <size_t kSize>
std::string_view Text(const char (&text)[kSize]) {
  return {text, kSize - 1};
}

// Version 1; "b" with 2 and 0, "a" with 1; no user data.
const std::string_view kTwoTopics = Text(
    "\0\1"
    "\0\0\0\2"
    "\0\1b"
    "\0\0\0\2"
    "\0\0\0\2"
    "\0\0\0\0"
    "\0\1a"
    "\0\0\0\1"
    "\0\0\0\1"
    "\377\377\377\377");

TEST_CASE("group assignment: what is no assignment of a consumer is not guessed at") {
  CHECK_FALSE(DecodeConsumerAssignment(AsBytes("opaque")).has_value());
  CHECK_FALSE(DecodeConsumerAssignment(AsBytes(Text("\0"))).has_value());
  CHECK_FALSE(DecodeConsumerAssignment(AsBytes(Text("\377\377\0\0\0\0"))).has_value());
  // All of it but for the user data is needed.
  for (size_t size = 1; size < kTwoTopics.size() - 4; ++size) {
    CHECK_FALSE(DecodeConsumerAssignment(AsBytes(kTwoTopics.substr(0, size))).has_value());
  }
  // More topics than bytes.
  CHECK_FALSE(DecodeConsumerAssignment(AsBytes(Text("\0\0\177\377\377\377"))).has_value());
}

TEST_CASE("group assignment: topics and partitions are in order") {
  auto partitions = DecodeConsumerAssignment(AsBytes(kTwoTopics));
  REQUIRE(partitions.has_value());
  CHECK(*partitions == TopicPartitions{{"a", PartitionIndex(1)},
                                       {"b", PartitionIndex(0)},
                                       {"b", PartitionIndex(2)}});
}

TEST_CASE("group assignment: no bytes mean that nothing is assigned") {
  CHECK(DecodeConsumerAssignment({}) == TopicPartitions{});
  CHECK(DecodeConsumerAssignment(AsBytes(Text("\0\3\0\0\0\0\377\377\377\377"))) ==
        TopicPartitions{});
}

}  // namespace
}  // namespace millrace::tools
