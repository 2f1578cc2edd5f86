// A bump allocator for the arrays of one request: everything in it goes away at once.
//
// Threading: one thread at a time. Objects in it are never destroyed, so only trivially
// destructible types may live there. Memory is taken in chunks; Reset keeps the first one, so that
// a request of ordinary size allocates nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

namespace millrace::wire {

// A view of `size()` elements that live in an arena (or elsewhere, longer than the view).
template <class T>
class Array {
 public:
  constexpr Array() = default;
  constexpr Array(T* data, size_t size) : data_(data), size_(size) {}

  constexpr size_t size() const { return size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr T* begin() const { return data_; }
  constexpr T* end() const { return data_ + size_; }
  constexpr T& operator[](size_t i) const { return data_[i]; }
  // Forgets the elements from `size` on; `size` must not be larger than size().
  constexpr void Shrink(size_t size) { size_ = size; }

 private:
  T* data_ = nullptr;
  size_t size_ = 0;
};

class Arena {
 public:
  // Far more than any honest request needs: 16 bytes of array can stand for one byte of a frame.
  static constexpr size_t kBytesMax = size_t{64} << 20;

  // `bytes_max` is for those who fill the arena with what others send: they ask Allows() first.
  explicit Arena(size_t bytes_max = kBytesMax) : bytes_max_(bytes_max) {}
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `count` value-initialised elements.
  template <class T>
  Array<T> NewArray(size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    if (count == 0) return {};
    T* data = static_cast<T*>(Allocate(count * sizeof(T), alignof(T)));
    std::uninitialized_value_construct_n(data, count);
    return {data, count};
  }

  // A copy of the text that lives as long as the arena's content.
  std::string_view Copy(std::string_view text) {
    if (text.empty()) return {};
    char* data = static_cast<char*>(Allocate(text.size(), 1));
    std::memcpy(data, text.data(), text.size());
    return {data, text.size()};
  }

  void* Allocate(size_t bytes, size_t alignment) {
    uintptr_t start = (next_ + alignment - 1) & ~(uintptr_t{alignment} - 1);
    if (start + bytes > end_) return AllocateChunk(bytes);
    next_ = start + bytes;
    return reinterpret_cast<void*>(start);
  }

  bool Allows(size_t bytes) const {
    return bytes <= bytes_max_ && allocated_bytes_ <= bytes_max_ - bytes;
  }
  // Everything allocated so far is gone.
  void Reset();
  size_t allocated_bytes() const { return allocated_bytes_; }

 private:
  static constexpr size_t kChunkBytes = 4096;

  struct Chunk {
    std::unique_ptr<std::byte[]> data;
    size_t size;
  };

  void* AllocateChunk(size_t bytes);

  std::vector<Chunk> chunks_;
  uintptr_t next_ = 0;
  uintptr_t end_ = 0;
  size_t bytes_max_;
  size_t allocated_bytes_ = 0;
};

}  // namespace millrace::wire
