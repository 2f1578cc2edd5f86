#include "tools/admin_connection.h"

#include <cstring>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include "tools/tcp_connect.h"

namespace millrace::tools {

namespace {

constexpr size_t kAnswerBytesMax = 256 << 20;

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

}  // namespace

AdminConnection::~AdminConnection() {
  if (socket_ >= 0) close(socket_);
}

absl::StatusOr<AdminConnection> AdminConnection::Connect(const std::string& bootstrap_server) {
  auto socket = TcpConnect(bootstrap_server);
  if (!socket.ok()) return socket.status();
  return AdminConnection(*socket);
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
