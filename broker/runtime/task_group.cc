#include "broker/runtime/task_group.h"

#include <exception>
#include <utility>

#include "proto/invariant.h"

namespace millrace {

TaskGroup::~TaskGroup() { INVARIANT(running_ == 0); }

void TaskGroup::Spawn(awaitable<void> task) {
  ++running_;
  asio::co_spawn(shard_.context(), std::move(task), [this](std::exception_ptr failure) {
    INVARIANT(failure == nullptr);  // nothing of ours throws; what does is memory running out
    INVARIANT(running_ > 0);
    if (--running_ == 0) idle_.cancel();
  });
}

awaitable<void> TaskGroup::Join() {
  while (running_ > 0) {
    idle_.expires_at(asio::steady_timer::time_point::max());
    co_await idle_.async_wait(kAwait);
  }
}

}  // namespace millrace
