#include "broker/runtime/memory_budget.h"

#include <algorithm>
#include <fstream>
#include <malloc.h>
#include <unistd.h>

#include "proto/invariant.h"

namespace millrace {

namespace {

// The limit of the process's control group; none when there is no such file, or "max" in it.
size_t ControlGroupBytes() {
  size_t bytes = 0;
  std::ifstream second("/sys/fs/cgroup/memory.max");
  if (second >> bytes && bytes > 0) return bytes;
  std::ifstream first("/sys/fs/cgroup/memory/memory.limit_in_bytes");
  if (first >> bytes && bytes > 0) return bytes;
  return SIZE_MAX;
}

}  // namespace

MemoryBudget::MemoryBudget(size_t bytes, size_t shared_bytes)
    : limit_(static_cast<int64_t>(std::min<size_t>(bytes, INT64_MAX))),
      shared_limit_(std::min(limit_ / 4 * 3,
                             static_cast<int64_t>(std::min<size_t>(shared_bytes, INT64_MAX)))) {}

size_t MemoryBudget::DefaultBytes() {
  size_t machine = static_cast<size_t>(std::max(::sysconf(_SC_PHYS_PAGES), 0L)) *
                   static_cast<size_t>(std::max(::sysconf(_SC_PAGESIZE), 0L));
  return std::max(std::min(machine, ControlGroupBytes()) / 4, kBytesMin);
}

// One piece ahead of what is held, whichever way that moved.
void ShardMemory::Adjust() {
  INVARIANT(held_ >= 0);
  int64_t wanted = (held_ / kPieceBytes + 1) * kPieceBytes;
  budget_.Add(wanted - taken_);
  taken_ = wanted;
}

bool ShardMemory::TryCharge(size_t bytes, MemoryUse use) {
  int64_t limit = use == MemoryUse::kGrowth ? budget_.shared_limit() : budget_.limit();
  int64_t used = budget_.used() - (taken_ - held_);
  if (static_cast<int64_t>(bytes) > limit - used) return false;
  Charge(bytes);
  return true;
}

void ReturnFreeMemory() { ::malloc_trim(0); }

}  // namespace millrace
