#include "proto/topic_name.h"

#include <catch2/catch.hpp>

namespace millrace {
namespace {

TEST_CASE("topic name: what Kafka refuses is refused with the reason") {
  CHECK(InvalidTopicName("") == "a topic name is not empty");
  CHECK(InvalidTopicName(".") == "a topic cannot be named '.'");
  CHECK(InvalidTopicName("..") == "a topic cannot be named '..'");
  CHECK(InvalidTopicName(std::string(250, 'x')) ==
        "a topic name has at most 249 characters, not 250");
  const std::string rule = "a topic name holds letters, digits, '.', '_' and '-', but here is ";
  CHECK(InvalidTopicName("a b") == rule + "' ' at 1");
  CHECK(InvalidTopicName("a/b") == rule + "'/' at 1");
  CHECK(InvalidTopicName("caf\xC3\xA9") == rule + "byte 0xC3 at 3");
  CHECK(InvalidTopicName(std::string_view("a\0b", 3)) == rule + "byte 0x00 at 1");
}

TEST_CASE("topic name: what Kafka takes is taken") {
  for (const char* name : {"a", "...", ".a", "-", "_", "__consumer_offsets", "A.b_C-9"}) {
    CHECK_FALSE(InvalidTopicName(name).has_value());
  }
  CHECK_FALSE(InvalidTopicName(std::string(249, 'x')).has_value());
}

}  // namespace
}  // namespace millrace
