#include "proto/wire/reader.h"

#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "support.h"

namespace millrace::wire {
namespace {

// Two strings and, from version 3 on, tags. Flexible from version 2.
struct Pair {
  std::string_view first;
  std::optional<std::string_view> second;  // may be null from version 1 on
  std::optional<int32_t> number;
  std::optional<std::string_view> text;
};

template <class Archive>
void Describe(Archive& ar, Pair& pair) {
  ar.Field(pair.first);
  ar.NullableSince(1, pair.second);
  ar.Tags(Tag{1, pair.number}, Tag{4, pair.text, 3});
}

// What is wrong with the bytes; "" when nothing is.
std::string Fault(std::string_view hex, int16_t version, Pair& pair) {
  static std::vector<std::byte> bytes;
  bytes = FromHex(hex);
  Arena arena;
  Reader reader(bytes, version, version >= 2, arena);
  reader.Field(pair);
  return reader.ok() ? "" : reader.fault();
}

template <class T>
bool Accepts(std::string_view hex, bool flexible, size_t* allocated = nullptr) {
  std::vector<std::byte> bytes = FromHex(hex);
  Arena arena;
  Reader reader(bytes, 0, flexible, arena);
  T value{};
  reader.Field(value);
  if (allocated != nullptr) *allocated = arena.allocated_bytes();
  return reader.ok();
}

TEST_CASE("reader: counts and lengths that lie are refused without allocating") {
  size_t allocated = 1;
  for (std::string_view hex : {"7fffffff 00", "fffffffe 00", "80000000 00", "00000002 00000000"}) {
    INFO(hex);
    CHECK_FALSE(Accepts<Array<int32_t>>(hex, false, &allocated));
    CHECK(allocated == 0);
  }
  for (std::string_view hex : {"ffffffff0f 00", "8080808008 00", "03 00000000"}) {
    INFO(hex);
    CHECK_FALSE(Accepts<Array<int32_t>>(hex, true, &allocated));
    CHECK(allocated == 0);
  }
  CHECK_FALSE(Accepts<std::string_view>("7fff 61", false));
  CHECK_FALSE(Accepts<std::string_view>("fffe 61", false));
  CHECK_FALSE(Accepts<std::string_view>("03 61", true));
  CHECK_FALSE(Accepts<Bytes>("7fffffff 61", false));
  CHECK_FALSE(Accepts<Bytes>("fffffffe 61", false));
  CHECK_FALSE(Accepts<std::optional<Bytes>>("80000000 61", false));
}

TEST_CASE("reader: arrays that would take more memory than the arena allows are refused") {
  std::vector<std::byte> bytes = FromHex("000186a0");
  bytes.resize(4 + 2 * 100000);
  for (size_t bytes_max : {size_t{1000000}, Arena::kBytesMax}) {
    Arena arena(bytes_max);
    Reader reader(bytes, 0, false, arena);
    Array<std::string_view> texts;
    reader.Field(texts);
    CHECK(reader.ok() == (bytes_max == Arena::kBytesMax));
    CHECK(arena.allocated_bytes() == (reader.ok() ? 100000 * sizeof(std::string_view) : 0));
  }
}

TEST_CASE("reader: a string of more than 32767 bytes is refused, whatever its length says") {
  std::string longest = "808002" + std::string(size_t{2} * 0x7fff, '6');
  std::string too_long = "818002" + std::string(size_t{2} * 0x8000, '6');
  CHECK(Accepts<std::string_view>(longest, true));
  CHECK_FALSE(Accepts<std::string_view>(too_long, true));
}

TEST_CASE("reader: varints of more than 32 bits or five bytes are refused") {
  auto read = [](std::string_view hex) -> std::optional<uint32_t> {
    std::vector<std::byte> bytes = FromHex(hex);
    Arena arena;
    Reader reader(bytes, 0, true, arena);
    uint32_t value = reader.ReadUnsignedVarint();
    CHECK((reader.ok() || value == 0));
    return reader.ok() ? std::optional(value) : std::nullopt;
  };
  for (std::string_view hex : {"", "80", "80808080", "8080808010", "ffffffff1f", "ffffffff7f",
                               "808080808000", "ffffffff8f00", "80808080808080808000"}) {
    INFO(hex);
    CHECK_FALSE(read(hex).has_value());
  }
  CHECK(read("00") == 0U);
  CHECK(read("ff01") == 255U);
  CHECK(read("ffffffff0f") == std::numeric_limits<uint32_t>::max());
  // More bytes than the value needs, but not more than five, are Kafka's way too.
  CHECK(read("8200") == 2U);
  CHECK(read("8080808000") == 0U);
}

TEST_CASE("reader: null is refused where a version has no null") {
  Pair pair;
  CHECK(Fault("ffff 0001 62", 1, pair) == "null where a string must be");
  CHECK(Fault("0001 61 ffff", 0, pair) == "null in a version that has no null here");
  CHECK(Fault("0001 61 ffff", 1, pair).empty());
  CHECK(pair.first == "a");
  CHECK_FALSE(pair.second.has_value());
  CHECK_FALSE(Accepts<Array<int32_t>>("ffffffff", false));
  CHECK(Accepts<std::optional<Array<int32_t>>>("ffffffff", false));
}

TEST_CASE("reader: tagged fields that repeat, go back or have a wrong size are refused") {
  Pair pair;
  CHECK(Fault("01 00 02 05 00 05 00", 2, pair) == "tagged fields out of order");
  CHECK(Fault("01 00 02 05 00 04 00", 2, pair) == "tagged fields out of order");
  CHECK(Fault("01 00 02 01 04 00000007 01 04 00000007", 2, pair) == "tagged fields out of order");
  CHECK(Fault("01 00 01 01 05 00000007 00", 2, pair) == "a tagged field's size is wrong");
  CHECK(Fault("01 00 01 01 03 00000007", 2, pair) == "a tagged field's size is wrong");
  CHECK(Fault("01 00 01 09 7f 00", 2, pair) == "the message ends too early");
  CHECK(Fault("01 00 ffffffff0f 09 00", 2, pair) == "the message ends too early");
}

TEST_CASE("reader: unknown tagged fields are skipped, also those of a later version") {
  Pair pair;
  CHECK(Fault("02 61 00 03 00 01 aa 01 04 00000007 ffffffff0f 02 bbbb", 2, pair).empty());
  CHECK(pair.first == "a");
  CHECK(pair.number == 7);
  CHECK(Fault("02 61 00 01 04 02 02 62", 2, pair).empty());
  CHECK_FALSE(pair.text.has_value());
  CHECK(Fault("02 61 00 01 04 02 02 62", 3, pair).empty());
  CHECK(pair.text == "b");
  CHECK(Fault("02 61 00 01 04 01 00", 3, pair).empty());
  CHECK_FALSE(pair.text.has_value());
}

TEST_CASE("reader: after the first fault everything is empty and the first fault stays") {
  std::vector<std::byte> bytes = FromHex("fffe 0001 61");
  Arena arena;
  Reader reader(bytes, 0, false, arena);
  std::string_view text;
  reader.Field(text);
  reader.Field(text);
  int64_t number = 3;
  reader.Field(number);
  CHECK(text.empty());
  CHECK(std::string(reader.fault()) == "a string has a negative length");
  CHECK(reader.remaining() == 0);
}

TEST_CASE("reader: the least size of an element is that of its encoding, not of another's") {
  // Two empty strings take four bytes plainly and two compactly.
  CHECK(Accepts<Array<std::string_view>>("00000002 0000 0000", false));
  CHECK(Accepts<Array<std::string_view>>("03 01 01", true));
}

TEST_CASE("reader: sentinels become none") {
  std::vector<std::byte> bytes = FromHex("ffffffff 00000005 fffffffffffffffe");
  Arena arena;
  Reader reader(bytes, 0, false, arena);
  std::optional<LeaderEpoch> none;
  std::optional<LeaderEpoch> five;
  std::optional<int64_t> minus_two = 1;
  reader.Optional(none);
  reader.Optional(five);
  reader.Optional(minus_two, -2);
  REQUIRE(reader.ok());
  CHECK_FALSE(none.has_value());
  CHECK(five == LeaderEpoch(5));
  CHECK_FALSE(minus_two.has_value());
}

}  // namespace
}  // namespace millrace::wire
