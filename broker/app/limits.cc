#include "broker/app/limits.h"

#include <algorithm>

#include <fmt/format.h>

#include "broker/runtime/memory_budget.h"
#include "broker/runtime/process.h"

namespace millrace {

namespace {

size_t Size(const core::Properties& properties, std::string_view name) {
  return static_cast<size_t>(properties.Integer(name));
}

// Of a budget for the process, what requests, answers and connections may be counted with. The rest
// is for the program, what the allocator cannot give back, and what is not counted: measured with
// hostile clients, 60 MiB beside 64 that are counted (docs/decisions/0012).
size_t CountedBytes(size_t process_bytes) {
  constexpr size_t kUncountedBytes = size_t{64} << 20;
  return process_bytes - std::max(process_bytes / 4, std::min(process_bytes / 2, kUncountedBytes));
}

absl::Status SetMemory(const core::Properties& properties, BrokerLimits& limits) {
  limits.memory_bytes = Size(properties, "memory.budget.bytes");
  if (limits.memory_bytes == 0) limits.memory_bytes = MemoryBudget::DefaultBytes();
  if (limits.memory_bytes < MemoryBudget::kBytesMin) {
    return absl::InvalidArgumentError(fmt::format(
        "memory.budget.bytes must be 0, a quarter of the memory, or at least {}, not {}",
        MemoryBudget::kBytesMin, limits.memory_bytes));
  }
  limits.memory_bytes = CountedBytes(limits.memory_bytes);
  int64_t queued = properties.Integer("queued.max.request.bytes");
  int64_t largest = properties.Integer("socket.request.max.bytes");
  if (queued > 0 && queued < largest) {
    return absl::InvalidArgumentError(fmt::format(
        "queued.max.request.bytes must be -1 or at least socket.request.max.bytes ({}), not {}",
        largest, queued));
  }
  if (queued > 0) limits.shared_memory_bytes = static_cast<size_t>(queued);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BrokerLimits> MakeLimits(const core::Properties& properties) {
  BrokerLimits limits(DescriptorsMax());
  limits.files = {.open_max = limits.descriptors.files(), .mappings_max = MappingsMax() / 2};
  absl::Status status = SetMemory(properties, limits);
  if (!status.ok()) return status;
  net::ConnectionLimits& connection = limits.connection;
  connection.frame_bytes_max = Size(properties, "socket.request.max.bytes");
  connection.open_requests_max = Size(properties, "max.inflight.requests");
  connection.pending_bytes_max = Size(properties, "max.inflight.bytes");
  connection.idle_ms_max = properties.Integer("connections.max.idle.ms");
  connection.frame_ms_max = properties.Integer("connections.max.frame.ms");
  // A frame that grows needs half of its size more for a moment, and is not the only thing there.
  MemoryBudget budget(limits.memory_bytes, limits.shared_memory_bytes);
  auto largest = static_cast<size_t>(budget.shared_limit() / 2);
  if (connection.frame_bytes_max > largest) {
    limits.warnings.push_back(
        fmt::format("memory.budget.bytes has room for requests of {} bytes at most; "
                    "socket.request.max.bytes is {}",
                    largest, connection.frame_bytes_max));
    connection.frame_bytes_max = largest;
  }
  auto maxima = net::ParseAddressMaxima(properties.Text("max.connections.per.ip.overrides"));
  if (!maxima.ok()) return maxima.status();
  limits.address_maxima = *std::move(maxima);
  return limits;
}

net::ListenOptions MakeListenOptions(const core::Properties& properties,
                                     const BrokerLimits& limits) {
  net::ListenOptions options;
  options.backlog = static_cast<int>(properties.Integer("socket.listen.backlog.size"));
  options.send_buffer_bytes = static_cast<int>(properties.Integer("socket.send.buffer.bytes"));
  options.receive_buffer_bytes =
      static_cast<int>(properties.Integer("socket.receive.buffer.bytes"));
  options.connections_max =
      std::min(Size(properties, "max.connections"), limits.descriptors.connections_max());
  options.connections_per_address_max = Size(properties, "max.connections.per.ip");
  options.address_maxima = limits.address_maxima;
  return options;
}

}  // namespace millrace
