// Runs a coroutine on a shard and blocks until it has ended: how a thread that is no shard's (main,
// a test) starts and stops a broker.
#pragma once

#include <utility>

#include <boost/asio/use_future.hpp>

#include "broker/runtime/shard.h"

namespace millrace {

// Precondition: the shard runs, and the calling thread is not its own.
template <class T>
T RunAndWait(Shard& shard, awaitable<T> task) {
  return asio::co_spawn(shard.context(), std::move(task), asio::use_future).get();
}

}  // namespace millrace
