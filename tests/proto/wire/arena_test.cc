#include "proto/wire/arena.h"

#include <cstdint>
#include <string>

#include <catch2/catch.hpp>

namespace millrace::wire {
namespace {

TEST_CASE("arena: elements are aligned, zero and apart from each other") {
  Arena arena;
  std::string_view odd = arena.Copy("abc");
  Array<int64_t> numbers = arena.NewArray<int64_t>(10);
  CHECK(reinterpret_cast<uintptr_t>(numbers.begin()) % alignof(int64_t) == 0);
  for (int64_t& number : numbers) {
    CHECK(number == 0);
    number = -1;
  }
  CHECK(odd == "abc");
}

TEST_CASE("arena: nothing is allocated for nothing") {
  Arena arena;
  CHECK(arena.NewArray<int64_t>(0).empty());
  CHECK(arena.Copy("").empty());
  CHECK(arena.allocated_bytes() == 0);
}

TEST_CASE("arena: a large array has a chunk of its own and does not end the current one") {
  Arena arena;
  arena.NewArray<char>(8);
  size_t small = arena.allocated_bytes();
  arena.NewArray<char>(100000);
  arena.NewArray<char>(8);
  CHECK(arena.allocated_bytes() == small + 100000);
}

TEST_CASE("arena: reset keeps the memory of an ordinary request") {
  Arena arena;
  arena.NewArray<char>(1000);
  size_t ordinary = arena.allocated_bytes();
  for (int i = 0; i < 100; ++i) {
    arena.Reset();
    arena.NewArray<char>(4000);
    CHECK(arena.allocated_bytes() == ordinary);
  }
  arena.NewArray<char>(100000);
  arena.Reset();
  CHECK(arena.allocated_bytes() == ordinary);
}

TEST_CASE("arena: reset gives back a large first chunk") {
  Arena arena;
  arena.NewArray<char>(100000);
  arena.Reset();
  CHECK(arena.allocated_bytes() == 0);
  CHECK(arena.NewArray<char>(8).size() == 8);
}

}  // namespace
}  // namespace millrace::wire
