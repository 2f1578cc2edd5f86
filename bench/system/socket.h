// The listener of the null broker.
#pragma once

#include <cstdint>

namespace millrace::bench {

// With the options that the load generator's sockets have. Ends the program when it fails.
int ListenOnLoopback(uint16_t port);

}  // namespace millrace::bench
