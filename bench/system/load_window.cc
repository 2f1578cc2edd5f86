#include "bench/system/load_window.h"

#include <array>
#include <ctime>
#include <sys/epoll.h>
#include <unistd.h>

#include <fmt/format.h>

#include "bench/system/fatal.h"

namespace millrace::bench {
namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;
// A server that answers nothing for so long has failed.
constexpr int kStallMs = 20'000;

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
          .requests = traffic.answered_requests(),
          .bytes = traffic.payload_bytes(),
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

class EventLoop {
 public:
  explicit EventLoop(Traffic& traffic) : traffic_(traffic), epoll_(::epoll_create1(0)) {
    if (epoll_ < 0) DieErrno("epoll_create1");
    std::span<const int> descriptors = traffic.descriptors();
    for (size_t i = 0; i < descriptors.size(); ++i) {
      epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u64 = i}};
      if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptors[i], &event) != 0) DieErrno("epoll_ctl");
      traffic.OnReady(i);
    }
  }
  ~EventLoop() { ::close(epoll_); }
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Until the time, or until the traffic has carried `stop_bytes` in all.
  void RunUntil(uint64_t end_ns, uint64_t stop_bytes) {
    while (NowNs() < end_ns && traffic_.payload_bytes() < stop_bytes) {
      std::array<epoll_event, 64> events;
      int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), kStallMs);
      if (ready < 0 && errno != EINTR) DieErrno("epoll_wait");
      if (ready == 0) Die("the server has answered nothing for 20 seconds");
      for (int i = 0; i < ready; ++i) traffic_.OnReady(events[static_cast<size_t>(i)].data.u64);
    }
  }

 private:
  Traffic& traffic_;
  int epoll_;
};

uint64_t Nanoseconds(double seconds) { return static_cast<uint64_t>(seconds * kNsPerSecond); }

double PerUnit(double value, uint64_t count) {
  return count == 0 ? 0 : value / static_cast<double>(count);
}

}  // namespace

uint64_t NowNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kNsPerSecond + static_cast<uint64_t>(now.tv_nsec);
}

LoadReport RunWindow(Traffic& traffic, const LoadOptions& options) {
  EventLoop loop(traffic);
  loop.RunUntil(NowNs() + Nanoseconds(options.warmup_seconds), UINT64_MAX);
  traffic.BeginWindow();
  Snapshot start = TakeSnapshot(traffic, options);
  uint64_t stop_bytes =
      options.stop_after_bytes == 0 ? UINT64_MAX : start.bytes + options.stop_after_bytes;
  loop.RunUntil(start.now_ns + Nanoseconds(options.seconds), stop_bytes);
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
