#include "proto/topic_id_text.h"

#include <array>

#include <catch2/catch.hpp>

namespace millrace {
namespace {

TEST_CASE("topic id text: what no id is written as is not parsed") {
  for (const char* text :
       {"", "HsG77h26ST2JZkH_B7n7T", "HsG77h26ST2JZkH_B7n7Tww", "HsG77h26ST2JZkH/B7n7Tw",
        "HsG77h26ST2JZkH_B7n7Tx", "HsG77h26ST2JZkH_B7n7T=", "HsG77h26ST2 ZkH_B7n7Tw"}) {
    INFO(text);
    CHECK_FALSE(ParseTopicId(text).has_value());
  }
}

TEST_CASE("topic id text: it is Kafka's form") {
  TopicId id;
  CHECK(TopicIdText(id) == "AAAAAAAAAAAAAAAAAAAAAA");
  id.bytes.fill(std::byte{0xFF});
  CHECK(TopicIdText(id) == "_____________________w");
  // The text of a Kafka Uuid(0x0123456789abcdef, 0xfedcba9876543210).
  const unsigned char bytes[16] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
                                   0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10};
  for (size_t i = 0; i < 16; ++i) id.bytes[i] = std::byte{bytes[i]};
  CHECK(TopicIdText(id) == "ASNFZ4mrze_-3LqYdlQyEA");
  CHECK(ParseTopicId("ASNFZ4mrze_-3LqYdlQyEA") == id);
}

TEST_CASE("topic id text: every id is parsed from its text") {
  for (unsigned seed = 0; seed < 256; ++seed) {
    TopicId id;
    for (size_t i = 0; i < 16; ++i) id.bytes[i] = static_cast<std::byte>(seed * 37 + i * seed * 11);
    CHECK(ParseTopicId(TopicIdText(id)) == id);
  }
}

TEST_CASE("topic id text: a random id is a UUID of version 4 whose text is no option") {
  for (unsigned first = 0; first < 256; ++first) {
    std::array<std::byte, 16> random;
    random.fill(std::byte{0xFF});
    random[0] = static_cast<std::byte>(first);
    const TopicId id = RandomTopicId(random);
    CHECK((id.bytes[6] & std::byte{0xF0}) == std::byte{0x40});
    CHECK((id.bytes[8] & std::byte{0xC0}) == std::byte{0x80});
    CHECK(TopicIdText(id)[0] != '-');
    CHECK_FALSE(id.is_zero());
  }
}

}  // namespace
}  // namespace millrace
