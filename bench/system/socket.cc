#include "bench/system/socket.h"

#include <netinet/in.h>
#include <string>
#include <sys/socket.h>

#include "bench/system/fatal.h"
#include "tools/bench/socket.h"

namespace millrace::bench {
namespace {

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int NewSocket() {
  int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) DieErrno("socket");
  return descriptor;
}

}  // namespace

int ListenOnLoopback(uint16_t port) {
  int listener = NewSocket();
  int on = 1;
  if (::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) {
    DieErrno("SO_REUSEADDR");
  }
  SetTcpOptions(listener);
  sockaddr_in address = Loopback(port);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    DieErrno("bind to port " + std::to_string(port));
  }
  if (::listen(listener, 1024) != 0) DieErrno("listen");
  return listener;
}

}  // namespace millrace::bench
