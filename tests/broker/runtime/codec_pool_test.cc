#include "broker/runtime/codec_pool.h"

#include <memory>

#include <catch2/catch.hpp>

#include "broker/runtime/run_and_wait.h"

namespace millrace {
namespace {

constexpr size_t kMiB = size_t{1} << 20;

TEST_CASE("codec pool: all threads together take no more than half of the budget") {
  for (size_t budget_mib : {64, 100, 128, 1000, 1024, 100'000}) {
    for (size_t threads : {1, 2, 16}) {
      MemoryBudget budget(budget_mib * kMiB);
      CodecPool pool(threads, budget);
      CAPTURE(budget_mib, threads);
      CHECK(pool.bytes_max() <= 64 * kMiB);
      CHECK(pool.bytes_max() >= 12 * kMiB);
      const size_t running = std::min(threads, budget_mib / 64);
      CHECK(2 * pool.bytes_max() * running <= budget_mib * kMiB / 2);
    }
  }
}

TEST_CASE("codec pool: what a job takes is charged while it runs") {
  MemoryBudget budget(64 * kMiB);
  ShardSet shards(1);
  auto pool = std::make_unique<CodecPool>(1, budget);
  shards.Start();
  int64_t used = 0;
  auto run = [&]() -> awaitable<int> {
    co_await pool->Run(1000, [&] { used = budget.used(); });
    co_return 0;
  };
  RunAndWait(shards[0], run());
  CHECK(used == static_cast<int64_t>(2 * pool->bytes_max() + 1000));
  pool.reset();
  shards.Stop();
  CHECK(budget.used() == 0);
}

}  // namespace
}  // namespace millrace
