#include "proto/record/varint.h"

#include <initializer_list>
#include <limits>
#include <optional>

#include <catch2/catch.hpp>

#include "tests/proto/record/support.h"

namespace millrace::record {
namespace {

Buffer Raw(std::initializer_list<int> values) {
  Buffer bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

std::optional<int32_t> Varint(const Buffer& bytes) {
  Bytes rest(bytes);
  int32_t value = 0;
  if (!TakeVarint(rest, value)) return std::nullopt;
  return value;
}

std::optional<int64_t> Varlong(const Buffer& bytes) {
  Bytes rest(bytes);
  int64_t value = 0;
  if (!TakeVarlong(rest, value)) return std::nullopt;
  return value;
}

}  // namespace

TEST_CASE("varint: no bytes and numbers that end too early are refused") {
  CHECK_FALSE(Varint({}).has_value());
  CHECK_FALSE(Varint(Raw({0x80})).has_value());
  CHECK_FALSE(Varint(Raw({0xff, 0xff, 0xff, 0xff})).has_value());
  CHECK_FALSE(Varlong(Raw({0x80, 0x80})).has_value());
}

TEST_CASE("varint: more bytes or bits than the type has are refused") {
  CHECK_FALSE(Varint(Raw({0x80, 0x80, 0x80, 0x80, 0x80, 0x00})).has_value());
  CHECK_FALSE(Varint(Raw({0xff, 0xff, 0xff, 0xff, 0x10})).has_value());
  CHECK_FALSE(
      Varlong(Raw({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02})).has_value());
  CHECK_FALSE(
      Varlong(Raw({0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0})).has_value());
}

TEST_CASE("varint: a refused number takes nothing") {
  const Buffer bytes = Raw({0x80, 0x80});
  Bytes rest(bytes);
  int32_t value = 0;
  CHECK_FALSE(TakeVarint(rest, value));
  CHECK(rest.size() == 2);
}

TEST_CASE("varint: the encodings are those of Kafka") {
  CHECK(Varint(Raw({0x00})) == 0);
  CHECK(Varint(Raw({0x01})) == -1);
  CHECK(Varint(Raw({0x02})) == 1);
  CHECK(Varint(Raw({0x7f})) == -64);
  CHECK(Varint(Raw({0x80, 0x01})) == 64);
  CHECK(Varint(Raw({0xfe, 0xff, 0xff, 0xff, 0x0f})) == std::numeric_limits<int32_t>::max());
  CHECK(Varint(Raw({0xff, 0xff, 0xff, 0xff, 0x0f})) == std::numeric_limits<int32_t>::min());
  CHECK(Varint(Raw({0x82, 0x80, 0x00})) == 1);  // padded
}

TEST_CASE("varint: every value comes back, in as many bytes as foretold") {
  Random random(7);
  for (int i = 0; i < 2000; ++i) {
    const auto wide = static_cast<int64_t>(random.Next()) >> random.Below(64);
    const auto narrow = static_cast<int32_t>(wide);
    Buffer bytes;
    AppendVarlong(wide, bytes);
    REQUIRE(bytes.size() == VarlongSize(wide));
    AppendVarint(narrow, bytes);
    REQUIRE(bytes.size() == VarlongSize(wide) + VarintSize(narrow));
    Bytes rest(bytes);
    int64_t wide_read = 0;
    int32_t narrow_read = 0;
    REQUIRE(TakeVarlong(rest, wide_read));
    REQUIRE(TakeVarint(rest, narrow_read));
    REQUIRE(wide_read == wide);
    REQUIRE(narrow_read == narrow);
    REQUIRE(rest.empty());
  }
}

}  // namespace millrace::record
