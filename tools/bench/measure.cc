#include "tools/bench/measure.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>

#include "tools/bench/event_loop.h"

namespace millrace::bench {

namespace {

constexpr double kNsPerSecond = 1e9;
constexpr uint64_t kProgressNs = 1'000'000'000;

volatile std::sig_atomic_t interrupted = 0;

void OnInterrupt(int /*signal*/) { interrupted = 1; }

double CpuSeconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

TrafficCounts Difference(const TrafficCounts& to, const TrafficCounts& from) {
  return {.requests = to.requests - from.requests,
          .records = to.records - from.records,
          .bytes = to.bytes - from.bytes};
}

// One line, written over itself on a terminal.
class ProgressLine {
 public:
  explicit ProgressLine(bool is_shown) : is_shown_(is_shown), is_terminal_(::isatty(2) == 1) {}
  ~ProgressLine() {
    if (was_written_ && is_terminal_) std::fputs("\r\033[K", stderr);
  }

  void Show(const Traffic& traffic, uint64_t start_ns, uint64_t now_ns) {
    if (!is_shown_) return;
    double seconds = static_cast<double>(now_ns - last_ns_) / kNsPerSecond;
    TrafficCounts since = Difference(traffic.counts(), last_);
    std::string line =
        fmt::format("{:.0f} s: {} records/s, {:.1f} MB/s, p99 {} so far",
                    static_cast<double>(now_ns - start_ns) / kNsPerSecond,
                    WithCommas(static_cast<uint64_t>(static_cast<double>(since.records) / seconds)),
                    static_cast<double>(since.bytes) / seconds / 1e6,
                    TimeText(traffic.latencies().Quantile(0.99)));
    for (const auto& [error, refusal] : traffic.refusals()) {
      line += fmt::format(", {} {}", WithCommas(refusal.answers), ErrorName(error));
    }
    std::string text = is_terminal_ ? "\r" + line + "\033[K" : line + "\n";
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
    was_written_ = true;
    Restart(traffic, now_ns);
  }
  // What is shown next counts from here.
  void Restart(const Traffic& traffic, uint64_t now_ns) {
    last_ = traffic.counts();
    last_ns_ = now_ns;
  }

 private:
  bool is_shown_;
  bool is_terminal_;
  bool was_written_ = false;
  TrafficCounts last_;
  uint64_t last_ns_ = 0;
};

uint64_t After(uint64_t start_ns, double seconds) {
  return start_ns + static_cast<uint64_t>(seconds * kNsPerSecond);
}

uint64_t EndOf(const MeasurePlan& plan, uint64_t start_ns) {
  return plan.duration_seconds > 0 ? After(start_ns, plan.duration_seconds) : UINT64_MAX;
}

absl::StatusOr<std::unique_ptr<EventLoop>> WarmUp(LimitedTraffic& traffic,
                                                  const MeasurePlan& plan) {
  // Without a warm-up the limits hold from the first request on.
  bool is_measured = plan.warmup_seconds <= 0;
  if (is_measured) {
    absl::Status limited = traffic.Limit(plan.records, EndOf(plan, NowNs()));
    if (!limited.ok()) return limited;
  }
  auto loop = EventLoop::Start({&traffic});
  if (!loop.ok() || is_measured) return loop;
  absl::Status ran =
      (*loop)->RunUntil(After(NowNs(), plan.warmup_seconds), [] { return interrupted != 0; });
  if (!ran.ok()) return ran;
  traffic.BeginWindow();
  return loop;
}

absl::Status RunWindow(EventLoop& loop, LimitedTraffic& traffic, const MeasurePlan& plan,
                       uint64_t start_ns) {
  uint64_t end_ns = EndOf(plan, start_ns);
  if (plan.warmup_seconds > 0) {
    absl::Status limited = traffic.Limit(plan.records, end_ns);
    if (!limited.ok()) return limited;
  }
  ProgressLine progress(plan.show_progress);
  progress.Restart(traffic, start_ns);
  bool is_stopping = false;
  for (uint64_t next_ns = start_ns + kProgressNs; !traffic.is_done(NowNs());) {
    // A round wakes up at the end of the time, too.
    uint64_t until_ns = NowNs() < end_ns ? std::min(next_ns, end_ns) : next_ns;
    absl::Status ran = loop.RunUntil(
        until_ns, [&] { return traffic.is_done(NowNs()) || (interrupted != 0 && !is_stopping); });
    if (!ran.ok()) return ran;
    uint64_t now_ns = NowNs();
    if (interrupted != 0 && !is_stopping) {
      is_stopping = true;
      end_ns = std::min(end_ns, now_ns);
      absl::Status limited = traffic.Limit(0, end_ns);
      if (!limited.ok()) return limited;
    }
    if (now_ns < next_ns) continue;
    progress.Show(traffic, start_ns, now_ns);
    next_ns = now_ns + kProgressNs;
  }
  return absl::OkStatus();
}

}  // namespace

void CatchInterrupts() {
  struct sigaction action{};
  action.sa_handler = OnInterrupt;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

Measurement Measure(LimitedTraffic& traffic, const MeasurePlan& plan) {
  Measurement measured;
  uint64_t start_ns = NowNs();
  TrafficCounts start = traffic.counts();
  double cpu_start = CpuSeconds();
  auto loop = WarmUp(traffic, plan);
  if (plan.warmup_seconds > 0) {
    start_ns = NowNs();
    start = traffic.counts();
    cpu_start = CpuSeconds();
  }
  measured.failure = loop.ok() ? RunWindow(**loop, traffic, plan, start_ns) : loop.status();
  measured.seconds = static_cast<double>(NowNs() - start_ns) / kNsPerSecond;
  measured.cpu_seconds = CpuSeconds() - cpu_start;
  measured.counts = Difference(traffic.counts(), start);
  measured.was_interrupted = interrupted != 0;
  return measured;
}

}  // namespace millrace::bench
