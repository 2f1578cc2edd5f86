// What /metrics says: the broker's counters in Prometheus' text format. The list with its meanings
// is in docs/operations.md.
//
// Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/partition/flush_counts.h"
#include "broker/runtime/load_pool.h"
#include "broker/runtime/metrics.h"
#include "broker/service/cleaner.h"
#include "broker/service/partition_host.h"

namespace millrace {

struct MetricsReport {
  Metrics metrics;
  LoadCounts loads;
  partition::FlushCounts::Totals flushes;
  int64_t memory_used_bytes = 0;
  int64_t memory_limit_bytes = 0;
  uint64_t log_lines_left_out = 0;
  service::CleanerMetrics cleaner;
  std::optional<int64_t> since_cleaning_ms;
  int64_t topics = 0;
  int64_t partitions = 0;
  int64_t log_bytes = 0;
  int64_t recovered_bytes = 0;
  int64_t open_files = 0;
  int64_t reopened_files = 0;
  std::vector<service::LogDirectoryState> directories;
  int64_t resident_bytes = 0;
  double cpu_seconds = 0;
};

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

std::string FormatMetrics(const MetricsReport& report);

}  // namespace millrace
