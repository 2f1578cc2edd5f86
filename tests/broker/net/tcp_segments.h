// What a TCP socket has sent, for tests. Of its own, for the kernel's <linux/tcp.h> and the C
// library's <netinet/tcp.h> do not go together, and only the former knows it.
#pragma once

#include <cstdint>

namespace millrace::net {

// Segments with data, those that were sent again included.
uint32_t DataSegmentsSent(int socket);

}  // namespace millrace::net
