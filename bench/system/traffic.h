// One kind of load on a set of non-blocking connections. The window (load_window.h) owns the event
// loop; a traffic owns its sockets and says what was answered. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "bench/system/latency_histogram.h"

namespace millrace::bench {

class Traffic {
 public:
  virtual ~Traffic() = default;

  virtual std::span<const int> descriptors() const = 0;
  // The socket may have become readable or writable (edge-triggered). Also called once for each
  // socket at the start.
  virtual void OnReady(size_t connection) = 0;

  // The warm-up is over: what it took is forgotten.
  virtual void BeginWindow() { latencies_.Clear(); }

  uint64_t answered_requests() const { return answered_requests_; }
  // Batches that were acknowledged, or records that were received.
  uint64_t payload_bytes() const { return payload_bytes_; }
  LatencyHistogram& latencies() { return latencies_; }

 protected:
  void CountAnswer(uint64_t payload_bytes, uint64_t latency_ns) {
    ++answered_requests_;
    payload_bytes_ += payload_bytes;
    latencies_.Record(latency_ns);
  }

 private:
  uint64_t answered_requests_ = 0;
  uint64_t payload_bytes_ = 0;
  LatencyHistogram latencies_;
};

// CLOCK_MONOTONIC.
uint64_t NowNs();

}  // namespace millrace::bench
