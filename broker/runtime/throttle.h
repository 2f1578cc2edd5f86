// Holds threads back so that together they do not pass a rate: so many bytes a second on average.
//
//   throttle.SetRate(bytes_per_second);
//   throttle.Pass(bytes, [&] { return stopping.load(); });   // returns when these bytes fit
//
// Threading: any thread. Pass blocks, so never on a shard.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include <absl/functional/function_ref.h>

#include "broker/runtime/clock.h"

namespace millrace {

class Throttle {
 public:
  // Takes effect with the next Pass.
  void SetRate(double bytes_per_second);
  // Waits as long as the rate wants it, or until `stops` says so, which is asked now and then.
  void Pass(int64_t bytes, absl::FunctionRef<bool()> stops);
  // Wakes those who wait, to ask `stops` at once.
  void Wake() { wake_.notify_all(); }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  double rate_ = 1e308;
  // When everything that passed until now will have fitted into the rate.
  MonotonicNs free_at_{0};
};

}  // namespace millrace
