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

BufferPool::Block BufferPool::Take(size_t bytes, MemoryUse use) {
  size_t size_class = ClassOf(bytes);
  if (size_class < kClasses && !free_[size_class].empty()) {
    Block block = std::move(free_[size_class].back());
    free_[size_class].pop_back();
    return block;
  }
  size_t size = size_class < kClasses ? kSmallestBytes << size_class : bytes;
  if (!memory_.TryCharge(size, use)) return {};
  return {std::make_unique_for_overwrite<std::byte[]>(size), size};
}

BufferPool::Block BufferPool::TakeExact(size_t bytes) {
  memory_.Charge(bytes);
  return {std::make_unique_for_overwrite<std::byte[]>(bytes), bytes};
}

void BufferPool::Give(Block block) {
  size_t size_class = ClassOf(block.size);
  bool is_pooled = size_class < kClasses && block.size == kSmallestBytes << size_class &&
                   (free_[size_class].size() + 1) * block.size <= kKeptBytesMax;
  if (!is_pooled) return Free(std::move(block));
  free_[size_class].push_back(std::move(block));
}

void BufferPool::Free(Block block) {
  block.data.reset();
  memory_.Release(block.size);
}

bool BufferPool::HasFree(size_t bytes) const {
  const size_t size_class = ClassOf(bytes);
  return size_class < kClasses && !free_[size_class].empty();
}

void BufferPool::Trim(size_t usual_blocks) {
  for (size_t i = 0; i < kClasses; ++i) {
    size_t kept = i == ClassOf(kUsualBytes) ? usual_blocks : 0;
    while (free_[i].size() > kept) {
      Free(std::move(free_[i].back()));
      free_[i].pop_back();
    }
  }
}

void ReceiveBuffer::Release() {
  if (block_.data != nullptr) pool_.Give(std::exchange(block_, {}));
  begin_ = end_ = 0;
}

void ReceiveBuffer::Settle() {
  size_t left = end_ - begin_;
  if (left == 0) return Release();
  if (left <= kFewBytes && block_.size > BufferPool::kSmallestBytes) {
    MoveTo(pool_.TakeExact(left));
  }
}

void ReceiveBuffer::LeaveLarge() {
  if (!is_large() || end_ - begin_ > BufferPool::kUsualBytes) return;
  auto usual = pool_.Take(BufferPool::kUsualBytes, MemoryUse::kSmall);
  if (usual.data != nullptr) MoveTo(std::move(usual));
}

void ReceiveBuffer::Compact() {
  size_t left = end_ - begin_;
  if (left == 0) return Release();
  if (left <= block_.size / 2) MoveTo(pool_.TakeExact(left));
}

void ReceiveBuffer::Consume(size_t count) {
  begin_ += count;
  frame_bytes_ = 0;
  if (begin_ == end_) begin_ = end_ = 0;
}

void ReceiveBuffer::MoveTo(BufferPool::Block block) {
  size_t left = end_ - begin_;
  if (left > 0) std::memcpy(block.data.get(), block_.data.get() + begin_, left);
  if (block_.data != nullptr) pool_.Give(std::move(block_));
  block_ = std::move(block);
  begin_ = 0;
  end_ = left;
}

// A large frame gets an ever larger part of what it needs, half of it before the last; beyond the
// usual size all of it, if such a block is there.
size_t ReceiveBuffer::wanted_bytes() const {
  size_t wanted = frame_bytes_ > block_.size ? frame_bytes_ : block_.size * 2;
  while (wanted / 2 > block_.size) wanted /= 2;
  wanted = std::max(wanted, pool_.first_bytes());
  if (wanted > BufferPool::kUsualBytes && frame_bytes_ > wanted && pool_.HasFree(frame_bytes_)) {
    return frame_bytes_;
  }
  return wanted;
}

bool ReceiveBuffer::WantsLarge() const {
  const size_t left = end_ - begin_;
  return !is_large() && left == block_.size && wanted_bytes() > BufferPool::kUsualBytes;
}

std::span<std::byte> ReceiveBuffer::Room() {
  // The rest of the frame must fit behind what is there; a move is cheaper than a second read.
  if (begin_ > 0 && (end_ == block_.size || begin_ + frame_bytes_ > block_.size)) {
    std::memmove(block_.data.get(), block_.data.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == block_.size) {
    // Large frames leave the budget's last part to the others, from when it is known that they are.
    size_t wanted = wanted_bytes();
    bool is_small = std::max(wanted, frame_bytes_) <= BufferPool::kUsualBytes;
    auto larger = pool_.Take(wanted, is_small ? MemoryUse::kSmall : MemoryUse::kGrowth);
    if (larger.data == nullptr) return {};
    MoveTo(std::move(larger));
  }
  size_t room = block_.size - end_;
  if (frame_bytes_ > BufferPool::kUsualBytes || (is_large() && frame_bytes_ > 0)) {
    room = std::min(room, frame_bytes_ - (end_ - begin_));
  }
  return {block_.data.get() + end_, room};
}

}  // namespace millrace::net
