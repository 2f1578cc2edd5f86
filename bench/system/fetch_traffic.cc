#include "bench/system/fetch_traffic.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <sys/socket.h>

#include "bench/system/fatal.h"
#include "bench/system/fetch_frame.h"
#include "bench/system/frame_writer.h"

namespace millrace::bench {
namespace {

// Holds everything in an answer that stands before the records, with a topic name of 64 bytes.
constexpr size_t kHeadBytes = 160;

}  // namespace

struct FetchTraffic::Connection {
  Descriptor socket;
  FetchFrame request;
  uint64_t sent_ns = 0;
  std::array<uint8_t, kHeadBytes> head;
  size_t head_bytes = 0;
  std::optional<size_t> body_left;  // of the answer under way, once its head is there
  int64_t fetch_offset = 0;
  int64_t high_watermark = 0;
  size_t records_bytes = 0;
};

FetchTraffic::FetchTraffic(const LoadOptions& options)
    : batch_bytes_(options.batch_bytes), records_per_batch_(options.records_per_batch) {
  if (records_per_batch_ < 1) Die("fetch needs --records-per-batch, as produce has printed it");
  for (int32_t i = 0; i < options.connections; ++i) {
    auto connection = std::make_unique<Connection>();
    connection->socket = OrDie(ConnectForLoad(ServerOf(options)));
    connection->request = BuildFetch(options.topic, i % options.partitions,
                                     {.max_bytes = options.max_bytes, .max_wait_ms = 500});
    SendRequest(*connection);
    descriptors_.push_back(connection->socket.get());
    connections_.push_back(std::move(connection));
  }
}

FetchTraffic::~FetchTraffic() = default;

absl::Status FetchTraffic::OnReady(size_t index) {
  Connection& connection = *connections_[index];
  while (true) {
    if (!connection.body_left.has_value() && !ReadHead(connection)) break;
    if (!DropBody(connection)) break;
    FinishAnswer(connection);
    SendRequest(connection);
  }
  return absl::OkStatus();
}

void FetchTraffic::SendRequest(Connection& connection) {
  std::vector<uint8_t>& bytes = connection.request.bytes;
  StoreBigEndian(bytes.data() + connection.request.offset_position, connection.fetch_offset);
  connection.sent_ns = NowNs();
  ssize_t sent = ::send(connection.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(bytes.size())) DieErrno("send of a fetch request");
}

bool FetchTraffic::ReadHead(Connection& connection) {
  while (true) {
    size_t wanted = connection.head.size();
    if (connection.head_bytes >= 4) {
      wanted = std::min<size_t>(wanted, 4 + LoadBigEndian<uint32_t>(connection.head.data()));
    }
    if (connection.head_bytes >= 4 && connection.head_bytes >= wanted) break;
    ssize_t got = ::recv(connection.socket.get(), connection.head.data() + connection.head_bytes,
                         wanted - connection.head_bytes, 0);
    if (got == 0) Die("the server closed a connection");
    if (got < 0 && errno == EAGAIN) return false;
    if (got < 0) DieErrno("recv");
    connection.head_bytes += static_cast<size_t>(got);
  }
  ParseHead(connection);
  return true;
}

void FetchTraffic::ParseHead(Connection& connection) {
  std::span<const uint8_t> read(connection.head.data(), connection.head_bytes);
  FetchHead head = ParseFetchHead(read.subspan(4));
  if (head.error != 0) Die("a fetch was refused with error code " + std::to_string(head.error));
  connection.high_watermark = head.high_watermark;
  connection.records_bytes = head.records_bytes;
  connection.body_left = 4 + LoadBigEndian<uint32_t>(read.data()) - read.size();
}

bool FetchTraffic::DropBody(Connection& connection) {
  while (*connection.body_left > 0) {
    ssize_t got = ::recv(connection.socket.get(), nullptr, *connection.body_left, MSG_TRUNC);
    if (got == 0) Die("the server closed a connection");
    if (got < 0 && errno == EAGAIN) return false;
    if (got < 0) DieErrno("recv");
    *connection.body_left -= static_cast<size_t>(got);
  }
  return true;
}

void FetchTraffic::FinishAnswer(Connection& connection) {
  auto whole_batches = static_cast<int64_t>(connection.records_bytes / batch_bytes_);
  latencies().Record(NowNs() - connection.sent_ns);
  CountAnswer(static_cast<uint64_t>(whole_batches * records_per_batch_), connection.records_bytes);
  connection.fetch_offset += whole_batches * records_per_batch_;
  if (whole_batches == 0 && connection.fetch_offset < connection.high_watermark) {
    Die("a fetch below the high watermark brought no whole batch");
  }
  if (connection.fetch_offset >= connection.high_watermark) connection.fetch_offset = 0;
  connection.body_left.reset();
  connection.head_bytes = 0;
}

}  // namespace millrace::bench
