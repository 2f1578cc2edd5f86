#include "broker/net/patience.h"

#include <catch2/catch.hpp>

namespace millrace::net {
namespace {

constexpr int64_t kMs = 60'000;

// Sends `count` bytes every `step_ms` until it is over, or an hour has passed.
int64_t EndOf(size_t count, int64_t step_ms) {
  constexpr int64_t kHourMs = 3'600'000;
  Patience patience(kMs);
  MonotonicMs now(5'000'000);
  MonotonicMs began = now;
  patience.Start(now);
  while (now < patience.deadline() && now - began < kHourMs) {
    now = now + step_ms;
    patience.OnBytes(now, count);
  }
  return now - began;
}

TEST_CASE("patience: who sends a byte a second gets little longer than who sends nothing") {
  CHECK(EndOf(0, 1000) == kMs);
  CHECK(EndOf(1, 1000) <= kMs + 1000);
  CHECK(EndOf(100, 1000) <= kMs + 10'000);
}

TEST_CASE("patience: a slow and steady peer is never given up") {
  CHECK(EndOf(1'000, 1'000) == 3'600'000);
  CHECK(EndOf(50'000, 50'000) == 3'600'000);
}

TEST_CASE("patience: much at once buys no more than the time from then on") {
  Patience patience(kMs);
  MonotonicMs now(5'000'000);
  patience.Start(now);
  patience.OnBytes(now + 10'000, 100 << 20);
  CHECK(patience.deadline() == now + 10'000 + kMs);
  CHECK(patience.stalled_since() == now + 10'000);
}

}  // namespace
}  // namespace millrace::net
