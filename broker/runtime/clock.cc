#include "broker/runtime/clock.h"

#include <chrono>

namespace millrace {

namespace {

template <class Clock>
int64_t Milliseconds() {
  auto since = Clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

}  // namespace

TimestampMs WallNow() { return TimestampMs(Milliseconds<std::chrono::system_clock>()); }
MonotonicMs SteadyNow() { return MonotonicMs(Milliseconds<std::chrono::steady_clock>()); }

}  // namespace millrace
