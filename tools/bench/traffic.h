// One kind of load on a set of non-blocking connections. An EventLoop waits for the sockets; a
// traffic owns them, sends, and counts what was answered. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include <absl/status/status.h>

#include "proto/error_code.h"
#include "tools/bench/latency_histogram.h"

namespace millrace::bench {

// Since the start.
struct TrafficCounts {
  uint64_t requests = 0;  // that were answered, refused ones included
  uint64_t records = 0;
  // Batches that were acknowledged, or records that were received.
  uint64_t bytes = 0;
};

struct RefusalCount {
  uint64_t answers = 0;
  std::string message;  // of the first one; may be empty
};
using Refusals = std::map<ErrorCode, RefusalCount>;

class Traffic {
 public:
  virtual ~Traffic() = default;

  virtual std::span<const int> descriptors() const = 0;
  // The socket may have become readable or writable (edge-triggered, unless level_triggered()).
  // Also called once for each socket at the start. Fails when a connection is lost, or when an
  // answer is not what it should be; a traffic that has failed is not used any more.
  virtual absl::Status OnReady(size_t index) = 0;
  // Whether OnReady() may leave a writable socket with nothing to wait for.
  virtual bool level_triggered() const { return false; }
  // Something was asked and is not answered.
  virtual bool awaits_answer() const = 0;

  // The warm-up is over: what it took is forgotten.
  virtual void BeginWindow() {
    latencies_.Clear();
    refusals_.clear();
  }

  const TrafficCounts& counts() const { return counts_; }
  LatencyHistogram& latencies() { return latencies_; }
  const LatencyHistogram& latencies() const { return latencies_; }
  const Refusals& refusals() const { return refusals_; }

 protected:
  void CountAnswer(uint64_t records, uint64_t bytes) {
    ++counts_.requests;
    CountRecords(records, bytes);
    refusals_in_row_ = 0;
  }
  // That came by themselves.
  void CountRecords(uint64_t records, uint64_t bytes) {
    counts_.records += records;
    counts_.bytes += bytes;
  }
  // Fails when nothing but refusals has come for a while: then there is nothing to measure.
  absl::Status CountRefusal(ErrorCode error, std::string_view message);

 private:
  TrafficCounts counts_;
  LatencyHistogram latencies_;
  Refusals refusals_;
  int refusals_in_row_ = 0;
};

// A traffic that comes to an end of its own.
class LimitedTraffic : public Traffic {
 public:
  // From now on so many records (UINT64_MAX: any number), and none that are due, or would be asked
  // for, later than at that time. Called before the first request, or at any time after it.
  virtual absl::Status Limit(uint64_t records, uint64_t end_ns) = 0;
  // Whether all that is wanted is done and nothing is awaited.
  virtual bool is_done(uint64_t now_ns) const = 0;
};

}  // namespace millrace::bench
