#include "broker/app/metrics_report.h"

#include <algorithm>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>
#include <prometheus/text_serializer.h>

#include "broker/api/router.h"
#include "proto/error_code.h"

namespace millrace {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

constexpr std::array<std::string_view, kCloseReasons> kCloseNames = {
    "peer",        "idle",    "half_frame", "too_large", "malformed",
    "unsupported", "refused", "memory",     "stopping"};
constexpr std::array<std::string_view, kRefuseReasons> kRefuseNames = {
    "max_connections", "max_connections_per_ip", "memory"};
constexpr double kNsInSecond = 1e9;

class Families {
 public:
  void Gauge(const char* name, const char* help, double value) {
    Begin(name, help, MetricType::Gauge);
    AddValue({}, value);
  }
  void Counter(const char* name, const char* help, double value) {
    Begin(name, help, MetricType::Counter);
    AddValue({}, value);
  }
  MetricFamily& Begin(const char* name, const char* help, MetricType type) {
    MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = type;
    families_.push_back(std::move(family));
    return families_.back();
  }
  // To the family that was begun last, of either type.
  void AddValue(std::vector<ClientMetric::Label> labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = value;
    metric.counter.value = value;
    families_.back().metric.push_back(std::move(metric));
  }
  void AddLatency(std::string_view api, const LatencyHistogram& latency);
  const std::vector<MetricFamily>& all() const { return families_; }

 private:
  std::vector<MetricFamily> families_;
};

void Families::AddLatency(std::string_view api, const LatencyHistogram& latency) {
  ClientMetric metric;
  metric.label = {{"api", std::string(api)}};
  uint64_t cumulative = 0;
  for (size_t i = 0; i < LatencyHistogram::kBuckets; ++i) {
    cumulative += latency.counts[i];
    auto bound = static_cast<double>(uint64_t{1} << (LatencyHistogram::kFirstBits + i));
    metric.histogram.bucket.push_back({cumulative, bound / kNsInSecond});
  }
  metric.histogram.sample_count = cumulative + latency.counts[LatencyHistogram::kBuckets];
  metric.histogram.sample_sum = static_cast<double>(latency.sum_ns) / kNsInSecond;
  families_.back().metric.push_back(std::move(metric));
}

// What the router knows has its name; the rest is one.
std::string NameOf(size_t index) {
  for (const api::Api& api : api::Apis()) {
    if (static_cast<size_t>(api.key) == index) return std::string(wire::ApiName(api.key));
  }
  return "unknown";
}

using ApiCounts = std::vector<std::pair<std::string, ApiMetrics>>;

ApiCounts NamedApis(const Metrics& metrics) {
  ApiCounts named;
  for (const api::Api& api : api::Apis()) {
    auto index = static_cast<size_t>(api.key);
    if (index < Metrics::kApis) named.emplace_back(NameOf(index), metrics.apis[index]);
  }
  ApiMetrics unknown;
  for (size_t i = 0; i < Metrics::kApis; ++i) {
    if (NameOf(i) != "unknown") continue;
    unknown.requests += metrics.apis[i].requests;
    unknown.request_bytes += metrics.apis[i].request_bytes;
  }
  named.emplace_back("unknown", unknown);
  return named;
}

void AddApis(const Metrics& metrics, Families& families) {
  ApiCounts apis = NamedApis(metrics);
  families.Begin("millrace_requests_total", "Requests that arrived whole.", MetricType::Counter);
  for (auto& [name, api] : apis) {
    families.AddValue({{"api", name}}, static_cast<double>(api.requests));
  }
  families.Begin("millrace_request_bytes_total", "Their bytes, with the length before them.",
                 MetricType::Counter);
  for (auto& [name, api] : apis) {
    families.AddValue({{"api", name}}, static_cast<double>(api.request_bytes));
  }
  families.Begin("millrace_response_bytes_total", "Bytes of the answers.", MetricType::Counter);
  for (auto& [name, api] : apis) {
    families.AddValue({{"api", name}}, static_cast<double>(api.response_bytes));
  }
  families.Begin("millrace_request_errors_total",
                 "Answers with an error code, by the first that is not NONE.", MetricType::Counter);
  for (const auto& [key, count] : metrics.errors) {
    auto code = static_cast<ErrorCode>(key.second);
    families.AddValue({{"api", NameOf(key.first)}, {"error", std::string(ErrorName(code))}},
                      static_cast<double>(count));
  }
  families.Begin("millrace_request_duration_seconds",
                 "From the whole request to its answer, waiting included.", MetricType::Histogram);
  for (auto& [name, api] : apis) {
    if (api.requests > 0 && name != "unknown") families.AddLatency(name, api.latency);
  }
}

void AddConnections(const Metrics& metrics, Families& families) {
  families.Gauge("millrace_connections", "Connections that are open.",
                 static_cast<double>(metrics.open));
  families.Counter("millrace_connections_accepted_total", "Connections that were taken.",
                   static_cast<double>(metrics.accepted));
  families.Begin("millrace_connections_closed_total", "Connections that ended, by the reason.",
                 MetricType::Counter);
  for (size_t i = 0; i < kCloseReasons; ++i) {
    families.AddValue({{"reason", std::string(kCloseNames[i])}},
                      static_cast<double>(metrics.closed[i]));
  }
  families.Begin("millrace_connections_refused_total", "Connections beyond a limit, by the limit.",
                 MetricType::Counter);
  for (size_t i = 0; i < kRefuseReasons; ++i) {
    families.AddValue({{"reason", std::string(kRefuseNames[i])}},
                      static_cast<double>(metrics.refused[i]));
  }
}

void AddCleaner(const MetricsReport& report, Families& families) {
  const service::CleanerMetrics& cleaner = report.cleaner;
  families.Counter("millrace_compactions_total", "Cleanings of compacted logs.",
                   static_cast<double>(cleaner.cleanings));
  families.Counter("millrace_compactions_failed_total", "Cleanings that failed.",
                   static_cast<double>(cleaner.failures));
  families.Counter("millrace_compaction_read_bytes_total", "Bytes that cleanings have read.",
                   static_cast<double>(cleaner.bytes_read));
  families.Counter("millrace_compaction_written_bytes_total", "Bytes that cleanings have written.",
                   static_cast<double>(cleaner.bytes_written));
  families.Gauge("millrace_compaction_uncleanable_partitions",
                 "Partitions whose log is damaged and is not compacted any more.",
                 static_cast<double>(cleaner.uncleanable));
  families.Gauge("millrace_compaction_dirty_ratio_max",
                 "The largest share of a compacted log that waits for compaction.",
                 cleaner.dirty_ratio_max);
  if (!report.since_cleaning_ms.has_value()) return;
  families.Gauge("millrace_compaction_last_seconds", "Time since the last cleaning ended.",
                 static_cast<double>(*report.since_cleaning_ms) / 1e3);
}

// A label only where there is something to tell apart.
std::vector<ClientMetric::Label> LabelsOf(const MetricsReport& report,
                                          const service::LogDirectoryState& directory) {
  if (report.directories.size() == 1) return {};
  return {{"log_dir", directory.path}};
}

// `value_of` may have none.
template <class ValueOf>
void AddOfDirectories(const MetricsReport& report, Families& families, ValueOf value_of) {
  for (const service::LogDirectoryState& directory : report.directories) {
    const std::optional<double> value = value_of(directory);
    if (value.has_value()) families.AddValue(LabelsOf(report, directory), *value);
  }
}

template <class ValueOf>
void AddOfGates(const MetricsReport& report, Families& families, ValueOf value_of) {
  AddOfDirectories(report, families,
                   [&](const service::LogDirectoryState& directory) -> std::optional<double> {
                     if (directory.gate == nullptr) return std::nullopt;
                     return static_cast<double>(value_of(*directory.gate));
                   });
}

void AddDisks(const MetricsReport& report, Families& families) {
  families.Begin("millrace_disk_free_bytes", "What the log directory's disk has left.",
                 MetricType::Gauge);
  AddOfDirectories(report, families,
                   [](const service::LogDirectoryState& directory) -> std::optional<double> {
                     if (!directory.space.has_value()) return std::nullopt;
                     return static_cast<double>(directory.space->usable_bytes);
                   });
  families.Begin("millrace_disk_reserved_bytes",
                 "With less than that left, records are refused (log.dir.reserved.bytes).",
                 MetricType::Gauge);
  AddOfGates(report, families, [](const auto& gate) { return gate.reserve_bytes(); });
  families.Begin("millrace_disk_full", "1 while records are refused for want of room, else 0.",
                 MetricType::Gauge);
  AddOfGates(report, families, [](const auto& gate) { return gate.is_full() ? 1 : 0; });
  families.Begin("millrace_disk_full_refusals_total",
                 "Record batches that were refused for want of room.", MetricType::Counter);
  AddOfGates(report, families, [](const auto& gate) { return gate.refused(); });
  const auto offline = std::count_if(report.directories.begin(), report.directories.end(),
                                     [](const auto& directory) { return !directory.is_online; });
  families.Gauge("millrace_log_directories_offline",
                 "Log directories that have failed, or could not be opened.",
                 static_cast<double>(offline));
}

void AddFlushes(const partition::FlushCounts::Totals& flushes, Families& families) {
  families.Counter("millrace_log_flushes_total", "Syncs of partitions' logs.",
                   static_cast<double>(flushes.flushes));
  families.Counter("millrace_log_flushed_bytes_total", "Bytes that they made durable.",
                   static_cast<double>(flushes.bytes));
  families.Counter("millrace_log_flush_seconds_total",
                   "How long they took, waiting for a thread included.",
                   static_cast<double>(flushes.wait_ns) / kNsInSecond);
}

void AddLoads(const LoadCounts& loads, Families& families) {
  families.Counter("millrace_cold_fetches_total",
                   "Fetches that waited for records which were not in the page cache.",
                   static_cast<double>(loads.fetches));
  families.Counter("millrace_cold_fetch_wait_seconds_total", "How long they waited, all together.",
                   static_cast<double>(loads.wait_ns) / kNsInSecond);
  families.Counter("millrace_cold_loaded_bytes_total",
                   "Bytes that were asked of the disk for fetches, and ahead of them.",
                   static_cast<double>(loads.bytes));
  families.Counter("millrace_cold_released_bytes_total",
                   "Bytes of them that left the page cache behind the readers.",
                   static_cast<double>(loads.released));
  families.Counter("millrace_cold_load_errors_total", "Loads that the disk has failed.",
                   static_cast<double>(loads.errors));
}

}  // namespace

std::string FormatMetrics(const MetricsReport& report) {
  Families families;
  AddApis(report.metrics, families);
  AddConnections(report.metrics, families);
  AddFlushes(report.flushes, families);
  AddLoads(report.loads, families);
  families.Gauge("millrace_memory_used_bytes",
                 "What requests and answers in flight take of memory.budget.bytes.",
                 static_cast<double>(report.memory_used_bytes));
  families.Gauge("millrace_memory_limit_bytes",
                 "What requests and answers in flight may take of memory.budget.bytes.",
                 static_cast<double>(report.memory_limit_bytes));
  families.Counter("millrace_log_lines_left_out_total",
                   "Lines about clients that were not logged, for there were too many.",
                   static_cast<double>(report.log_lines_left_out));
  AddCleaner(report, families);
  families.Gauge("millrace_topics", "Topics.", static_cast<double>(report.topics));
  families.Gauge("millrace_partitions", "Partitions that are hosted here.",
                 static_cast<double>(report.partitions));
  families.Gauge("millrace_log_bytes", "Bytes of the logs of all partitions.",
                 static_cast<double>(report.log_bytes));
  families.Counter("millrace_recovered_bytes_total",
                   "Bytes of logs that were read and checked after a crash.",
                   static_cast<double>(report.recovered_bytes));
  families.Gauge("millrace_open_log_files", "Descriptors that logs hold.",
                 static_cast<double>(report.open_files));
  families.Counter("millrace_reopened_log_files_total",
                   "Files of logs that were used after their descriptor had been given back.",
                   static_cast<double>(report.reopened_files));
  AddDisks(report, families);
  families.Gauge("process_resident_memory_bytes", "Resident memory.",
                 static_cast<double>(report.resident_bytes));
  families.Counter("process_cpu_seconds_total", "Processor time, user and system.",
                   report.cpu_seconds);
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families.all());
  return std::move(text).str();
}

}  // namespace millrace
