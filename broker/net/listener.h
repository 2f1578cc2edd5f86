// Accepts connections and spreads them over the shards, one after the other.
//
// Threading: lives on shard 0; each connection on the shard it was given to. Lifetime: Close must
// have returned before the listener goes.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>
#include <boost/asio/ip/tcp.hpp>

#include "broker/net/address_maxima.h"
#include "broker/net/connection.h"
#include "broker/runtime/shard.h"

namespace millrace::net {

struct ListenOptions {
  std::string host;
  uint16_t port = 0;  // 0: the kernel chooses
  int backlog = 511;
  int send_buffer_bytes = -1;  // negative: the kernel chooses
  int receive_buffer_bytes = -1;
  size_t connections_max = SIZE_MAX;
  size_t connections_per_address_max = SIZE_MAX;
  AddressMaxima address_maxima;  // over the one for all addresses
};

// What a shard lends to its connections, by the shards' numbers; outlives the listener.
struct ListenerResources {
  std::vector<ShardMemory*> memories;
  ClientLog* log = nullptr;
  LoadPool* loads = nullptr;
  // On shard 0, when there are more or fewer connections than before.
  std::function<void(size_t open)> on_connections;
};

// The connections of one shard and what they share.
struct ShardConnections {
  ShardConnections(Shard& shard, ShardMemory& memory, MemoryRelief::AskOthers ask_others)
      : buffers(memory),
        tasks(shard),
        relief(shard, buffers, open, std::move(ask_others)),
        large_frames(shard.timers()) {}

  BufferPool buffers;
  TaskGroup tasks;
  MemoryRelief::Connections open;
  MemoryRelief relief;
  LargeFrames large_frames;
  Metrics metrics;
};

class Listener {
 public:
  Listener(ShardSet& shards, ConnectionLimits limits, ListenerResources resources);
  ~Listener();

  // Blocking; before the shards run. AlreadyExists: the port is in use.
  absl::Status Open(const ListenOptions& options);
  uint16_t port() const { return port_; }
  // Starts to accept. `handlers` has one handler a shard; they outlive the listener.
  void Start(std::vector<FrameHandler*> handlers);

  // No new connections, no new requests; open requests go on.
  awaitable<void> StopTaking();
  // Until every answer is sent, but no longer than the deadline; then closes what is left.
  awaitable<void> Close(MonotonicMs deadline);

  // The sum over all shards.
  awaitable<Metrics> CollectMetrics();

 private:
  awaitable<void> AcceptLoop();
  awaitable<void> OnAcceptError(IoError error);
  void Admit(asio::ip::tcp::socket socket, size_t shard_index);
  // Counts a connection more; none where there may be no more.
  std::optional<RefuseReason> Enter(const std::string& address);
  void Refuse(RefuseReason reason, std::string_view peer);
  awaitable<void> Leave(std::string address);
  void AskOthers(size_t shard_index, size_t bytes);
  absl::Status Bind(const asio::ip::tcp::endpoint& endpoint);
  awaitable<void> Serve(asio::ip::tcp::socket socket, Peer peer, size_t shard_index);
  awaitable<void> ServeHere(asio::ip::tcp::socket socket, Peer peer, size_t shard_index);
  awaitable<void> DrainShard(size_t shard_index);
  awaitable<void> CloseShard(size_t shard_index, MonotonicMs deadline);
  awaitable<Metrics> CopyMetrics(size_t shard_index);

  ShardSet& shards_;
  std::vector<FrameHandler*> handlers_;
  ConnectionLimits limits_;
  ListenerResources resources_;
  ListenOptions options_;
  SendTurns turns_;
  asio::ip::tcp::acceptor acceptor_;
  TaskGroup accepting_;
  uint16_t port_ = 0;
  std::vector<std::unique_ptr<ShardConnections>> connections_;
  // Of shard 0.
  size_t open_count_ = 0;
  absl::flat_hash_map<std::string, size_t> open_by_address_;
  std::atomic<bool> stopping_ = false;
};

}  // namespace millrace::net
