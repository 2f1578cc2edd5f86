// Holds threads back so that together they do not pass a rate: so many bytes a second on average.
//
//   throttle.SetRate(bytes_per_second);
//   throttle.Pass(bytes, stop);   // returns when these bytes fit
//
// Threading: any thread. Pass blocks, so never on a shard.
#pragma once

#include <atomic>
#include <cstdint>

namespace millrace {

class Throttle {
 public:
  // Takes effect with the next Pass.
  void SetRate(double bytes_per_second) { rate_.store(bytes_per_second); }
  // Waits as long as the rate wants it, or until `stop` is set.
  void Pass(int64_t bytes, const std::atomic<bool>& stop);

 private:
  std::atomic<double> rate_{1e308};
  // When everything that passed until now will have fitted into the rate.
  std::atomic<int64_t> free_at_ns_{0};
};

}  // namespace millrace
