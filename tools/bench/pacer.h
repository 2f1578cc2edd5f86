// When things are due that happen at a constant rate: the n-th at the start and n intervals.
//
// Latencies count from these times, not from when a request could be sent, so that a stall is late
// for everything that falls into it. Pure.
#pragma once

#include <cstdint>

namespace millrace::bench {

class Pacer {
 public:
  // Precondition: per_second > 0.
  Pacer(uint64_t start_ns, double per_second)
      : start_ns_(start_ns), interval_ns_(1e9 / per_second) {}

  uint64_t DueNs(uint64_t index) const {
    return start_ns_ + static_cast<uint64_t>(static_cast<double>(index) * interval_ns_);
  }
  // How many are due at `now_ns`: those before it and one that falls on it.
  uint64_t DueBy(uint64_t now_ns) const {
    if (now_ns < start_ns_) return 0;
    auto count = static_cast<uint64_t>(static_cast<double>(now_ns - start_ns_) / interval_ns_) + 1;
    // The divisions round; the two functions must agree.
    while (DueNs(count) <= now_ns) ++count;
    while (DueNs(count - 1) > now_ns) --count;
    return count;
  }

 private:
  uint64_t start_ns_;
  double interval_ns_;
};

}  // namespace millrace::bench
