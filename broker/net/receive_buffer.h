// Where a connection's bytes arrive: contiguous memory from a pool with size classes.
//
// Threading: one shard. A pool must outlive its buffers. Memory is taken as bytes arrive, never
// because a frame announces that it will be large, and all of it is charged to the shard's memory.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "broker/runtime/memory_budget.h"

namespace millrace::net {

// Free blocks of one shard, of 16 KiB times a power of two; blocks beyond the largest class, and
// tiny ones, are of the size that was asked for and not kept. The block that was given back last is
// given out first, for it is still in the processor's cache.
class BufferPool {
 public:
  struct Block {
    std::unique_ptr<std::byte[]> data;
    size_t size = 0;
  };

  static constexpr size_t kSmallestBytes = 16 << 10;
  static constexpr size_t kUsualBytes = 256 << 10;  // what a connection receives into

  explicit BufferPool(ShardMemory& memory) : memory_(memory) {}
  ~BufferPool() { Trim(0); }

  // Without data: there is no room for such a use in the budget.
  Block Take(size_t bytes, MemoryUse use);
  // A block of exactly that size, whatever the budget says: for what takes the place of a larger
  // one.
  Block TakeExact(size_t bytes);
  void Give(Block block);
  // Whether a block for so many bytes is there already.
  bool HasFree(size_t bytes) const;
  // Frees what is not in use, but for so many blocks of the usual size.
  void Trim(size_t usual_blocks);
  ShardMemory& memory() { return memory_; }
  // What a connection without a block begins with: little while memory is short.
  size_t first_bytes() const { return memory_.is_short() ? kSmallestBytes : kUsualBytes; }

 private:
  static constexpr size_t kClasses = 8;             // 16 KiB ... 2 MiB
  static constexpr size_t kKeptBytesMax = 8 << 20;  // per class

  static size_t ClassOf(size_t bytes);
  void Free(Block block);

  ShardMemory& memory_;
  std::array<std::vector<Block>, kClasses> free_;
};

class ReceiveBuffer {
 public:
  explicit ReceiveBuffer(BufferPool& pool) : pool_(pool) {}
  ~ReceiveBuffer() { Release(); }
  ReceiveBuffer(const ReceiveBuffer&) = delete;
  ReceiveBuffer& operator=(const ReceiveBuffer&) = delete;

  // Free space to receive into. Takes a block, moves what is left to the front, or takes a larger
  // block, as needed. Never beyond the end of a large frame that has begun to come: with it the
  // block is free. Empty: there is no memory for that at present.
  std::span<std::byte> Room();
  void Received(size_t count) { end_ += count; }
  // What has arrived and was not consumed.
  std::span<std::byte> unread() { return {block_.data.get() + begin_, end_ - begin_}; }
  void Consume(size_t count);
  // The size of the frame whose first bytes are in unread(), so that Room is of the right class.
  void ExpectFrame(size_t bytes) { frame_bytes_ = bytes; }
  // Before a wait for the peer: gives the block back if nothing is unread, and moves a few bytes
  // out of a large one.
  void Settle();
  // Moves what is unread out of a large block, where a usual one has room for it.
  void LeaveLarge();
  // Moves what is unread into a block of its size, where that saves half.
  void Compact();
  // Forgets what is unread.
  void Discard() { Release(); }
  size_t capacity() const { return block_.size; }
  // The block that Room asks for next.
  size_t wanted_bytes() const;
  // Whether it would be the first that is larger than usual.
  bool WantsLarge() const;
  bool is_large() const { return block_.size > BufferPool::kUsualBytes; }

 private:
  // What is cheaper to move than to keep a block for.
  static constexpr size_t kFewBytes = 4 << 10;

  void Release();
  void MoveTo(BufferPool::Block block);

  BufferPool& pool_;
  BufferPool::Block block_;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t frame_bytes_ = 0;
};

}  // namespace millrace::net
