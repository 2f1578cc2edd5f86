// How often logs were synced, how many bytes that covered, and how long it took. Any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace millrace::partition {

class FlushCounts {
 public:
  struct Totals {
    uint64_t flushes = 0;
    uint64_t bytes = 0;
    uint64_t wait_ns = 0;  // from when it was asked for, or the one before ended, to its end
  };

  void Add(int64_t bytes, int64_t wait_ns) {
    flushes_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(static_cast<uint64_t>(bytes), std::memory_order_relaxed);
    wait_ns_.fetch_add(static_cast<uint64_t>(wait_ns), std::memory_order_relaxed);
  }
  Totals totals() const {
    return {flushes_.load(std::memory_order_relaxed), bytes_.load(std::memory_order_relaxed),
            wait_ns_.load(std::memory_order_relaxed)};
  }

 private:
  std::atomic<uint64_t> flushes_ = 0;
  std::atomic<uint64_t> bytes_ = 0;
  std::atomic<uint64_t> wait_ns_ = 0;
};

}  // namespace millrace::partition
