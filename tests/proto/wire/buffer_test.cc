#include "proto/wire/buffer.h"

#include <cstring>
#include <vector>

#include <catch2/catch.hpp>

namespace millrace::wire {
namespace {

TEST_CASE("buffer: growing keeps what is there") {
  ByteBuffer buffer;
  for (int i = 0; i < 5000; ++i) *buffer.Extend(1) = static_cast<std::byte>(i);
  REQUIRE(buffer.size() == 5000);
  for (int i = 0; i < 5000; ++i) {
    if (buffer.data()[i] != static_cast<std::byte>(i)) FAIL("byte " << i);
  }
}

TEST_CASE("buffer: clear and shrink keep the memory") {
  ByteBuffer buffer;
  buffer.Extend(1000);
  size_t capacity = buffer.capacity();
  buffer.Shrink(3);
  CHECK(buffer.size() == 3);
  buffer.Clear();
  CHECK(buffer.empty());
  CHECK(buffer.capacity() == capacity);
}

TEST_CASE("buffer: nothing can be appended") {
  ByteBuffer buffer;
  buffer.Append({});
  CHECK(buffer.empty());
}

}  // namespace
}  // namespace millrace::wire
