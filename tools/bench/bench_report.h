// What a run of `millrace bench` says at its end: in words, or as one line of JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>

#include "tools/bench/latency_histogram.h"
#include "tools/bench/traffic.h"

namespace millrace::bench {

struct LatencySummary {
  uint64_t count = 0;
  uint64_t p50_ns = 0;
  uint64_t p90_ns = 0;
  uint64_t p99_ns = 0;
  uint64_t p999_ns = 0;
  uint64_t max_ns = 0;
};
LatencySummary Summarize(const LatencyHistogram& histogram);

// What a run took, from the end of the warm-up on.
struct Measurement {
  double seconds = 0;
  double cpu_seconds = 0;  // of this process
  TrafficCounts counts;
  bool was_interrupted = false;
  absl::Status failure;  // why it ended early
};

struct NamedLatency {
  std::string key;    // in JSON
  std::string title;  // in words
  LatencySummary summary;
};

struct BenchReport {
  std::string mode;
  std::string topic;
  Measurement measured;
  std::vector<NamedLatency> latencies;
  Refusals refusals;
  std::optional<int64_t> missing_offsets;
};

// Whether nothing failed, was refused or is missing.
bool IsClean(const BenchReport& report);

// One line, without its end.
std::string ReportJson(const BenchReport& report);
// Several lines, each with its end.
std::string ReportText(const BenchReport& report);

// "1234567" as "1,234,567".
std::string WithCommas(uint64_t number);
// "870 us", "1.25 ms", "2.00 s"
std::string TimeText(uint64_t ns);

}  // namespace millrace::bench
