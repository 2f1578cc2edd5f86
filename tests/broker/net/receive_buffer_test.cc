#include "broker/net/receive_buffer.h"

#include <algorithm>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

#include <catch2/catch.hpp>

namespace millrace::net {
namespace {

void Put(ReceiveBuffer& buffer, std::string_view text) {
  while (!text.empty()) {
    auto room = buffer.Room();
    REQUIRE_FALSE(room.empty());
    size_t count = std::min(room.size(), text.size());
    std::memcpy(room.data(), text.data(), count);
    buffer.Received(count);
    text.remove_prefix(count);
  }
}

std::string Unread(ReceiveBuffer& buffer) {
  auto bytes = buffer.unread();
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

TEST_CASE("receive buffer: an announced frame takes no memory, bytes that arrive do") {
  BufferPool pool;
  ReceiveBuffer buffer(pool);
  CHECK(buffer.capacity() == 0);
  buffer.Room();
  size_t usual = buffer.capacity();
  Put(buffer, "1234");
  buffer.ExpectFrame(100 << 20);
  buffer.Room();
  CHECK(buffer.capacity() == usual);
  std::string much(usual, 'x');
  Put(buffer, much);
  CHECK(buffer.capacity() <= 2 * usual);
  CHECK(Unread(buffer) == "1234" + much);
}

TEST_CASE("receive buffer: it gives its memory back only when all is consumed") {
  BufferPool pool;
  ReceiveBuffer buffer(pool);
  Put(buffer, "abc");
  buffer.Consume(2);
  buffer.ReleaseIfEmpty();
  CHECK(Unread(buffer) == "c");
  buffer.Consume(1);
  buffer.ReleaseIfEmpty();
  CHECK(buffer.capacity() == 0);
  Put(buffer, "d");
  CHECK(Unread(buffer) == "d");
}

TEST_CASE("receive buffer: the rest of a frame that fits makes no larger block") {
  BufferPool pool;
  ReceiveBuffer buffer(pool);
  buffer.Room();
  size_t usual = buffer.capacity();
  Put(buffer, std::string(usual - 10, 'a') + "0123456789");
  buffer.Consume(usual - 10);
  buffer.ExpectFrame(1000);
  Put(buffer, std::string(990, 'b'));
  CHECK(buffer.capacity() == usual);
  CHECK(Unread(buffer) == "0123456789" + std::string(990, 'b'));
}

TEST_CASE("receive buffer: no byte is lost or changed, however they come and go") {
  uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  BufferPool pool;
  ReceiveBuffer buffer(pool);
  std::string expected;
  for (int step = 0; step < 300; ++step) {
    std::string piece(random() % 60'000, static_cast<char>('a' + step % 26));
    Put(buffer, piece);
    expected += piece;
    REQUIRE(Unread(buffer) == expected);
    size_t count = random() % 4 == 0 ? expected.size() : random() % (expected.size() + 1);
    buffer.Consume(count);
    expected.erase(0, count);
    if (random() % 2 == 0) buffer.ExpectFrame(random() % 200'000);
    if (random() % 3 == 0) buffer.ReleaseIfEmpty();
  }
  CHECK(Unread(buffer) == expected);
}

TEST_CASE("buffer pool: blocks are large enough and come back") {
  BufferPool pool;
  for (size_t bytes : {size_t{1}, size_t{16 << 10}, size_t{(16 << 10) + 1}, size_t{5 << 20}}) {
    CHECK(pool.Take(bytes).size >= bytes);
  }
  BufferPool::Block block = pool.Take(100'000);
  std::byte* data = block.data.get();
  pool.Give(std::move(block));
  CHECK(pool.Take(100'000).data.get() == data);
}

}  // namespace
}  // namespace millrace::net
