// Counts latencies in buckets that are at most 1/64 wide relative to their value, from nanoseconds
// to hours. Recording costs a few instructions and never allocates. One thread.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace millrace::bench {

class LatencyHistogram {
 public:
  void Record(uint64_t ns, uint64_t count = 1) {
    buckets_[IndexOf(ns)] += count;
    count_ += count;
    max_ns_ = std::max(max_ns_, ns);
  }
  void Clear() { *this = LatencyHistogram(); }
  uint64_t count() const { return count_; }
  uint64_t max_ns() const { return max_ns_; }

  // The lower bound of the bucket up to which `quantile` (0..1) of the values lie.
  uint64_t Quantile(double quantile) const {
    auto rank = static_cast<uint64_t>(quantile * static_cast<double>(count_));
    uint64_t seen = 0;
    for (size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > rank) return LowerBound(i);
    }
    return max_ns_;
  }

 private:
  static constexpr size_t kSubBuckets = 64;
  static constexpr size_t kSubBucketBits = 6;

  static size_t IndexOf(uint64_t ns) {
    if (ns < kSubBuckets) return ns;
    auto exponent = static_cast<size_t>(std::bit_width(ns)) - 1 - kSubBucketBits;
    return exponent * kSubBuckets + (ns >> exponent);
  }
  static uint64_t LowerBound(size_t index) {
    if (index < 2 * kSubBuckets) return index;
    size_t exponent = index / kSubBuckets - 1;
    return (index - exponent * kSubBuckets) << exponent;
  }

  std::array<uint64_t, 40 * kSubBuckets> buckets_{};
  uint64_t count_ = 0;
  uint64_t max_ns_ = 0;
};

}  // namespace millrace::bench
