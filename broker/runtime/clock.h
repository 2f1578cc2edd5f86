// The only place that reads clocks. Everything else gets `now` as an argument.
#pragma once

#include <cstdint>

#include "proto/types.h"

namespace millrace {

// Milliseconds of a clock that never goes back; comparable within one process only.
using MonotonicMs = StrongCount<struct MonotonicMsTag, int64_t>;

// The same clock, for durations.
using MonotonicNs = StrongCount<struct MonotonicNsTag, int64_t>;

TimestampMs WallNow();
MonotonicMs SteadyNow();
MonotonicNs SteadyNowNs();

}  // namespace millrace
