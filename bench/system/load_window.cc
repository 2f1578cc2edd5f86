#include "bench/system/load_window.h"

#include <memory>
#include <unistd.h>

#include <fmt/format.h>

#include "bench/system/fatal.h"
#include "tools/bench/event_loop.h"

namespace millrace::bench {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;

// What stands at one moment; a window is the difference of two.
struct Snapshot {
  uint64_t now_ns;
  uint64_t requests;
  uint64_t bytes;
  ProcessUsage client;
  ProcessUsage server;
  AllocationCounts allocations;
  double machine_busy_seconds;
};

Snapshot TakeSnapshot(const Traffic& traffic, const LoadOptions& options) {
  return {.now_ns = NowNs(),
          .requests = traffic.counts().requests,
          .bytes = traffic.counts().bytes,
          .client = ReadProcessUsage(::getpid()),
          .server = options.server_pid != 0 ? ReadProcessUsage(options.server_pid) : ProcessUsage{},
          .allocations = ReadAllocationCounts(options.allocation_counts),
          .machine_busy_seconds = ReadMachineBusySeconds()};
}

ProcessUsage Difference(const ProcessUsage& to, const ProcessUsage& from) {
  return {.cpu_seconds = to.cpu_seconds - from.cpu_seconds,
          .minor_faults = to.minor_faults - from.minor_faults,
          .voluntary_switches = to.voluntary_switches - from.voluntary_switches,
          .involuntary_switches = to.involuntary_switches - from.involuntary_switches};
}

void RefuseRefusals(const Traffic& traffic) {
  for (const auto& [error, refusal] : traffic.refusals()) {
    Die(fmt::format("refused: {} {}", ErrorName(error), refusal.message));
  }
}

uint64_t Nanoseconds(double seconds) { return static_cast<uint64_t>(seconds * kNsPerSecond); }

double PerUnit(double value, uint64_t count) {
  return count == 0 ? 0 : value / static_cast<double>(count);
}

}  // namespace

LoadReport RunWindow(const std::vector<Traffic*>& traffics, const LoadOptions& options) {
  Traffic& traffic = *traffics[0];
  std::unique_ptr<EventLoop> loop = OrDie(EventLoop::Start(traffics));
  OrDie(loop->RunUntil(NowNs() + Nanoseconds(options.warmup_seconds), [] { return false; }));
  RefuseRefusals(traffic);
  for (Traffic* each : traffics) each->BeginWindow();
  Snapshot start = TakeSnapshot(traffic, options);
  uint64_t stop_bytes =
      options.stop_after_bytes == 0 ? UINT64_MAX : start.bytes + options.stop_after_bytes;
  OrDie(loop->RunUntil(start.now_ns + Nanoseconds(options.seconds),
                       [&] { return traffic.counts().bytes >= stop_bytes; }));
  RefuseRefusals(traffic);
  Snapshot end = TakeSnapshot(traffic, options);
  return {.seconds = static_cast<double>(end.now_ns - start.now_ns) / kNsPerSecond,
          .requests = end.requests - start.requests,
          .bytes = end.bytes - start.bytes,
          .client = Difference(end.client, start.client),
          .server = Difference(end.server, start.server),
          .server_allocations = {.allocations =
                                     end.allocations.allocations - start.allocations.allocations,
                                 .bytes = end.allocations.bytes - start.allocations.bytes},
          .machine_busy_seconds = end.machine_busy_seconds - start.machine_busy_seconds,
          .p50_ns = traffic.latencies().Quantile(0.5),
          .p99_ns = traffic.latencies().Quantile(0.99),
          .p999_ns = traffic.latencies().Quantile(0.999),
          .max_ns = traffic.latencies().max_ns()};
}

std::string ReportLine(const LoadReport& report, const LoadOptions& options,
                       const std::string& shape) {
  double gigabytes = static_cast<double>(report.bytes) / 1e9;
  auto per_gb = [&](double value) { return gigabytes > 0 ? value / gigabytes : 0; };
  std::string line = fmt::format(
      R"({{{},"connections":{},"seconds":{:.4f},"requests":{},"bytes":{},"mb_per_s":{:.1f},)"
      R"("requests_per_s":{:.0f},"p50_us":{:.1f},"p99_us":{:.1f},"p999_us":{:.1f},)"
      R"("max_us":{:.1f},)",
      shape, options.connections, report.seconds, report.requests, report.bytes,
      static_cast<double>(report.bytes) / report.seconds / 1e6,
      static_cast<double>(report.requests) / report.seconds,
      static_cast<double>(report.p50_ns) / 1e3, static_cast<double>(report.p99_ns) / 1e3,
      static_cast<double>(report.p999_ns) / 1e3, static_cast<double>(report.max_ns) / 1e3);
  line += fmt::format(
      R"("client_cpu_s":{:.3f},"client_cpu_s_per_gb":{:.4f},"machine_busy_s":{:.3f})",
      report.client.cpu_seconds, per_gb(report.client.cpu_seconds), report.machine_busy_seconds);
  if (options.server_pid != 0) {
    line += fmt::format(
        R"(,"server_cpu_s":{:.3f},"server_cpu_s_per_gb":{:.4f},"server_cpu_us_per_request":{:.3f},)"
        R"("server_voluntary_switches":{},"server_involuntary_switches":{},)"
        R"("server_minor_faults":{})",
        report.server.cpu_seconds, per_gb(report.server.cpu_seconds),
        PerUnit(report.server.cpu_seconds * 1e6, report.requests), report.server.voluntary_switches,
        report.server.involuntary_switches, report.server.minor_faults);
  }
  if (!options.allocation_counts.empty()) {
    auto allocations = static_cast<double>(report.server_allocations.allocations);
    line +=
        fmt::format(R"(,"allocations_per_request":{:.4f},"allocated_bytes_per_request":{:.1f})",
                    PerUnit(allocations, report.requests),
                    PerUnit(static_cast<double>(report.server_allocations.bytes), report.requests));
  }
  return line + "}";
}

}  // namespace millrace::bench
