#include "broker/runtime/throttle.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "broker/runtime/clock.h"

namespace millrace {

namespace {

constexpr double kNsInSecond = 1e9;
// Unused rate is saved up for so long.
constexpr int64_t kBurstNs = 100'000'000;
// Shorter waits gather; longer ones look at `stop` in between.
constexpr int64_t kWaitNsMin = 2'000'000;
constexpr int64_t kWaitNsMax = 50'000'000;
// A step that would take longer than this counts as this long, so that no sum overflows.
constexpr double kStepNsMax = 3600e9;

}  // namespace

void Throttle::Pass(int64_t bytes, const std::atomic<bool>& stop) {
  double rate = std::max(rate_.load(std::memory_order_relaxed), 1.0);
  double step = std::min(static_cast<double>(bytes) / rate * kNsInSecond, kStepNsMax);
  int64_t before = free_at_ns_.load(std::memory_order_relaxed);
  int64_t after = 0;
  do {
    after = std::max(before, SteadyNowNs().value() - kBurstNs) + static_cast<int64_t>(step);
  } while (!free_at_ns_.compare_exchange_weak(before, after, std::memory_order_relaxed));
  int64_t wait = after - SteadyNowNs().value();
  while (wait >= kWaitNsMin && !stop.load(std::memory_order_relaxed)) {
    std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(wait, kWaitNsMax)));
    wait = after - SteadyNowNs().value();
  }
}

}  // namespace millrace
