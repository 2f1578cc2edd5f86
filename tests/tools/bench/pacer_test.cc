#include "tools/bench/pacer.h"

#include <catch2/catch.hpp>

namespace millrace::bench {
namespace {

TEST_CASE("pacer: nothing is due before the start, and one at it") {
  Pacer pacer(1'000, 1e9 / 10);
  CHECK(pacer.DueBy(0) == 0);
  CHECK(pacer.DueBy(999) == 0);
  CHECK(pacer.DueBy(1'000) == 1);
  CHECK(pacer.DueBy(1'009) == 1);
  CHECK(pacer.DueBy(1'010) == 2);
}

TEST_CASE("pacer: times do not depend on when one asks, so a stall makes nothing later") {
  Pacer pacer(0, 1'000);
  CHECK(pacer.DueBy(10'000'000'000) == 10'001);
  CHECK(pacer.DueNs(5'000) == 5'000'000'000);
}

TEST_CASE("pacer: what is due and when agree, at rates that divide badly and after hours") {
  for (double rate : {0.3, 3.0, 7'777.7, 1e6 / 3, 1.1e9}) {
    Pacer pacer(123'456'789, rate);
    auto hour = static_cast<uint64_t>(3'600 * rate);
    for (uint64_t index : {uint64_t{0}, uint64_t{1}, uint64_t{999}, hour, hour + 1}) {
      uint64_t due_ns = pacer.DueNs(index);
      CHECK(pacer.DueBy(due_ns) >= index + 1);
      if (index > 0 && due_ns > 123'456'789) CHECK(pacer.DueBy(due_ns - 1) <= index);
    }
  }
}

}  // namespace
}  // namespace millrace::bench
