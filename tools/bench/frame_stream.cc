#include "tools/bench/frame_stream.h"

#include <algorithm>
#include <cerrno>
#include <sys/socket.h>
#include <utility>

#include "proto/invariant.h"

namespace millrace::bench {

FrameStream::FrameStream(Descriptor socket, StreamPlan plan) : socket_(std::move(socket)) {
  Restart(std::move(plan));
}

void FrameStream::Restart(StreamPlan plan) {
  INVARIANT(under_way() == 0);
  plan_ = std::move(plan);
  claimed_ = sent_bytes_ = answered_ = 0;
  if (!plan_.pacer.has_value()) sent_ns_.resize(plan_.in_flight);
}

absl::Status FrameStream::Run(FrameBudget& budget, OnAnswer on_answer) {
  while (true) {
    absl::StatusOr<bool> more = receiver_.Read(socket_.get());
    if (!more.ok()) return more.status();
    while (auto answer = receiver_.Next()) {
      absl::Status status = FinishAnswer(*answer, on_answer);
      if (!status.ok()) return status;
    }
    if (!*more) break;
  }
  return Send(budget, on_answer);
}

absl::Status FrameStream::FinishAnswer(wire::Bytes answer, OnAnswer on_answer) {
  if (under_way() == 0) return absl::DataLossError("the broker answered what was not asked");
  uint64_t latency_ns = NowNs() - DueNs(answered_);
  absl::Status status = on_answer(answer, latency_ns);
  ++answered_;
  return status;
}

uint64_t FrameStream::DueNs(uint64_t request) const {
  return plan_.pacer.has_value() ? plan_.pacer->DueNs(request)
                                 : sent_ns_[request % plan_.in_flight];
}

void FrameStream::Claim(uint64_t now_ns, FrameBudget& budget) {
  uint64_t want = answered_ + plan_.in_flight;
  if (plan_.pacer.has_value()) {
    want = std::min(want, plan_.pacer->DueBy(std::min(now_ns, budget.end_ns)));
  } else if (now_ns >= budget.end_ns) {
    return;
  }
  if (want <= claimed_) return;
  uint64_t taken = std::min(want - claimed_, budget.frames_left);
  budget.frames_left -= taken;
  claimed_ += taken;
}

// A request's time starts with the send that takes its first byte.
void FrameStream::NoteSendTimes(uint64_t now_ns, uint64_t bytes) {
  uint64_t frame_bytes = plan_.ring.frame_bytes();
  uint64_t first = (sent_bytes_ + frame_bytes - 1) / frame_bytes;
  uint64_t last = (sent_bytes_ + bytes - 1) / frame_bytes;
  for (uint64_t request = first; request <= last; ++request) {
    sent_ns_[request % plan_.in_flight] = now_ns;
  }
}

absl::Status FrameStream::Send(FrameBudget& budget, OnAnswer on_answer) {
  const FrameRing& ring = plan_.ring;
  Claim(NowNs(), budget);
  while (sent_bytes_ < claimed_ * ring.frame_bytes()) {
    uint64_t at = sent_bytes_ % ring.bytes.size();
    uint64_t count = std::min(ring.bytes.size() - at, claimed_ * ring.frame_bytes() - sent_bytes_);
    if (!plan_.pacer.has_value()) NoteSendTimes(NowNs(), count);
    ssize_t sent = ::send(socket_.get(), ring.bytes.data() + at, count, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) break;
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return SystemError("a connection was lost");
    sent_bytes_ += static_cast<uint64_t>(sent);
  }
  return plan_.is_answered ? absl::OkStatus() : FinishSent(on_answer);
}

absl::Status FrameStream::FinishSent(OnAnswer on_answer) {
  while (answered_ < sent_bytes_ / plan_.ring.frame_bytes()) {
    absl::Status status = FinishAnswer({}, on_answer);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace millrace::bench
