#include "bench/system/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/system/fatal.h"
#include "bench/system/frame_writer.h"

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

void ReceiveAll(int descriptor, std::span<uint8_t> out) {
  while (!out.empty()) {
    ssize_t got = ::recv(descriptor, out.data(), out.size(), 0);
    if (got == 0) Die("the server closed the connection");
    if (got < 0) DieErrno("recv");
    out = out.subspan(static_cast<size_t>(got));
  }
}

}  // namespace

void SetTcpOptions(int descriptor) {
  int on = 1;
  if (::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
    DieErrno("TCP_NODELAY");
  }
  const std::string cubic = "cubic";  // a kernel without it keeps its default
  (void)::setsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, cubic.data(),
                     static_cast<socklen_t>(cubic.size()));
}

void SetNonBlocking(int descriptor) {
  int flags = ::fcntl(descriptor, F_GETFL);
  if (flags < 0 || ::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) != 0) DieErrno("O_NONBLOCK");
}

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

int ConnectToLoopback(uint16_t port) {
  int descriptor = NewSocket();
  SetTcpOptions(descriptor);
  sockaddr_in address = Loopback(port);
  if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    DieErrno("connect to port " + std::to_string(port));
  }
  return descriptor;
}

std::vector<uint8_t> Exchange(int descriptor, std::span<const uint8_t> request) {
  while (!request.empty()) {
    ssize_t sent = ::send(descriptor, request.data(), request.size(), MSG_NOSIGNAL);
    if (sent < 0) DieErrno("send");
    request = request.subspan(static_cast<size_t>(sent));
  }
  uint8_t size[4];
  ReceiveAll(descriptor, size);
  std::vector<uint8_t> answer(LoadBigEndian<uint32_t>(size));
  ReceiveAll(descriptor, answer);
  return answer;
}

}  // namespace millrace::bench
