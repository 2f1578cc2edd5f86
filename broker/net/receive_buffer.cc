#include "broker/net/receive_buffer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace millrace::net {

size_t BufferPool::ClassOf(size_t bytes) {
  size_t units = (std::max(bytes, kSmallestBytes) + kSmallestBytes - 1) / kSmallestBytes;
  return static_cast<size_t>(std::bit_width(units - 1));
}

BufferPool::Block BufferPool::Take(size_t bytes) {
  size_t size_class = ClassOf(bytes);
  if (size_class < kClasses && !free_[size_class].empty()) {
    Block block = std::move(free_[size_class].back());
    free_[size_class].pop_back();
    return block;
  }
  size_t size = kSmallestBytes << size_class;
  return {std::make_unique_for_overwrite<std::byte[]>(size), size};
}

void BufferPool::Give(Block block) {
  size_t size_class = ClassOf(block.size);
  if (size_class >= kClasses) return;
  if ((free_[size_class].size() + 1) * block.size > kKeptBytesMax) return;
  free_[size_class].push_back(std::move(block));
}

void ReceiveBuffer::Release() {
  if (block_.data != nullptr) pool_.Give(std::exchange(block_, {}));
  begin_ = end_ = 0;
}

void ReceiveBuffer::ReleaseIfEmpty() {
  if (begin_ == end_) Release();
}

void ReceiveBuffer::Consume(size_t count) {
  begin_ += count;
  frame_bytes_ = 0;
  if (begin_ == end_) begin_ = end_ = 0;
}

void ReceiveBuffer::Replace(size_t bytes) {
  BufferPool::Block larger = pool_.Take(bytes);
  size_t left = end_ - begin_;
  if (left > 0) std::memcpy(larger.data.get(), block_.data.get() + begin_, left);
  if (block_.data != nullptr) pool_.Give(std::move(block_));
  block_ = std::move(larger);
  begin_ = 0;
  end_ = left;
}

std::span<std::byte> ReceiveBuffer::Room() {
  if (block_.data == nullptr) Replace(kUsualBytes);
  // The rest of the frame must fit behind what is there; a move is cheaper than a second read.
  if (begin_ > 0 && begin_ + frame_bytes_ > block_.size) {
    std::memmove(block_.data.get(), block_.data.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == block_.size) Replace(std::max(block_.size * 2, kUsualBytes));
  return {block_.data.get() + end_, block_.size - end_};
}

}  // namespace millrace::net
