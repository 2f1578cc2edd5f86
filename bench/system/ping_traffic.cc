#include "bench/system/ping_traffic.h"

#include <utility>

#include <absl/memory/memory.h>

#include "proto/wire/api_versions.h"
#include "proto/wire/frame.h"

namespace millrace::bench {
namespace {

constexpr uint64_t kUnderWayMax = 100'000;

// ApiVersions 0: the least that a broker can be asked.
FrameRing PingRing() {
  wire::ByteBuffer out;
  wire::EncodeRequest(out, {wire::ApiVersionsRequest::kInfo.key, 0, 0, "millrace-load"},
                      wire::ApiVersionsRequest{});
  return {.bytes = {out.bytes().begin(), out.bytes().end()}};
}

}  // namespace

absl::StatusOr<std::unique_ptr<PingTraffic>> PingTraffic::Connect(const std::string& server,
                                                                  double per_second) {
  auto socket = ConnectForLoad(server);
  if (!socket.ok()) return socket.status();
  auto timer = NewTimer();
  if (!timer.ok()) return timer.status();
  return absl::WrapUnique(
      new PingTraffic(std::move(*socket), std::move(*timer), Pacer(NowNs(), per_second)));
}

PingTraffic::PingTraffic(Descriptor socket, Descriptor timer, const Pacer& pacer)
    : pacer_(pacer),
      stream_(std::move(socket), {.ring = PingRing(), .in_flight = kUnderWayMax, .pacer = pacer}),
      timer_(std::move(timer)),
      descriptors_{stream_.descriptor(), timer_.get()} {}

absl::Status PingTraffic::OnReady(size_t index) {
  auto on_answer = [this](wire::Bytes answer, uint64_t latency_ns) {
    latencies().Record(latency_ns);
    CountAnswer(0, answer.size());
    return absl::OkStatus();
  };
  if (index == 0) return stream_.Run(budget_, on_answer);
  ReadTimer(timer_);
  absl::Status sent = stream_.Send(budget_, on_answer);
  return sent.ok() ? ArmTimer(timer_, pacer_.DueNs(pacer_.DueBy(NowNs()))) : sent;
}

}  // namespace millrace::bench
