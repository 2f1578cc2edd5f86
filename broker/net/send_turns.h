// How much of files a connection sends before the others of its shard come: little while clients
// send anything but fetches, for they wait for their answers; more while there are only readers,
// whom each turn costs something (docs/decisions/0024).
//
// Threading: any thread; one for all shards, for a request may go on to another. Time is an
// argument.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "broker/runtime/clock.h"

namespace millrace::net {

class SendTurns {
 public:
  static constexpr size_t kShortBytes = 256 << 10;  // some 50 microseconds
  static constexpr size_t kLongBytes = 1 << 20;
  // After a request that is no fetch, at least.
  static constexpr int64_t kShortForNs = 100'000'000;

  // Written seldom, so that the shards do not take the line from each other.
  void OnRequest(MonotonicNs now) {
    const int64_t until = now.value() + kShortForNs;
    if (until > short_until_.load(std::memory_order_relaxed)) {
      short_until_.store(until + kShortForNs / 8, std::memory_order_relaxed);
    }
  }
  size_t Bytes(MonotonicNs now) const {
    return now.value() < short_until_.load(std::memory_order_relaxed) ? kShortBytes : kLongBytes;
  }

 private:
  std::atomic<int64_t> short_until_ = 0;
};

}  // namespace millrace::net
