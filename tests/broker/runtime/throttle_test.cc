#include "broker/runtime/throttle.h"

#include <atomic>
#include <thread>

#include <catch2/catch.hpp>

namespace millrace {
namespace {

TEST_CASE("throttle: without a rate nobody waits") {
  Throttle throttle;
  int asked = 0;
  for (int i = 0; i < 1000; ++i) {
    throttle.Pass(1 << 30, [&] {
      ++asked;
      return false;
    });
  }
  CHECK(asked == 0);
}

TEST_CASE("throttle: what passes takes as long as the rate says, however it is cut") {
  Throttle throttle;
  throttle.SetRate(1e6);
  const MonotonicNs begin = SteadyNowNs();
  for (int i = 0; i < 40; ++i) throttle.Pass(10'000, [] { return false; });
  // 400,000 bytes at 1,000,000 a second, of which a tenth of a second may have been saved up.
  CHECK(SteadyNowNs() - begin >= 290'000'000);
}

TEST_CASE("throttle: who is told to stop does not wait for the rate") {
  Throttle throttle;
  throttle.SetRate(1);
  std::atomic<bool> stop = false;
  std::thread waiting([&] { throttle.Pass(1 << 20, [&] { return stop.load(); }); });
  stop = true;
  throttle.Wake();
  waiting.join();
  throttle.Pass(1 << 20, [] { return true; });
}

}  // namespace
}  // namespace millrace
