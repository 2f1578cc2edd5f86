// TCP over loopback as the benchmarks use it: no delay, and cubic where the kernel has it, on both
// ends, because the host's default (bbr) costs a sender two to four times its speed here.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace millrace::bench {

// Both end the program when they fail.
int ListenOnLoopback(uint16_t port);
int ConnectToLoopback(uint16_t port);
void SetNonBlocking(int descriptor);
void SetTcpOptions(int descriptor);

// On a blocking socket: sends one request frame and returns the answer without its size.
std::vector<uint8_t> Exchange(int descriptor, std::span<const uint8_t> request);

}  // namespace millrace::bench
