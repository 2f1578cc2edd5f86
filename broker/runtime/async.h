// The one header through which the broker sees Asio: coroutines, executors, timers.
//
// Coroutines take arguments by value or by reference to what outlives their task group; never a
// capturing lambda. What was read before a co_await is stale after it.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace millrace {

namespace asio = boost::asio;
using asio::awaitable;
using IoError = boost::system::error_code;

// Completion token: errors come back as values, nothing is thrown.
inline constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

}  // namespace millrace
