#include "storage/key_map.h"

#include <map>
#include <string>

#include <catch2/catch.hpp>

#include "tests/support/seeded.h"

namespace millrace::storage {
namespace {

std::span<const std::byte> Bytes(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

constexpr KeyMap::Options kSmall{.bytes = 2400, .load_factor = 0.9, .seed = 1, .keys_max = 1000};

}  // namespace

TEST_CASE("key map: a new key is refused when the map is full, a known one is not") {
  KeyMap map(kSmall);
  REQUIRE(map.capacity() == 90);
  for (int64_t i = 0; i < 90; ++i) REQUIRE(map.Put(Bytes(std::to_string(i)), Offset(i)));
  CHECK_FALSE(map.Put(Bytes("one more"), Offset(90)));
  CHECK_FALSE(map.Find(Bytes("one more")).has_value());
  CHECK(map.Put(Bytes("7"), Offset(91)));
  CHECK(map.Find(Bytes("7")) == Offset(91));
  CHECK(map.size() == 90);
}

TEST_CASE("key map: takes no more memory than its keys or its limit need") {
  KeyMap few({.bytes = 128 << 20, .load_factor = 0.9, .seed = 1, .keys_max = 10});
  CHECK(few.size_bytes() < 1000);
  CHECK(few.capacity() >= 10);
  CHECK(KeyMap(kSmall).size_bytes() <= kSmall.bytes);
  KeyMap least({.bytes = 0, .load_factor = 0, .seed = 1, .keys_max = 0});
  CHECK(least.Put({}, Offset(0)));
  CHECK(least.Find({}) == Offset(0));
}

TEST_CASE("key map: agrees with a map, whatever the seed") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    KeyMap map({.bytes = 1 << 17, .load_factor = 0.95, .seed = seed, .keys_max = 1 << 20});
    std::map<std::string, Offset> model;
    for (int64_t i = 0; i < 6000; ++i) {
      const uint64_t mixed = test::Mix(seed, static_cast<uint64_t>(i));
      const std::string key(mixed % 40, static_cast<char>('a' + mixed / 40 % 80));
      REQUIRE(map.Put(Bytes(key), Offset(i)));
      model[key] = Offset(i);
    }
    REQUIRE(map.size() == model.size());
    for (const auto& [key, offset] : model) REQUIRE(map.Find(Bytes(key)) == offset);
    REQUIRE_FALSE(map.Find(Bytes(std::string(41, 'a'))).has_value());
  }
}

}  // namespace millrace::storage
