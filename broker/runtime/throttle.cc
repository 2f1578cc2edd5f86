#include "broker/runtime/throttle.h"

#include <algorithm>
#include <chrono>

namespace millrace {

namespace {

constexpr double kNsInSecond = 1e9;
// Unused rate is saved up for so long.
constexpr int64_t kBurstNs = 100'000'000;
// Shorter waits gather; in longer ones `stops` is asked in between.
constexpr int64_t kWaitNsMin = 2'000'000;
constexpr int64_t kWaitNsMax = 50'000'000;
// A step that would take longer than this counts as this long, so that no sum overflows.
constexpr double kStepNsMax = 3600e9;

}  // namespace

void Throttle::SetRate(double bytes_per_second) {
  std::lock_guard lock(mutex_);
  rate_ = std::max(bytes_per_second, 1.0);
}

void Throttle::Pass(int64_t bytes, absl::FunctionRef<bool()> stops) {
  std::unique_lock lock(mutex_);
  double step = std::min(static_cast<double>(bytes) / rate_ * kNsInSecond, kStepNsMax);
  free_at_ = std::max(free_at_, SteadyNowNs() - kBurstNs) + static_cast<int64_t>(step);
  MonotonicNs until = free_at_;
  for (int64_t wait = until - SteadyNowNs(); wait >= kWaitNsMin && !stops();
       wait = until - SteadyNowNs()) {
    wake_.wait_for(lock, std::chrono::nanoseconds(std::min(wait, kWaitNsMax)));
  }
}

}  // namespace millrace
