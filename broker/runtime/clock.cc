#include "broker/runtime/clock.h"

#include <chrono>

namespace millrace {

namespace {

template <class Clock, class Unit>
int64_t Now() {
  return std::chrono::duration_cast<Unit>(Clock::now().time_since_epoch()).count();
}

}  // namespace

TimestampMs WallNow() {
  return TimestampMs(Now<std::chrono::system_clock, std::chrono::milliseconds>());
}
MonotonicMs SteadyNow() {
  return MonotonicMs(Now<std::chrono::steady_clock, std::chrono::milliseconds>());
}
MonotonicNs SteadyNowNs() {
  return MonotonicNs(Now<std::chrono::steady_clock, std::chrono::nanoseconds>());
}

}  // namespace millrace
