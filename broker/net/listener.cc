#include "broker/net/listener.h"

#include <chrono>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace millrace::net {

namespace {

using asio::ip::tcp;

std::string Describe(const tcp::endpoint& endpoint) {
  return fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

// Answers are whole when they are sent, so waiting for more bytes only delays them. Over loopback
// bbr paces sendfile down to a third of its speed.
void TuneSocket(tcp::socket& socket, bool is_loopback) {
  IoError ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  if (!is_loopback) return;
  constexpr char kCubic[] = "cubic";
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_CONGESTION, kCubic, sizeof(kCubic) - 1);
}

// As Kafka does for a name like localhost, which clients then reach at 127.0.0.1.
tcp::endpoint PreferIpv4(const tcp::resolver::results_type& found) {
  for (const auto& entry : found) {
    if (entry.endpoint().address().is_v4()) return entry.endpoint();
  }
  return found.begin()->endpoint();
}

absl::Status ListenFailure(const ListenOptions& options, const IoError& error) {
  std::string where = fmt::format("{}:{}", options.host, options.port);
  if (error == asio::error::address_in_use) {
    return absl::AlreadyExistsError(fmt::format(
        "cannot listen on {}: the port is in use; stop the other process or choose another with "
        "--listen",
        where));
  }
  return absl::UnavailableError(fmt::format("cannot listen on {}: {}", where, error.message()));
}

}  // namespace

Listener::Listener(ShardSet& shards, ConnectionLimits limits)
    : shards_(shards), limits_(limits), acceptor_(shards[0].context()), accepting_(shards[0]) {
  for (size_t i = 0; i < shards.size(); ++i) {
    connections_.push_back(std::make_unique<ShardConnections>(shards[i]));
  }
}

Listener::~Listener() = default;

absl::Status Listener::Open(const ListenOptions& options) {
  options_ = options;
  IoError error;
  tcp::resolver resolver(shards_[0].context());
  auto found = resolver.resolve(options.host, std::to_string(options.port),
                                tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error) return ListenFailure(options, error);
  tcp::endpoint endpoint = PreferIpv4(found);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(options.backlog, error);
  if (error) return ListenFailure(options, error);
  port_ = acceptor_.local_endpoint(error).port();
  return absl::OkStatus();
}

void Listener::Start(std::vector<FrameHandler*> handlers) {
  handlers_ = std::move(handlers);
  accepting_.Spawn(AcceptLoop());
}

awaitable<void> Listener::AcceptLoop() {
  for (size_t next = 0; acceptor_.is_open(); next = (next + 1) % shards_.size()) {
    auto [error, socket] = co_await acceptor_.async_accept(shards_[next].context(), kAwait);
    if (error) {
      co_await OnAcceptError(error);
    } else if (open_count_.load(std::memory_order_relaxed) >= options_.connections_max) {
      spdlog::warn("connection refused: max.connections ({}) are open", options_.connections_max);
    } else {
      Hand(std::move(socket), next);
    }
  }
}

// Out of descriptors: those who wait are served when others leave.
awaitable<void> Listener::OnAcceptError(IoError error) {
  if (!acceptor_.is_open() || error == asio::error::operation_aborted) co_return;
  spdlog::error("accept failed: {}", error.message());
  asio::steady_timer pause(shards_[0].context(), std::chrono::milliseconds(100));
  co_await pause.async_wait(kAwait);
}

void Listener::Hand(tcp::socket socket, size_t shard_index) {
  IoError error;
  tcp::endpoint remote = socket.remote_endpoint(error);
  if (error) return;  // gone already
  Peer peer{.address = Describe(remote),
            .is_loopback = remote.address().is_loopback(),
            .local_port = port_};
  TuneSocket(socket, peer.is_loopback);
  open_count_.fetch_add(1, std::memory_order_relaxed);
  auto serve = [this, shard_index, socket = std::move(socket), peer = std::move(peer)]() mutable {
    connections_[shard_index]->tasks.Spawn(Serve(std::move(socket), std::move(peer), shard_index));
  };
  if (shards_[shard_index].is_current()) {
    serve();
  } else {
    shards_[shard_index].Post(std::move(serve));
  }
}

awaitable<void> Listener::Serve(tcp::socket socket, Peer peer, size_t shard_index) {
  ShardConnections& here = *connections_[shard_index];
  Connection::Environment environment{shards_[shard_index], here.buffers, *handlers_[shard_index],
                                      limits_};
  auto connection = std::make_shared<Connection>(environment, std::move(socket), std::move(peer));
  here.open.insert(connection.get());
  if (stopping_) connection->Drain();
  co_await connection->Serve();
  here.open.erase(connection.get());
  open_count_.fetch_sub(1, std::memory_order_relaxed);
}

awaitable<void> Listener::StopTaking() {
  stopping_ = true;
  IoError ignored;
  acceptor_.close(ignored);
  co_await accepting_.Join();
  for (size_t i = 0; i < shards_.size(); ++i) co_await shards_[i].Run(DrainShard(i));
}

awaitable<void> Listener::DrainShard(size_t shard_index) {
  for (Connection* connection : connections_[shard_index]->open) connection->Drain();
  co_return;
}

awaitable<void> Listener::Close(MonotonicMs deadline) {
  for (size_t i = 0; i < shards_.size(); ++i) co_await shards_[i].Run(CloseShard(i, deadline));
}

awaitable<void> Listener::CloseShard(size_t shard_index, MonotonicMs deadline) {
  ShardConnections& here = *connections_[shard_index];
  asio::steady_timer step(shards_[shard_index].context());
  while (!here.open.empty() && SteadyNow() < deadline) {
    step.expires_after(std::chrono::milliseconds(5));
    co_await step.async_wait(kAwait);
  }
  std::vector<Connection*> left(here.open.begin(), here.open.end());
  for (Connection* connection : left) connection->Close();
  co_await here.tasks.Join();
}

}  // namespace millrace::net
