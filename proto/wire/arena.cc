#include "proto/wire/arena.h"

#include <algorithm>

namespace millrace::wire {

// operator new[] aligns for every fundamental type, and no wire struct asks for more.
void* Arena::AllocateChunk(size_t bytes) {
  size_t size = std::max(kChunkBytes, bytes);
  chunks_.push_back({std::make_unique_for_overwrite<std::byte[]>(size), size});
  allocated_bytes_ += size;
  uintptr_t start = reinterpret_cast<uintptr_t>(chunks_.back().data.get());
  if (size - bytes >= end_ - next_) {
    next_ = start + bytes;
    end_ = start + size;
  }
  return reinterpret_cast<void*>(start);
}

void Arena::Reset() {
  while (chunks_.size() > 1 || (chunks_.size() == 1 && chunks_[0].size > kChunkBytes)) {
    allocated_bytes_ -= chunks_.back().size;
    chunks_.pop_back();
  }
  next_ = end_ = 0;
  if (chunks_.empty()) return;
  next_ = reinterpret_cast<uintptr_t>(chunks_[0].data.get());
  end_ = next_ + chunks_[0].size;
}

}  // namespace millrace::wire
