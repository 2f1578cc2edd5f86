#include "tests/broker/net/tcp_segments.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace millrace::net {

uint32_t DataSegmentsSent(int socket) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  return ::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_data_segs_out
                                                                        : UINT32_MAX;
}

}  // namespace millrace::net
