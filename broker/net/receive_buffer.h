// Where a connection's bytes arrive: contiguous memory from a pool with size classes.
//
// Threading: one shard. A pool must outlive its buffers. Memory is taken as bytes arrive, never
// because a frame announces that it will be large.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace millrace::net {

// Free blocks of one shard, of 16 KiB times a power of two. The block that was given back last is
// given out first, for it is still in the processor's cache.
class BufferPool {
 public:
  struct Block {
    std::unique_ptr<std::byte[]> data;
    size_t size = 0;
  };

  static constexpr size_t kSmallestBytes = 16 << 10;

  Block Take(size_t bytes);
  void Give(Block block);

 private:
  static constexpr size_t kClasses = 8;             // 16 KiB ... 2 MiB; larger blocks are not kept
  static constexpr size_t kKeptBytesMax = 8 << 20;  // per class

  static size_t ClassOf(size_t bytes);

  std::array<std::vector<Block>, kClasses> free_;
};

class ReceiveBuffer {
 public:
  explicit ReceiveBuffer(BufferPool& pool) : pool_(pool) {}
  ~ReceiveBuffer() { Release(); }
  ReceiveBuffer(const ReceiveBuffer&) = delete;
  ReceiveBuffer& operator=(const ReceiveBuffer&) = delete;

  // Free space to receive into, never empty. Takes a block, moves what is left to the front, or
  // takes a larger block, as needed.
  std::span<std::byte> Room();
  void Received(size_t count) { end_ += count; }
  // What has arrived and was not consumed.
  std::span<std::byte> unread() { return {block_.data.get() + begin_, end_ - begin_}; }
  void Consume(size_t count);
  // The size of the frame whose first bytes are in unread(), so that Room is of the right class.
  void ExpectFrame(size_t bytes) { frame_bytes_ = bytes; }
  // Gives the block back if nothing is unread.
  void ReleaseIfEmpty();
  size_t capacity() const { return block_.size; }

 private:
  static constexpr size_t kUsualBytes = 256 << 10;

  void Release();
  void Replace(size_t bytes);

  BufferPool& pool_;
  BufferPool::Block block_;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t frame_bytes_ = 0;
};

}  // namespace millrace::net
