// How much of files a connection sends before the others of its shard come: little while clients
// send anything but fetches, for they wait for their answers; more while there are only readers,
// whom each turn costs something (docs/decisions/0024).
//
// Threading: one shard. Pure: time is an argument.
#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/runtime/clock.h"

namespace millrace::net {

class SendTurns {
 public:
  static constexpr size_t kShortBytes = 256 << 10;  // some 50 microseconds
  static constexpr size_t kLongBytes = 1 << 20;
  // After a request that is no fetch.
  static constexpr int64_t kShortForNs = 100'000'000;

  void OnRequest(MonotonicNs now) { short_until_ = now + kShortForNs; }
  size_t Bytes(MonotonicNs now) const { return now < short_until_ ? kShortBytes : kLongBytes; }

 private:
  MonotonicNs short_until_;
};

}  // namespace millrace::net
