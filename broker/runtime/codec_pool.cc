#include "broker/runtime/codec_pool.h"

#include <utility>

namespace millrace {

CodecPool::CodecPool(size_t threads_max, MemoryBudget& budget)
    : budget_(budget),
      threads_(std::clamp(budget.limit() / kBytesMax, int64_t{1},
                          static_cast<int64_t>(std::max<size_t>(threads_max, 1)))),
      bytes_max_(static_cast<size_t>(std::min(kBytesMax, budget.limit() / 4 / threads_))),
      pool_(static_cast<size_t>(threads_)) {}

awaitable<void> CodecPool::Run(size_t more_bytes, absl::AnyInvocable<void()> work) {
  auto charged = [this, bytes = static_cast<int64_t>(2 * bytes_max_ + more_bytes),
                  work = std::move(work)]() mutable {
    budget_.Add(bytes);
    work();
    budget_.Add(-bytes);
    return absl::OkStatus();
  };
  static_cast<void>(co_await pool_.Run(std::move(charged)));
}

}  // namespace millrace
