// A growable run of bytes for encoded messages. Growing does not clear the new bytes.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace millrace::wire {

class ByteBuffer {
 public:
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  size_t capacity() const { return capacity_; }
  std::byte* data() { return data_.get(); }
  const std::byte* data() const { return data_.get(); }
  std::span<const std::byte> bytes() const { return {data_.get(), size_}; }

  // Room for `count` more bytes at the end; they count as written.
  std::byte* Extend(size_t count) {
    if (capacity_ - size_ < count) Grow(count);
    std::byte* at = data_.get() + size_;
    size_ += count;
    return at;
  }
  void Append(std::span<const std::byte> bytes) {
    if (!bytes.empty()) std::memcpy(Extend(bytes.size()), bytes.data(), bytes.size());
  }
  // Room for `count` bytes before the byte at `position`; what stands there moves back.
  std::byte* Insert(size_t position, size_t count) {
    const size_t behind = size_ - position;
    Extend(count);
    std::byte* at = data_.get() + position;
    if (behind > 0) std::memmove(at + count, at, behind);
    return at;
  }
  void Erase(size_t position, size_t count) {
    size_ -= count;
    std::byte* at = data_.get() + position;
    if (size_ > position) std::memmove(at, at + count, size_ - position);
  }
  // Keeps the memory.
  void Clear() { size_ = 0; }
  void Shrink(size_t size) { size_ = size; }
  // Forgets the first `count` bytes; the others move to the front.
  void DropFront(size_t count) {
    size_ -= count;
    if (size_ > 0) std::memmove(data_.get(), data_.get() + count, size_);
  }

 private:
  // Apart, so that Extend is small enough to become part of its callers.
  [[gnu::noinline]] void Grow(size_t count) {
    size_t capacity = capacity_ == 0 ? 256 : capacity_ * 2;
    while (capacity < size_ + count) capacity *= 2;
    auto data = std::make_unique_for_overwrite<std::byte[]>(capacity);
    if (size_ > 0) std::memcpy(data.get(), data_.get(), size_);
    data_ = std::move(data);
    capacity_ = capacity;
  }

  std::unique_ptr<std::byte[]> data_;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace millrace::wire
