#include "tools/bench/event_loop.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <sys/epoll.h>

#include <absl/memory/memory.h>

namespace millrace::bench {

namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
// Longer than the 30 seconds after which a broker itself gives up on a request.
constexpr uint64_t kStallNs = 40'000 * kNsPerMs;
constexpr uint64_t kLongestWaitMs = 1'000;
// An event carries the number of its traffic above this bit, below it that of the descriptor.
constexpr unsigned kNumberShift = 32;

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Start(std::vector<Traffic*> traffics) {
  Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (epoll.get() < 0) return SystemError("epoll_create1");
  auto loop = absl::WrapUnique(new EventLoop(std::move(traffics), std::move(epoll)));
  for (size_t i = 0; i < loop->traffics_.size(); ++i) {
    absl::Status watched = loop->Watch(i);
    if (!watched.ok()) return watched;
  }
  loop->answered_ns_ = NowNs();
  return loop;
}

absl::Status EventLoop::Watch(size_t number) {
  Traffic& traffic = *traffics_[number];
  uint32_t trigger = traffic.level_triggered() ? 0 : EPOLLET;
  std::span<const int> descriptors = traffic.descriptors();
  for (size_t i = 0; i < descriptors.size(); ++i) {
    epoll_event event{.events = EPOLLIN | EPOLLOUT | trigger,
                      .data = {.u64 = uint64_t{number} << kNumberShift | i}};
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptors[i], &event) != 0) {
      return SystemError("epoll_ctl");
    }
    absl::Status status = traffic.OnReady(i);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status EventLoop::CheckStall(uint64_t now_ns) {
  uint64_t answers = 0;
  bool awaits_answer = false;
  for (const Traffic* traffic : traffics_) {
    answers += traffic->counts().requests + traffic->counts().records;
    awaits_answer = awaits_answer || traffic->awaits_answer();
  }
  if (answers != answers_seen_ || !awaits_answer) answered_ns_ = now_ns;
  answers_seen_ = answers;
  if (now_ns - answered_ns_ < kStallNs) return absl::OkStatus();
  return absl::UnavailableError("the broker has answered nothing for 40 seconds");
}

absl::Status EventLoop::RunUntil(uint64_t end_ns, absl::FunctionRef<bool()> done) {
  for (uint64_t now = NowNs(); now < end_ns && !done(); now = NowNs()) {
    std::array<epoll_event, 64> events;
    uint64_t wait_ms = std::min((end_ns - now) / kNsPerMs + 1, kLongestWaitMs);
    int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                             static_cast<int>(wait_ms));
    if (ready < 0 && errno != EINTR) return SystemError("epoll_wait");
    for (int i = 0; i < ready; ++i) {
      uint64_t which = events[static_cast<size_t>(i)].data.u64;
      absl::Status status =
          traffics_[which >> kNumberShift]->OnReady(which & ((uint64_t{1} << kNumberShift) - 1));
      if (!status.ok()) return status;
    }
    absl::Status stalled = CheckStall(now);
    if (!stalled.ok()) return stalled;
  }
  return absl::OkStatus();
}

}  // namespace millrace::bench
