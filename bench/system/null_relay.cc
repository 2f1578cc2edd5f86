#include "bench/system/null_relay.h"

#include <array>
#include <ctime>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/system/fatal.h"
#include "bench/system/socket.h"
#include "tools/bench/socket.h"

namespace millrace::bench {
namespace {

constexpr int kTickMs = 100;

int64_t NowMs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace

NullRelay::NullRelay(uint16_t port)
    : port_(port), listener_(ListenOnLoopback(port)), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  if (epoll_ < 0) DieErrno("epoll_create1");
  Watch(listener_, 0);
}

NullRelay::~NullRelay() {
  ::close(epoll_);
  ::close(listener_);
}

// The number 0 stands for the listener, number n for connections_[n - 1].
void NullRelay::Watch(int descriptor, uint64_t number) {
  uint32_t what = number == 0 ? EPOLLIN : EPOLLIN | EPOLLOUT | EPOLLET;
  epoll_event event{.events = what, .data = {.u64 = number}};
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) DieErrno("epoll_ctl");
}

void NullRelay::Accept() {
  int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (descriptor < 0) DieErrno("accept4");
  SetTcpOptions(descriptor);
  connections_.push_back(std::make_unique<RelayConnection>(descriptor, port_, log_));
  Watch(descriptor, connections_.size());
}

void NullRelay::OnReady(uint64_t number) {
  if (number == 0) return Accept();
  std::unique_ptr<RelayConnection>& connection = connections_[number - 1];
  if (connection && (!connection->Read(NowMs()) || !connection->Write())) connection.reset();
}

void NullRelay::AnswerWaiting() {
  int64_t now_ms = NowMs();
  for (auto& connection : connections_) {
    if (!connection) continue;
    connection->AnswerWaiting(now_ms);
    if (!connection->Write()) connection.reset();
  }
}

void NullRelay::Run() {
  while (true) {
    std::array<epoll_event, 64> events;
    int ready = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), kTickMs);
    if (ready < 0 && errno != EINTR) DieErrno("epoll_wait");
    for (int i = 0; i < ready; ++i) OnReady(events[static_cast<size_t>(i)].data.u64);
    AnswerWaiting();
  }
}

}  // namespace millrace::bench
