#include "tools/bench/latency_histogram.h"

#include <catch2/catch.hpp>

namespace millrace::bench {
namespace {

TEST_CASE("latency histogram: nothing recorded has no latencies") {
  LatencyHistogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.max_ns() == 0);
  CHECK(histogram.Quantile(0.99) == 0);
}

TEST_CASE("latency histogram: a quantile is at most a 64th below the value") {
  LatencyHistogram histogram;
  for (uint64_t ns = 1; ns <= 1'000'000; ++ns) histogram.Record(ns);
  for (double quantile : {0.001, 0.5, 0.9, 0.99, 0.999}) {
    double exact = quantile * 1e6;
    auto found = static_cast<double>(histogram.Quantile(quantile));
    CHECK(found <= exact + 1);
    CHECK(found >= exact * 63 / 64 - 1);
  }
  CHECK(histogram.max_ns() == 1'000'000);
}

TEST_CASE("latency histogram: the largest value is kept as it is, from nanoseconds to hours") {
  LatencyHistogram histogram;
  for (uint64_t ns : {uint64_t{0}, uint64_t{63}, uint64_t{64}, uint64_t{3'600'000'000'123}}) {
    histogram.Record(ns);
    CHECK(histogram.max_ns() == ns);
  }
  CHECK(histogram.Quantile(0) == 0);
  CHECK(histogram.Quantile(0.5) == 64);
}

TEST_CASE("latency histogram: one slow value in a thousand shows at p99.9 and not at p99") {
  LatencyHistogram histogram;
  histogram.Record(100, 999);
  histogram.Record(1'000'000);
  CHECK(histogram.count() == 1'000);
  CHECK(histogram.Quantile(0.99) == 100);
  CHECK(histogram.Quantile(0.999) > 900'000);
  histogram.Clear();
  CHECK(histogram.count() == 0);
  CHECK(histogram.Quantile(0.5) == 0);
}

}  // namespace
}  // namespace millrace::bench
