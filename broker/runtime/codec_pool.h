// Threads for compressing, decompressing and converting, which would hold up a shard.
//
// What a job may take decompressed is charged to the memory budget while it runs, and never counts
// more than half of it for all threads together: a small budget has fewer threads.
//
// Threading: Run on any shard. Lifetime: as a DiskPool; the budget outlives it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include <absl/functional/any_invocable.h>

#include "broker/runtime/disk_pool.h"
#include "broker/runtime/memory_budget.h"

namespace millrace {

class CodecPool {
 public:
  CodecPool(size_t threads_max, MemoryBudget& budget);

  // What the records of one batch may take decompressed.
  size_t bytes_max() const { return bytes_max_; }
  const MemoryBudget& budget() const { return budget_; }
  // Runs `work`, which takes bytes_max() for what is decompressed, as much again while that grows
  // or for what is made of it, and `more_bytes`.
  awaitable<void> Run(size_t more_bytes, absl::AnyInvocable<void()> work);

 private:
  static constexpr int64_t kBytesMax = int64_t{64} << 20;

  MemoryBudget& budget_;
  int64_t threads_;
  size_t bytes_max_;
  DiskPool pool_;
};

}  // namespace millrace
