// Sockets as the generators of load use them: not blocking, no delay, and cubic where the kernel
// has it, because on loopback a host's default of bbr costs a sender two to four times its speed.
#pragma once

#include <string>
#include <utility>

#include <absl/status/statusor.h>

namespace millrace::bench {

// Owns a descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor();

  int get() const { return number_; }

 private:
  int number_ = -1;
};

// The reason of the system call that just failed, after what it was for.
absl::Status SystemError(const std::string& what);

// Before the socket is connected: one that has begun with bbr goes on pacing what it sends. What
// the kernel does not have stays as it is.
void SetTcpOptions(int descriptor);

// `server` is host:port.
absl::StatusOr<Descriptor> ConnectForLoad(const std::string& server);

// A timer on CLOCK_MONOTONIC that is not armed.
absl::StatusOr<Descriptor> NewTimer();
// At once when that time has passed.
absl::Status ArmTimer(const Descriptor& timer, uint64_t at_ns);
// Takes note of an expiration, so that the next one shows again.
void ReadTimer(const Descriptor& timer);

// CLOCK_MONOTONIC.
uint64_t NowNs();

}  // namespace millrace::bench
