#include "broker/net/http_server.h"

#include <chrono>
#include <unordered_set>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <fmt/format.h>

#include "broker/runtime/task_group.h"

namespace millrace::net {

namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr size_t kConnectionsMax = 16;
constexpr uint32_t kHeaderBytesMax = 8 << 10;
constexpr std::chrono::seconds kStepMax(10);

}  // namespace

struct HttpServer::Parts {
  Parts(Shard& home, Handler given)
      : shard(home), handler(std::move(given)), acceptor(home.context()), tasks(home) {}

  awaitable<void> AcceptLoop();
  awaitable<void> Serve(tcp::socket socket);
  awaitable<bool> ServeOne(beast::tcp_stream& stream, beast::flat_buffer& buffer);

  Shard& shard;
  Handler handler;
  tcp::acceptor acceptor;
  TaskGroup tasks;
  std::unordered_set<beast::tcp_stream*> open;
};

HttpServer::HttpServer(Shard& shard, Handler handler)
    : parts_(std::make_unique<Parts>(shard, std::move(handler))) {}

HttpServer::~HttpServer() = default;

absl::Status HttpServer::Open(const std::string& host, uint16_t port) {
  tcp::acceptor& acceptor = parts_->acceptor;
  IoError error;
  tcp::resolver resolver(parts_->shard.context());
  auto found = resolver.resolve(host, std::to_string(port),
                                tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (!error) {
    tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
  }
  if (!error) acceptor.listen(static_cast<int>(kConnectionsMax), error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(
      fmt::format("metrics.listener: cannot listen on {}:{}: {}", host, port, error.message()));
}

uint16_t HttpServer::port() const {
  IoError ignored;
  return parts_->acceptor.local_endpoint(ignored).port();
}

void HttpServer::Start() { parts_->tasks.Spawn(parts_->AcceptLoop()); }

awaitable<void> HttpServer::Stop() {
  IoError ignored;
  parts_->acceptor.close(ignored);
  for (beast::tcp_stream* stream : parts_->open) stream->socket().close(ignored);
  co_await parts_->tasks.Join();
}

awaitable<void> HttpServer::Parts::AcceptLoop() {
  while (acceptor.is_open()) {
    auto [error, socket] = co_await acceptor.async_accept(kAwait);
    if (!acceptor.is_open()) co_return;
    if (error) {
      asio::steady_timer pause(shard.context(), std::chrono::milliseconds(100));
      co_await pause.async_wait(kAwait);
    } else if (open.size() < kConnectionsMax) {
      tasks.Spawn(Serve(std::move(socket)));
    }
  }
}

awaitable<void> HttpServer::Parts::Serve(tcp::socket socket) {
  beast::tcp_stream stream(std::move(socket));
  beast::flat_buffer buffer(kHeaderBytesMax);
  open.insert(&stream);
  bool goes_on = true;
  while (goes_on && acceptor.is_open()) goes_on = co_await ServeOne(stream, buffer);
  open.erase(&stream);
}

// False: the connection ends.
awaitable<bool> HttpServer::Parts::ServeOne(beast::tcp_stream& stream, beast::flat_buffer& buffer) {
  http::request_parser<http::empty_body> parser;
  parser.header_limit(kHeaderBytesMax);
  stream.expires_after(kStepMax);
  auto [read_error, read_bytes] = co_await http::async_read(stream, buffer, parser, kAwait);
  if (read_error) co_return false;
  const auto& request = parser.get();
  bool is_read = request.method() == http::verb::get || request.method() == http::verb::head;
  HttpAnswer answer{.status = 405, .body = "only GET and HEAD\n"};
  if (is_read) {
    answer = co_await handler(std::string(request.target().substr(0, request.target().find('?'))));
  }
  http::response<http::string_body> response(http::int_to_status(answer.status), request.version());
  response.set(http::field::content_type, answer.content_type);
  response.keep_alive(request.keep_alive());
  response.content_length(answer.body.size());
  if (request.method() != http::verb::head) response.body() = std::move(answer.body);
  stream.expires_after(kStepMax);
  auto [write_error, written_bytes] = co_await http::async_write(stream, response, kAwait);
  co_return !write_error && request.keep_alive();
}

}  // namespace millrace::net
