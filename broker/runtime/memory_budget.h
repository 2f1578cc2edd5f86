// What the process may hold of what clients send it and of what waits to be sent to them: receive
// blocks, frames that are not whole, answers, requests that wait. One number for all shards, which
// each shard takes from in pieces, so that a request costs no atomic operation.
//
//   ShardMemory memory(budget);                  // one a shard
//   if (!memory.TryCharge(size, MemoryUse::kGrowth)) ...wait, see net/memory_relief.h...
//   MemoryCharge held(memory, bytes);            // until it goes
//
// The first three quarters are for everybody; the last one is for what is small, so that clients
// with small requests are served while those with large ones wait for memory.
//
// Threading: MemoryBudget any thread; ShardMemory and MemoryCharge on their shard. A budget
// outlives the shards' memories, and these outlive their charges.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace millrace {

class MemoryBudget {
 public:
  static constexpr size_t kBytesMin = size_t{64} << 20;

  // `shared_bytes`: where the part for everybody ends, three quarters at most.
  explicit MemoryBudget(size_t bytes, size_t shared_bytes = SIZE_MAX);
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  int64_t limit() const { return limit_; }
  int64_t shared_limit() const { return shared_limit_; }
  // With what shards have taken in advance.
  int64_t used() const { return used_.load(std::memory_order_relaxed); }
  // Of the part for everybody; negative: it is exceeded.
  int64_t shared_left() const { return shared_limit_ - used(); }
  void Add(int64_t bytes) { used_.fetch_add(bytes, std::memory_order_relaxed); }

  // A quarter of what this machine, or the control group that the process runs in, has.
  static size_t DefaultBytes();

 private:
  int64_t limit_;
  int64_t shared_limit_;
  std::atomic<int64_t> used_ = 0;
};

enum class MemoryUse { kSmall, kGrowth };

class ShardMemory {
 public:
  explicit ShardMemory(MemoryBudget& budget) : budget_(budget) {}
  ~ShardMemory() { budget_.Add(-taken_); }
  ShardMemory(const ShardMemory&) = delete;
  ShardMemory& operator=(const ShardMemory&) = delete;

  // For what is there already, or must be.
  void Charge(size_t bytes) {
    held_ += static_cast<int64_t>(bytes);
    if (held_ > taken_) Adjust();
  }
  void Release(size_t bytes) {
    held_ -= static_cast<int64_t>(bytes);
    if (taken_ - held_ > 2 * kPieceBytes) Adjust();
  }
  // False: it would be more than such a use may take; nothing is charged.
  bool TryCharge(size_t bytes, MemoryUse use);
  // Whether there would be room for so much more within the part for everybody.
  bool HasShared(size_t bytes) const {
    return budget_.used() - (taken_ - held_) + static_cast<int64_t>(bytes) <=
           budget_.shared_limit();
  }
  // The part for everybody is used up: who holds much waits.
  bool is_short() const { return budget_.used() > budget_.shared_limit(); }
  // So is the rest: who holds anything waits.
  bool is_exhausted() const { return budget_.used() > budget_.limit(); }

  int64_t held_bytes() const { return held_; }
  const MemoryBudget& budget() const { return budget_; }

 private:
  static constexpr int64_t kPieceBytes = 64 << 10;

  void Adjust();

  MemoryBudget& budget_;
  int64_t held_ = 0;   // what is charged here
  int64_t taken_ = 0;  // what is taken from the budget: a little more
};

class MemoryCharge {
 public:
  MemoryCharge() = default;
  MemoryCharge(ShardMemory& memory, size_t bytes) : memory_(&memory), bytes_(bytes) {
    memory.Charge(bytes);
  }
  MemoryCharge(MemoryCharge&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  MemoryCharge& operator=(MemoryCharge&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MemoryCharge() {
    if (memory_ != nullptr) memory_->Release(bytes_);
  }
  size_t bytes() const { return bytes_; }

 private:
  ShardMemory* memory_ = nullptr;
  size_t bytes_ = 0;
};

// Gives freed memory that the allocator keeps back to the machine. Takes milliseconds.
void ReturnFreeMemory();

}  // namespace millrace
