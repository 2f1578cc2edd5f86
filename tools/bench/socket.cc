#include "tools/bench/socket.h"

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tools/tcp_connect.h"

namespace millrace::bench {

namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

absl::Status SystemError(const std::string& what) {
  return absl::UnavailableError(what + ": " + std::strerror(errno));
}

void SetTcpOptions(int descriptor) {
  int on = 1;
  (void)::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  const std::string cubic = "cubic";
  (void)::setsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, cubic.data(),
                     static_cast<socklen_t>(cubic.size()));
}

absl::StatusOr<Descriptor> ConnectForLoad(const std::string& server) {
  auto connected = tools::TcpConnect(server, SetTcpOptions);
  if (!connected.ok()) return connected.status();
  Descriptor socket(*connected);
  int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return SystemError("O_NONBLOCK");
  }
  return socket;
}

absl::StatusOr<Descriptor> NewTimer() {
  Descriptor timer(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (timer.get() < 0) return SystemError("timerfd_create");
  return timer;
}

absl::Status ArmTimer(const Descriptor& timer, uint64_t at_ns) {
  itimerspec when{.it_interval = {},
                  .it_value = {.tv_sec = static_cast<time_t>(at_ns / kNsPerSecond),
                               .tv_nsec = static_cast<int64_t>(at_ns % kNsPerSecond)}};
  if (::timerfd_settime(timer.get(), TFD_TIMER_ABSTIME, &when, nullptr) != 0) {
    return SystemError("timerfd_settime");
  }
  return absl::OkStatus();
}

void ReadTimer(const Descriptor& timer) {
  uint64_t expirations = 0;
  static_cast<void>(::read(timer.get(), &expirations, sizeof(expirations)));
}

uint64_t NowNs() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * kNsPerSecond + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace millrace::bench
