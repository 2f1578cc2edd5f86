#include "broker/net/listener.h"

#include <chrono>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <utility>

#include <boost/asio/ip/v6_only.hpp>
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
  // sendfile has no flag for it, and Asio sets it only with the first wait.
  socket.non_blocking(true, ignored);
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

Listener::Listener(ShardSet& shards, ConnectionLimits limits, ListenerResources resources)
    : shards_(shards),
      limits_(limits),
      resources_(std::move(resources)),
      acceptor_(shards[0].context()),
      accepting_(shards[0]) {
  for (size_t i = 0; i < shards.size(); ++i) {
    connections_.push_back(std::make_unique<ShardConnections>(
        shards[i], *resources_.memories[i], [this, i](size_t bytes) { AskOthers(i, bytes); }));
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
  absl::Status bound = Bind(endpoint);
  bool is_any = endpoint.address().is_v6() && endpoint.address().is_unspecified();
  if (bound.ok() || !is_any || acceptor_.is_open()) return bound;
  // A machine without IPv6.
  return Bind({tcp::v4(), options.port});
}

absl::Status Listener::Bind(const tcp::endpoint& endpoint) {
  IoError error;
  acceptor_.open(endpoint.protocol(), error);
  if (!error && endpoint.address().is_v6() && endpoint.address().is_unspecified()) {
    acceptor_.set_option(boost::asio::ip::v6_only(false), error);
  }
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  // Before listening: how large a window can become is agreed on when a connection begins.
  if (!error && options_.receive_buffer_bytes > 0) {
    acceptor_.set_option(asio::socket_base::receive_buffer_size(options_.receive_buffer_bytes),
                         error);
  }
  if (!error && options_.send_buffer_bytes > 0) {
    acceptor_.set_option(asio::socket_base::send_buffer_size(options_.send_buffer_bytes), error);
  }
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(options_.backlog, error);
  if (error) return ListenFailure(options_, error);
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
    } else {
      Admit(std::move(socket), next);
    }
  }
}

// Out of descriptors: those who wait are served when others leave.
awaitable<void> Listener::OnAcceptError(IoError error) {
  if (!acceptor_.is_open() || error == asio::error::operation_aborted) co_return;
  if (resources_.log->Allows(ClientLog::Kind::kRefused)) {
    spdlog::error("accept failed: {}", error.message());
  }
  asio::steady_timer pause(shards_[0].context(), std::chrono::milliseconds(100));
  co_await pause.async_wait(kAwait);
}

void Listener::Admit(tcp::socket socket, size_t shard_index) {
  IoError error;
  tcp::endpoint remote = socket.remote_endpoint(error);
  if (error) return;  // gone already
  if (remote.address().is_v6() && remote.address().to_v6().is_v4_mapped()) {
    auto address = asio::ip::make_address_v4(asio::ip::v4_mapped, remote.address().to_v6());
    remote = {address, remote.port()};
  }
  Peer peer{.address = Describe(remote),
            .host = remote.address().to_string(),
            .is_loopback = remote.address().is_loopback(),
            .local_port = port_};
  std::optional<RefuseReason> refusal = Enter(peer.host);
  if (refusal.has_value()) return Refuse(*refusal, peer.address);
  TuneSocket(socket, peer.is_loopback);
  auto serve = [this, shard_index, socket = std::move(socket), peer = std::move(peer)]() mutable {
    connections_[shard_index]->tasks.Spawn(Serve(std::move(socket), std::move(peer), shard_index));
  };
  if (shards_[shard_index].is_current()) {
    serve();
  } else {
    shards_[shard_index].Post(std::move(serve));
  }
}

std::optional<RefuseReason> Listener::Enter(const std::string& address) {
  if (open_count_ >= options_.connections_max) return RefuseReason::kConnections;
  if (connections_[0]->buffers.memory().is_exhausted()) return RefuseReason::kMemory;
  auto own = options_.address_maxima.find(address);
  size_t address_max =
      own == options_.address_maxima.end() ? options_.connections_per_address_max : own->second;
  size_t& open_here = open_by_address_[address];
  if (open_here >= address_max) {
    if (open_here == 0) open_by_address_.erase(address);
    return RefuseReason::kAddress;
  }
  ++open_here;
  ++open_count_;
  if (resources_.on_connections) resources_.on_connections(open_count_);
  return std::nullopt;
}

awaitable<void> Listener::Leave(std::string address) {
  --open_count_;
  if (resources_.on_connections) resources_.on_connections(open_count_);
  auto found = open_by_address_.find(address);
  if (--found->second == 0) open_by_address_.erase(found);
  co_return;
}

void Listener::Refuse(RefuseReason reason, std::string_view peer) {
  ++connections_[0]->metrics.refused[static_cast<size_t>(reason)];
  if (!resources_.log->Allows(ClientLog::Kind::kRefused)) return;
  std::string_view why;
  switch (reason) {
    case RefuseReason::kConnections:
      why = "max.connections are open";
      break;
    case RefuseReason::kAddress:
      why = "its address has max.connections.per.ip open";
      break;
    case RefuseReason::kMemory:
      why = "memory.budget.bytes are used up";
      break;
  }
  resources_.log->Warn(fmt::format("{}: {}; the connection is refused", peer, why));
}

awaitable<void> Listener::Serve(tcp::socket socket, Peer peer, size_t shard_index) {
  std::string address = peer.host;
  co_await ServeHere(std::move(socket), std::move(peer), shard_index);
  co_await shards_[0].Run(Leave(std::move(address)));
}

awaitable<void> Listener::ServeHere(tcp::socket socket, Peer peer, size_t shard_index) {
  ShardConnections& here = *connections_[shard_index];
  Connection::Environment environment{
      shards_[shard_index], here.buffers,    here.relief,       here.large_frames,       turns_,
      here.metrics,         *resources_.log, *resources_.loads, *handlers_[shard_index], limits_};
  auto connection = std::make_shared<Connection>(environment, std::move(socket), std::move(peer));
  here.open.insert(connection.get());
  if (stopping_) connection->Drain();
  co_await connection->Serve();
  here.open.erase(connection.get());
}

void Listener::AskOthers(size_t shard_index, size_t bytes) {
  for (size_t i = 0; i < shards_.size(); ++i) {
    if (i == shard_index) continue;
    shards_[i].Post([this, i, bytes] { connections_[i]->relief.Free(bytes); });
  }
}

awaitable<Metrics> Listener::CollectMetrics() {
  Metrics sum;
  for (size_t i = 0; i < shards_.size(); ++i) {
    sum.Merge(co_await shards_[i].Run(CopyMetrics(i)));
  }
  co_return sum;
}

awaitable<Metrics> Listener::CopyMetrics(size_t shard_index) {
  co_return connections_[shard_index]->metrics;
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
  for (Connection* connection : left) connection->Close(CloseReason::kStopping);
  co_await here.tasks.Join();
  here.relief.Stop();
}

}  // namespace millrace::net
