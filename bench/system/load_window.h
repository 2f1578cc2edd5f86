// Runs traffics through a warm-up and a measured window, and says what the window cost.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/system/load_options.h"
#include "bench/system/process_usage.h"
#include "tools/bench/traffic.h"

namespace millrace::bench {

// Differences over the measured window.
struct LoadReport {
  double seconds = 0;
  uint64_t requests = 0;
  uint64_t bytes = 0;
  ProcessUsage client;
  ProcessUsage server;
  AllocationCounts server_allocations;
  double machine_busy_seconds = 0;
  uint64_t p50_ns = 0;
  uint64_t p99_ns = 0;
  uint64_t p999_ns = 0;
  uint64_t max_ns = 0;
};

// The report is about the first of the traffics. Ends the program when one of them fails, or has
// been refused anything.
LoadReport RunWindow(const std::vector<Traffic*>& traffics, const LoadOptions& options);

// One line of JSON without a newline; `shape` holds further members, such as "\"mode\":\"fetch\"".
std::string ReportLine(const LoadReport& report, const LoadOptions& options,
                       const std::string& shape);

}  // namespace millrace::bench
