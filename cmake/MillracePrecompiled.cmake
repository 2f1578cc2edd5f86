# Precompiled headers of other projects and of the standard library, and none of ours: every source
# still includes what it uses, and nothing is built again because a header of ours changed. They
# save a third to a half of the time of most files (docs/decisions/0020-precompiled-headers.md).

set(MILLRACE_PLAIN_HEADERS
    <algorithm> <array> <atomic> <chrono> <deque> <functional> <map> <memory> <optional> <random>
    <span> <string> <string_view> <thread> <utility> <vector>
    <absl/container/flat_hash_map.h> <absl/container/flat_hash_set.h>
    <absl/functional/any_invocable.h> <absl/status/statusor.h> <fmt/format.h>)

set(MILLRACE_BROKER_HEADERS
    ${MILLRACE_PLAIN_HEADERS}
    <boost/asio/as_tuple.hpp> <boost/asio/awaitable.hpp> <boost/asio/co_spawn.hpp>
    <boost/asio/detached.hpp> <boost/asio/executor_work_guard.hpp> <boost/asio/io_context.hpp>
    <boost/asio/ip/tcp.hpp> <boost/asio/post.hpp> <boost/asio/steady_timer.hpp>
    <boost/asio/this_coro.hpp> <boost/asio/use_awaitable.hpp> <boost/asio/use_future.hpp>
    <spdlog/spdlog.h>)

# Without the times of the headers in it, a result is the same whenever it is made, and ccache
# finds what was compiled with it.
target_compile_options(millrace_options
                       INTERFACE "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")

# The first target precompiles the headers, the others of the same settings use the result:
#   millrace_precompile(FROM first OF second third HEADERS <a> <b>)
function(millrace_precompile)
  cmake_parse_arguments(ARG "" "FROM" "OF;HEADERS" ${ARGN})
  target_precompile_headers(${ARG_FROM} PRIVATE ${ARG_HEADERS})
  foreach(target IN LISTS ARG_OF)
    target_precompile_headers(${target} REUSE_FROM ${ARG_FROM})
  endforeach()
endfunction()
