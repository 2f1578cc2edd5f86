// How long a peer may take to send or to read what it has begun: `ms_max` from the start, and each
// byte that moves buys a millisecond, but never more than ms_max from then on. Who stops is over
// after ms_max, who trickles with less than about a kilobyte a second is, too; a slow, steady peer
// never is.
//
// Pure: time is an argument.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "broker/runtime/clock.h"

namespace millrace::net {

class Patience {
 public:
  explicit Patience(int64_t ms_max) : ms_max_(ms_max) {}

  void Start(MonotonicMs now) { deadline_ = now + ms_max_; }
  void OnBytes(MonotonicMs now, size_t count) {
    auto bought = static_cast<int64_t>(std::min(count, static_cast<size_t>(ms_max_)));
    deadline_ = std::min(now + ms_max_, deadline_ + bought);
  }
  MonotonicMs deadline() const { return deadline_; }
  // As if nothing had come since: the deadline, counted from where it started.
  MonotonicMs stalled_since() const { return deadline_ - ms_max_; }

 private:
  int64_t ms_max_;
  MonotonicMs deadline_;
};

}  // namespace millrace::net
