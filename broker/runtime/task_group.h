// The coroutines that belong to one owner, so that the owner can wait for their end.
//
// Threading: one shard. Lifetime: the group must outlive its tasks; Join before destroying it.
#pragma once

#include <cstddef>

#include "broker/runtime/async.h"
#include "broker/runtime/shard.h"

namespace millrace {

class TaskGroup {
 public:
  explicit TaskGroup(Shard& shard) : shard_(shard), idle_(shard.context()) {}
  ~TaskGroup();

  // Starts a task on the group's shard; it begins on a later turn of the loop.
  void Spawn(awaitable<void> task);
  // Until no task is left.
  awaitable<void> Join();
  size_t size() const { return running_; }

 private:
  Shard& shard_;
  size_t running_ = 0;
  asio::steady_timer idle_;
};

// A condition that coroutines of one shard wait for. Notify wakes everybody who waits now.
class Signal {
 public:
  explicit Signal(Shard& shard) : timer_(shard.context()) {
    timer_.expires_at(asio::steady_timer::time_point::max());
  }
  awaitable<void> Wait() { co_await timer_.async_wait(kAwait); }
  void Notify() { timer_.cancel(); }

 private:
  asio::steady_timer timer_;
};

}  // namespace millrace
