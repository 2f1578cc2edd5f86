#include "tools/admin_connection.h"

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

constexpr size_t kAnswerBytesMax = 256 << 20;
constexpr time_t kTimeoutSeconds = 60;

absl::Status ReadAll(int socket, std::byte* out, size_t size) {
  while (size > 0) {
    ssize_t count = recv(socket, out, size, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return absl::UnavailableError(fmt::format("receive: {}", strerror(errno)));
    if (count == 0) return absl::UnavailableError("the broker closed the connection");
    out += count;
    size -= static_cast<size_t>(count);
  }
  return absl::OkStatus();
}

int ConnectTo(const addrinfo* address) {
  for (; address != nullptr; address = address->ai_next) {
    int socket = ::socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, 0);
    if (socket < 0) continue;
    timeval timeout{.tv_sec = kTimeoutSeconds, .tv_usec = 0};
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    if (connect(socket, address->ai_addr, address->ai_addrlen) == 0) return socket;
    int error = errno;
    close(socket);
    errno = error;
  }
  return -1;
}

}  // namespace

AdminConnection::~AdminConnection() {
  if (socket_ >= 0) close(socket_);
}

absl::StatusOr<AdminConnection> AdminConnection::Connect(const std::string& bootstrap_server) {
  auto endpoint = ParseEndpoint(bootstrap_server);
  if (!endpoint.ok()) return endpoint.status();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  std::string port = fmt::format("{}", endpoint->port);
  int failed = getaddrinfo(endpoint->host.c_str(), port.c_str(), &hints, &found);
  if (failed != 0) {
    return absl::UnavailableError(fmt::format("{}: {}", bootstrap_server, gai_strerror(failed)));
  }
  int socket = ConnectTo(found);
  int error = errno;
  freeaddrinfo(found);
  if (socket < 0) {
    return absl::UnavailableError(
        fmt::format("no broker answers at {}: {}", bootstrap_server, strerror(error)));
  }
  return AdminConnection(socket);
}

absl::Status AdminConnection::Exchange(wire::Bytes request) {
  while (!request.empty()) {
    ssize_t count = send(socket_, request.data(), request.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return absl::UnavailableError(fmt::format("send: {}", strerror(errno)));
    request = request.subspan(static_cast<size_t>(count));
  }
  uint32_t raw = 0;
  absl::Status status = ReadAll(socket_, reinterpret_cast<std::byte*>(&raw), sizeof(raw));
  if (!status.ok()) return status;
  uint32_t size = __builtin_bswap32(raw);
  if (size > kAnswerBytesMax) return absl::DataLossError("this is no Kafka broker");
  answer_.resize(size);
  return ReadAll(socket_, answer_.data(), size);
}

}  // namespace millrace::tools
