// A TCP connection to a server by its name or address.
#pragma once

#include <cstdint>
#include <string>

#include <absl/status/statusor.h>

namespace millrace::tools {

// "host:port", or "[v6]:port" for an address of IPv6.
std::string HostAndPort(const std::string& host, int32_t port);

// A blocking socket to the first address of the host in "host:port" that answers; reads from it
// give up after a minute. Errors: a sentence for the user that names the server.
// `prepare`, unless it is null, sets what a socket needs before it is connected.
using PrepareSocket = void (*)(int socket);
absl::StatusOr<int> TcpConnect(const std::string& server, PrepareSocket prepare = nullptr);

}  // namespace millrace::tools
