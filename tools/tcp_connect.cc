#include "tools/tcp_connect.h"

#include <cstring>
#include <errno.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <fmt/format.h>

#include "broker/app/config.h"

namespace millrace::tools {

namespace {

constexpr time_t kTimeoutSeconds = 60;

int ConnectTo(const addrinfo* address, PrepareSocket prepare) {
  for (; address != nullptr; address = address->ai_next) {
    int socket = ::socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, 0);
    if (socket < 0) continue;
    timeval timeout{.tv_sec = kTimeoutSeconds, .tv_usec = 0};
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    if (prepare != nullptr) prepare(socket);
    if (connect(socket, address->ai_addr, address->ai_addrlen) == 0) return socket;
    int error = errno;
    close(socket);
    errno = error;
  }
  return -1;
}

}  // namespace

std::string HostAndPort(const std::string& host, int32_t port) {
  bool is_ipv6 = host.find(':') != std::string::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

absl::StatusOr<int> TcpConnect(const std::string& server, PrepareSocket prepare) {
  auto endpoint = ParseEndpoint(server);
  if (!endpoint.ok()) return endpoint.status();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  std::string port = fmt::format("{}", endpoint->port);
  int failed = getaddrinfo(endpoint->host.c_str(), port.c_str(), &hints, &found);
  if (failed != 0) {
    return absl::UnavailableError(fmt::format("{}: {}", server, gai_strerror(failed)));
  }
  int socket = ConnectTo(found, prepare);
  int error = errno;
  freeaddrinfo(found);
  if (socket < 0) {
    return absl::UnavailableError(
        fmt::format("no broker answers at {}: {}", server, strerror(error)));
  }
  return socket;
}

}  // namespace millrace::tools
