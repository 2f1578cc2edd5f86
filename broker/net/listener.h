// Accepts connections and spreads them over the shards, one after the other.
//
// Threading: lives on shard 0; each connection on the shard it was given to. Lifetime: Close must
// have returned before the listener goes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <absl/container/flat_hash_set.h>
#include <absl/status/statusor.h>
#include <boost/asio/ip/tcp.hpp>

#include "broker/net/connection.h"
#include "broker/runtime/shard.h"

namespace millrace::net {

struct ListenOptions {
  std::string host;
  uint16_t port = 0;  // 0: the kernel chooses
  int backlog = 511;
  size_t connections_max = SIZE_MAX;
};

// The connections of one shard and what they share.
struct ShardConnections {
  explicit ShardConnections(Shard& shard) : tasks(shard) {}

  BufferPool buffers;
  TaskGroup tasks;
  absl::flat_hash_set<Connection*> open;
};

class Listener {
 public:
  Listener(ShardSet& shards, ConnectionLimits limits);
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

 private:
  awaitable<void> AcceptLoop();
  awaitable<void> OnAcceptError(IoError error);
  void Hand(asio::ip::tcp::socket socket, size_t shard_index);
  awaitable<void> Serve(asio::ip::tcp::socket socket, Peer peer, size_t shard_index);
  awaitable<void> DrainShard(size_t shard_index);
  awaitable<void> CloseShard(size_t shard_index, MonotonicMs deadline);

  ShardSet& shards_;
  std::vector<FrameHandler*> handlers_;
  ConnectionLimits limits_;
  ListenOptions options_;
  asio::ip::tcp::acceptor acceptor_;
  TaskGroup accepting_;
  uint16_t port_ = 0;
  std::vector<std::unique_ptr<ShardConnections>> connections_;
  std::atomic<size_t> open_count_ = 0;
  std::atomic<bool> stopping_ = false;
};

}  // namespace millrace::net
