#include "broker/runtime/memory_budget.h"

#include <utility>

#include <catch2/catch.hpp>

namespace millrace {
namespace {

constexpr size_t kMiB = 1 << 20;

TEST_CASE("memory budget: growth leaves the last quarter to what is small") {
  MemoryBudget budget(8 * kMiB);
  ShardMemory memory(budget);
  CHECK(memory.TryCharge(5 * kMiB, MemoryUse::kGrowth));
  CHECK_FALSE(memory.TryCharge(2 * kMiB, MemoryUse::kGrowth));
  CHECK(memory.TryCharge(2 * kMiB, MemoryUse::kSmall));
  CHECK_FALSE(memory.TryCharge(2 * kMiB, MemoryUse::kSmall));
  CHECK(memory.is_short());
  CHECK_FALSE(memory.is_exhausted());
  memory.Charge(2 * kMiB);  // what must be, may go beyond
  CHECK(memory.is_exhausted());
  memory.Release(9 * kMiB);
  CHECK_FALSE(memory.is_short());
}

TEST_CASE("memory budget: what one shard holds is not there for the others") {
  MemoryBudget budget(8 * kMiB);
  ShardMemory one(budget), other(budget);
  CHECK(one.TryCharge(5 * kMiB, MemoryUse::kGrowth));
  CHECK_FALSE(other.TryCharge(2 * kMiB, MemoryUse::kGrowth));
  CHECK_FALSE(other.HasShared(2 * kMiB));
  one.Release(5 * kMiB);
  CHECK(other.TryCharge(2 * kMiB, MemoryUse::kGrowth));
}

TEST_CASE("memory budget: a shard takes in pieces, and gives back what it does not need") {
  MemoryBudget budget(8 * kMiB);
  {
    ShardMemory memory(budget);
    memory.Charge(1);
    int64_t piece = budget.used();
    CHECK(piece >= 1);
    for (int i = 0; i < 100; ++i) memory.Charge(100);
    CHECK(budget.used() == piece);
    memory.Charge(kMiB);
    CHECK(budget.used() >= static_cast<int64_t>(kMiB));
    CHECK(budget.used() <= static_cast<int64_t>(kMiB) + 2 * piece);
    memory.Release(kMiB + 100 * 100 + 1);
    CHECK(memory.held_bytes() == 0);
    CHECK(budget.used() <= 3 * piece);
  }
  CHECK(budget.used() == 0);
}

TEST_CASE("memory budget: a charge ends once, wherever it has been moved") {
  MemoryBudget budget(8 * kMiB);
  ShardMemory memory(budget);
  {
    MemoryCharge first(memory, 1000);
    MemoryCharge second(std::move(first));
    CHECK(memory.held_bytes() == 1000);
    MemoryCharge third;
    third = std::move(second);
    CHECK(memory.held_bytes() == 1000);
  }
  CHECK(memory.held_bytes() == 0);
}

TEST_CASE("memory budget: queued.max.request.bytes lowers what everybody shares, nothing else") {
  MemoryBudget budget(8 * kMiB, kMiB);
  ShardMemory memory(budget);
  CHECK_FALSE(memory.TryCharge(2 * kMiB, MemoryUse::kGrowth));
  CHECK(memory.TryCharge(2 * kMiB, MemoryUse::kSmall));
  CHECK(MemoryBudget(8 * kMiB, 100 * kMiB).shared_limit() == static_cast<int64_t>(6 * kMiB));
}

TEST_CASE("memory budget: the default is a part of the machine, and enough") {
  CHECK(MemoryBudget::DefaultBytes() >= MemoryBudget::kBytesMin);
}

}  // namespace
}  // namespace millrace
