#include "proto/wire/writer.h"

#include <string>

#include <catch2/catch.hpp>

#include "support.h"

namespace millrace::wire {
namespace {

struct Tagged {
  std::optional<int16_t> small;
  std::optional<std::string_view> text;
};

template <class Archive>
void Describe(Archive& ar, Tagged& tagged) {
  ar.Tags(Tag{0, tagged.small}, Tag{2, tagged.text, 5});
}

template <class T>
std::string Written(T value, bool flexible, int16_t version = 9) {
  ByteBuffer buffer;
  Writer writer(buffer, version, flexible);
  writer.Field(value);
  return ToHex(buffer.bytes());
}

TEST_CASE("writer: numbers, ids and enums are big-endian") {
  CHECK(Written(true, false) == "01");
  CHECK(Written(int16_t{-2}, false) == "fffe");
  CHECK(Written(Offset(258), false) == "0000000000000102");
  CHECK(Written(ErrorCode::kUnknownTopicId, false) == "0064");
  CHECK(Written(1.0, false) == "3ff0000000000000");
}

TEST_CASE("writer: strings and bytes are plain or compact") {
  using Text = std::optional<std::string_view>;
  CHECK(Written(std::string_view("ab"), false) == "00026162");
  CHECK(Written(std::string_view("ab"), true) == "036162");
  CHECK(Written(Text(), false) == "ffff");
  CHECK(Written(Text(), true) == "00");
  CHECK(Written(std::optional<Bytes>(), false) == "ffffffff");
  CHECK(Written(std::string_view(std::string(127, 'a')), true).substr(0, 6) == "800161");
}

TEST_CASE("writer: a string that no client could read is cut, before a character's middle") {
  const std::string whole(0x7fff, 'a');
  for (bool flexible : {false, true}) {
    CHECK(Written(std::string_view(whole + "bcd"), flexible) ==
          Written(std::string_view(whole), flexible));
    const std::string middle = whole.substr(1) + "\xc3\xa4";
    CHECK(Written(std::string_view(middle), flexible) ==
          Written(std::string_view(whole.substr(1)), flexible));
  }
  CHECK(Written(std::string_view(std::string(70'000, '\x80')), false) == "0000");
}

TEST_CASE("writer: a null that a version does not know is written as empty") {
  ByteBuffer buffer;
  Writer writer(buffer, 3, false);
  std::optional<std::string_view> text;
  std::optional<Array<int32_t>> numbers;
  writer.NullableSince(4, text);
  writer.NullableSince(4, numbers);
  writer.NullableSince(3, text);
  CHECK(ToHex(buffer.bytes()) == "000000000000ffff");
}

TEST_CASE("writer: tagged fields are written when they have a value and the version knows them") {
  CHECK(Written(Tagged{}, true) == "00");
  CHECK(Written(Tagged{}, false).empty());
  CHECK(Written(Tagged{.small = 7, .text = "b"}, true) ==
        "02000200070202"
        "0262");
  CHECK(Written(Tagged{.small = 7, .text = "b"}, true, 4) == "0100020007");
}

TEST_CASE("writer: a tagged field of more than 127 bytes has its size in front of it") {
  std::string text(300, 'a');
  std::string hex = Written(Tagged{.text = text}, true);
  CHECK(hex.substr(0, 16) ==
        "0102ae02"
        "ad02"
        "6161");
  CHECK(hex.size() == 2 * (2 + 2 + 2 + 300));
}

TEST_CASE("writer: records in a file leave their length and a splice") {
  ByteBuffer buffer;
  buffer.Append(FromHex("ee"));
  Writer writer(buffer, 0, false);
  writer.Field(Records{.external_size = 300});
  writer.Field(int8_t{5});
  writer.Field(Records{.external_size = 0});
  CHECK(ToHex(buffer.bytes()) == "ee0000012c0500000000");
  REQUIRE(writer.splices().size() == 2);
  CHECK(writer.splices()[0].position == 5);
  CHECK(writer.splices()[0].size == 300);
  CHECK(writer.splices()[1].position == 10);
}

}  // namespace
}  // namespace millrace::wire
