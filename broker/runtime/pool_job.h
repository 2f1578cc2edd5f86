// What pools of threads have in common: work that runs on one of them, and whose status comes back
// to the shard that asked. Any thread.
#pragma once

#include <utility>

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>

#include "broker/runtime/async.h"
#include "broker/runtime/shard.h"

namespace millrace {

using PoolWork = absl::AnyInvocable<absl::Status()>;
using PoolDone = absl::AnyInvocable<void(absl::Status)>;

// Runs `work` on the thread that calls it, then `done` on `shard`, whose loop goes on until then.
inline absl::AnyInvocable<void()> MakePoolJob(Shard& shard, PoolWork work, PoolDone done) {
  return [&shard, work = std::move(work), done = std::move(done),
          guard = asio::make_work_guard(shard.context())]() mutable {
    absl::Status status = work();
    work = nullptr;
    shard.Post([done = std::move(done), status = std::move(status)]() mutable {
      done(std::move(status));
    });
  };
}

// For a coroutine on a shard, which resumes there. `submit` takes the shard, work and done.
template <class Submit>
awaitable<absl::Status> RunInPool(PoolWork work, Submit submit) {
  auto initiate = [submit = std::move(submit)](auto handler, PoolWork inner) mutable {
    submit(Shard::Current(), std::move(inner),
           [handler = std::move(handler)](absl::Status status) mutable {
             std::move(handler)(std::move(status));
           });
  };
  co_return co_await asio::async_initiate<decltype(asio::use_awaitable), void(absl::Status)>(
      std::move(initiate), asio::use_awaitable, std::move(work));
}

}  // namespace millrace
