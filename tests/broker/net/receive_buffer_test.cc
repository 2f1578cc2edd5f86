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
  MemoryBudget budget(SIZE_MAX);
  ShardMemory memory(budget);
  BufferPool pool(memory);
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

TEST_CASE(
    "receive buffer: a free block of a large frame's size is taken at once, and not overfilled") {
  MemoryBudget budget(SIZE_MAX);
  ShardMemory memory(budget);
  BufferPool pool(memory);
  pool.Give(pool.Take(1'000'000, MemoryUse::kGrowth));
  ReceiveBuffer buffer(pool);
  Put(buffer, "1234");
  buffer.ExpectFrame(1'000'000);
  CHECK_FALSE(buffer.WantsLarge());
  const std::string most(BufferPool::kUsualBytes - 4, 'x');
  Put(buffer, most);
  CHECK(buffer.WantsLarge());
  CHECK_FALSE(buffer.is_large());
  CHECK(buffer.Room().size() == 1'000'000 - BufferPool::kUsualBytes);
  CHECK(buffer.capacity() >= 1'000'000);
  CHECK(buffer.is_large());
  CHECK_FALSE(buffer.WantsLarge());
  CHECK(Unread(buffer) == "1234" + most);
}

TEST_CASE("receive buffer: a few bytes of a large frame want no large block") {
  MemoryBudget budget(SIZE_MAX);
  ShardMemory memory(budget);
  BufferPool pool(memory);
  pool.Give(pool.Take(1'000'000, MemoryUse::kGrowth));
  ReceiveBuffer buffer(pool);
  Put(buffer, std::string(1000, 'x'));
  buffer.ExpectFrame(1'000'000);
  buffer.Settle();
  CHECK(buffer.capacity() == 1000);
  CHECK_FALSE(buffer.WantsLarge());
  buffer.Room();
  CHECK(buffer.capacity() == BufferPool::kUsualBytes);
}

TEST_CASE(
    "receive buffer: what is left in a large block moves to a usual one that has room for it") {
  MemoryBudget budget(SIZE_MAX);
  ShardMemory memory(budget);
  BufferPool pool(memory);
  ReceiveBuffer buffer(pool);
  const size_t left = GENERATE(as<size_t>(), 10'000, 400'000);
  Put(buffer, std::string(600'000, 'x'));
  buffer.Consume(600'000 - left);
  REQUIRE(buffer.is_large());
  buffer.LeaveLarge();
  CHECK(buffer.is_large() == (left > BufferPool::kUsualBytes));
  CHECK(Unread(buffer) == std::string(left, 'x'));
}

TEST_CASE("receive buffer: it gives its memory back only when all is consumed") {
  MemoryBudget budget(SIZE_MAX);
  ShardMemory memory(budget);
  BufferPool pool(memory);
  ReceiveBuffer buffer(pool);
  Put(buffer, "abc");
  buffer.Consume(2);
  buffer.Settle();
  CHECK(Unread(buffer) == "c");
  buffer.Consume(1);
  buffer.Settle();
  CHECK(buffer.capacity() == 0);
  Put(buffer, "d");
  CHECK(Unread(buffer) == "d");
}

TEST_CASE("receive buffer: the rest of a frame that fits makes no larger block") {
  MemoryBudget budget(SIZE_MAX);
  ShardMemory memory(budget);
  BufferPool pool(memory);
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
  MemoryBudget budget(SIZE_MAX);
  ShardMemory memory(budget);
  BufferPool pool(memory);
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
    if (random() % 3 == 0) buffer.Settle();
  }
  CHECK(Unread(buffer) == expected);
}

TEST_CASE("buffer pool: blocks are large enough and come back") {
  MemoryBudget budget(SIZE_MAX);
  ShardMemory memory(budget);
  BufferPool pool(memory);
  for (size_t bytes : {size_t{1}, size_t{16 << 10}, size_t{(16 << 10) + 1}, size_t{5 << 20}}) {
    CHECK(pool.Take(bytes, MemoryUse::kSmall).size >= bytes);
  }
  BufferPool::Block block = pool.Take(100'000, MemoryUse::kSmall);
  std::byte* data = block.data.get();
  pool.Give(std::move(block));
  CHECK(pool.Take(100'000, MemoryUse::kSmall).data.get() == data);
}

TEST_CASE("receive buffer: a few bytes that wait for more take little memory, and are not lost") {
  MemoryBudget budget(SIZE_MAX);
  ShardMemory memory(budget);
  BufferPool pool(memory);
  ReceiveBuffer buffer(pool);
  Put(buffer, "consumed1234");
  buffer.Consume(8);
  buffer.Settle();
  CHECK(Unread(buffer) == "1234");
  CHECK(buffer.capacity() == 4);
  Put(buffer, "5");
  CHECK(Unread(buffer) == "12345");
  buffer.Settle();
  pool.Trim(0);
  CHECK(memory.held_bytes() == 5);
}

TEST_CASE("receive buffer: when the budget is used up there is no room, and later there is") {
  MemoryBudget budget(2 << 20);
  ShardMemory memory(budget);
  BufferPool pool(memory);
  ReceiveBuffer first(pool), second(pool);
  Put(first, std::string(256 << 10, 'a'));
  memory.Charge(1790 << 10);
  CHECK(first.Room().empty());
  CHECK(second.Room().empty());
  CHECK(Unread(first).size() == 256 << 10);
  memory.Release(300 << 10);
  CHECK_FALSE(second.Room().empty());
  memory.Release(1400 << 10);
  CHECK_FALSE(first.Room().empty());
  CHECK(Unread(first).size() == 256 << 10);
}

TEST_CASE("receive buffer: while memory is short, a large frame gets none of the last quarter") {
  MemoryBudget budget(4 << 20);
  ShardMemory memory(budget);
  BufferPool pool(memory);
  memory.Charge((3 << 20) + 1);
  ReceiveBuffer small(pool), large(pool);
  CHECK(small.Room().size() == BufferPool::kSmallestBytes);
  Put(small, std::string(BufferPool::kSmallestBytes, 's'));
  small.ExpectFrame(100'000);
  Put(small, std::string(100'000 - BufferPool::kSmallestBytes, 's'));
  pool.Trim(0);
  Put(large, std::string(BufferPool::kSmallestBytes, 'l'));
  large.ExpectFrame(1 << 20);
  CHECK(large.Room().empty());
  memory.Release(2 << 20);
  CHECK_FALSE(large.Room().empty());
}

TEST_CASE("receive buffer: all that it and its pool take is charged, and given back") {
  MemoryBudget budget(SIZE_MAX);
  ShardMemory memory(budget);
  {
    BufferPool pool(memory);
    ReceiveBuffer large(pool), usual(pool);
    large.ExpectFrame(5 << 20);
    Put(large, std::string(5 << 20, 'a'));
    CHECK(large.capacity() == 5 << 20);
    Put(usual, "b");
    CHECK(memory.held_bytes() >= (5 << 20) + (256 << 10));
    large.Consume(5 << 20);
    large.Settle();
    usual.Compact();
    pool.Trim(1);
    CHECK(memory.held_bytes() == (256 << 10) + 1);
  }
  CHECK(memory.held_bytes() == 0);
}

}  // namespace
}  // namespace millrace::net
