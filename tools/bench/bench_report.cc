#include "tools/bench/bench_report.h"

#include <cmath>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "tools/kafka_status.h"

namespace millrace::bench {

namespace {

namespace json = boost::json;

double Rate(uint64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

double Rounded(double value) { return std::round(value * 1000) / 1000; }

double Microseconds(uint64_t ns) { return static_cast<double>(ns) / 1e3; }

json::object ToJson(const LatencySummary& latency) {
  return {{"count", latency.count},
          {"p50Us", Microseconds(latency.p50_ns)},
          {"p90Us", Microseconds(latency.p90_ns)},
          {"p99Us", Microseconds(latency.p99_ns)},
          {"p999Us", Microseconds(latency.p999_ns)},
          {"maxUs", Microseconds(latency.max_ns)}};
}

std::string Line(const NamedLatency& latency) {
  const LatencySummary& times = latency.summary;
  if (times.count == 0) return fmt::format("  {}: none\n", latency.title);
  return fmt::format("  {}: p50 {}, p90 {}, p99 {}, p99.9 {}, max {}\n", latency.title,
                     TimeText(times.p50_ns), TimeText(times.p90_ns), TimeText(times.p99_ns),
                     TimeText(times.p999_ns), TimeText(times.max_ns));
}

}  // namespace

LatencySummary Summarize(const LatencyHistogram& histogram) {
  return {.count = histogram.count(),
          .p50_ns = histogram.Quantile(0.5),
          .p90_ns = histogram.Quantile(0.9),
          .p99_ns = histogram.Quantile(0.99),
          .p999_ns = histogram.Quantile(0.999),
          .max_ns = histogram.max_ns()};
}

bool IsClean(const BenchReport& report) {
  return report.measured.failure.ok() && report.refusals.empty() &&
         report.missing_offsets.value_or(0) == 0;
}

std::string ReportJson(const BenchReport& report) {
  const Measurement& measured = report.measured;
  const TrafficCounts& counts = measured.counts;
  json::object latencies;
  for (const NamedLatency& latency : report.latencies) {
    latencies[latency.key] = ToJson(latency.summary);
  }
  json::object errors;
  for (const auto& [error, refusal] : report.refusals) {
    errors[ErrorName(error)] = refusal.answers;
  }
  double megabytes = Rate(counts.bytes, measured.seconds) / 1e6;
  json::object line{{"mode", report.mode},
                    {"topic", report.topic},
                    {"seconds", Rounded(measured.seconds)},
                    {"records", counts.records},
                    {"bytes", counts.bytes},
                    {"requests", counts.requests},
                    {"recordsPerSecond", Rounded(Rate(counts.records, measured.seconds))},
                    {"megabytesPerSecond", Rounded(megabytes)},
                    {"requestsPerSecond", Rounded(Rate(counts.requests, measured.seconds))},
                    {"latency", latencies},
                    {"errors", errors},
                    {"cpuSeconds", Rounded(measured.cpu_seconds)},
                    {"interrupted", measured.was_interrupted}};
  if (report.missing_offsets.has_value()) line["missingOffsets"] = *report.missing_offsets;
  if (!measured.failure.ok()) {
    line["error"] = std::string(tools::ErrorNameOf(measured.failure));
    line["message"] = std::string(measured.failure.message());
  }
  return json::serialize(line);
}

std::string ReportText(const BenchReport& report) {
  const Measurement& measured = report.measured;
  const TrafficCounts& counts = measured.counts;
  std::string text =
      fmt::format("{} {}: {} records, {:.1f} MB in {:.2f} s{}\n", report.mode, report.topic,
                  WithCommas(counts.records), static_cast<double>(counts.bytes) / 1e6,
                  measured.seconds, measured.was_interrupted ? ", interrupted" : "");
  text +=
      fmt::format("  {} records/s, {:.1f} MB/s, {} requests/s; {:.2f} s of CPU in this program\n",
                  WithCommas(static_cast<uint64_t>(Rate(counts.records, measured.seconds))),
                  Rate(counts.bytes, measured.seconds) / 1e6,
                  WithCommas(static_cast<uint64_t>(Rate(counts.requests, measured.seconds))),
                  measured.cpu_seconds);
  for (const NamedLatency& latency : report.latencies) text += Line(latency);
  for (const auto& [error, refusal] : report.refusals) {
    text += fmt::format("  refused: {} {}{}\n", WithCommas(refusal.answers), ErrorName(error),
                        refusal.message.empty() ? "" : ": " + refusal.message);
  }
  if (report.missing_offsets.value_or(0) > 0) {
    text += fmt::format("  missing: {} offsets between the records\n",
                        WithCommas(static_cast<uint64_t>(*report.missing_offsets)));
  }
  return text;
}

std::string WithCommas(uint64_t number) {
  std::string text = fmt::format("{}", number);
  for (size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, ",");
  }
  return text;
}

std::string TimeText(uint64_t ns) {
  auto value = static_cast<double>(ns);
  if (ns < 1'000'000) return fmt::format("{:.0f} us", value / 1e3);
  if (ns < 1'000'000'000) return fmt::format("{:.2f} ms", value / 1e6);
  return fmt::format("{:.2f} s", value / 1e9);
}

}  // namespace millrace::bench
