#include "bench/system/produce_traffic.h"

#include <algorithm>
#include <array>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/system/fatal.h"
#include "bench/system/frame_writer.h"
#include "bench/system/requests.h"
#include "bench/system/socket.h"

namespace millrace::bench {
namespace {

// Requests below this size lie side by side, so that one send carries many of them.
constexpr size_t kSideBySideBytes = 64 << 10;

}  // namespace

// The requests lie in a ring that is sent over and over. Their correlation ids are their places in
// it, so that nothing is patched between sends; a place comes round again only after its answer.
struct ProduceTraffic::Connection {
  int descriptor;
  std::vector<uint8_t> ring;
  size_t frame_bytes;
  uint64_t places;
  size_t error_position;          // of the partition's error code in an answer, behind its size
  uint64_t sent_bytes = 0;        // since the start; the ring repeats
  uint64_t answered = 0;          // requests, likewise
  std::vector<uint64_t> sent_ns;  // by request modulo its size
  std::array<uint8_t, 16 << 10> answers;
  size_t answer_bytes = 0;
};

ProduceTraffic::ProduceTraffic(const LoadOptions& options)
    : in_flight_(static_cast<uint64_t>(options.in_flight)) {
  BuiltBatch batch = BuildBatch(options.batch_bytes, options.record_bytes);
  batch_bytes_ = batch.bytes.size();
  records_per_batch_ = batch.records;
  for (int32_t i = 0; i < options.connections; ++i) {
    auto connection = std::make_unique<Connection>();
    connection->descriptor = ConnectToLoopback(options.port);
    SetNonBlocking(connection->descriptor);
    connection->places = batch_bytes_ < kSideBySideBytes ? in_flight_ : 1;
    for (uint64_t place = 0; place < connection->places; ++place) {
      std::vector<uint8_t> frame = BuildProduce({.topic = options.topic,
                                                 .partition = i % options.partitions,
                                                 .acks = options.acks,
                                                 .correlation_id = static_cast<int32_t>(place)},
                                                batch);
      connection->frame_bytes = frame.size();
      connection->ring.insert(connection->ring.end(), frame.begin(), frame.end());
    }
    // Correlation id, tags, one topic and its name, one partition and its index.
    connection->error_position = 4 + 1 + 1 + 1 + options.topic.size() + 1 + 4;
    connection->sent_ns.resize(in_flight_);
    descriptors_.push_back(connection->descriptor);
    connections_.push_back(std::move(connection));
  }
}

ProduceTraffic::~ProduceTraffic() {
  for (int descriptor : descriptors_) ::close(descriptor);
}

void ProduceTraffic::OnReady(size_t connection) {
  ReadAnswers(*connections_[connection]);
  SendRequests(*connections_[connection]);
}

void ProduceTraffic::ReadAnswers(Connection& connection) {
  while (true) {
    size_t room = connection.answers.size() - connection.answer_bytes;
    ssize_t got =
        ::recv(connection.descriptor, connection.answers.data() + connection.answer_bytes, room, 0);
    if (got == 0) Die("the server closed a connection");
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) DieErrno("recv");
    connection.answer_bytes += static_cast<size_t>(got);
    size_t begin = 0;
    while (connection.answer_bytes - begin >= 4) {
      size_t size = LoadBigEndian<uint32_t>(connection.answers.data() + begin);
      if (size > connection.answers.size() - 4) Die("an answer is larger than a produce answer is");
      if (connection.answer_bytes - begin < 4 + size) break;
      HandleAnswer(connection, {connection.answers.data() + begin + 4, size});
      begin += 4 + size;
    }
    std::copy(connection.answers.data() + begin,
              connection.answers.data() + connection.answer_bytes, connection.answers.data());
    connection.answer_bytes -= begin;
    if (static_cast<size_t>(got) < room) return;
  }
}

void ProduceTraffic::HandleAnswer(Connection& connection, std::span<const uint8_t> frame) {
  if (frame.size() < connection.error_position + 2) Die("a produce answer is too short");
  auto correlation_id = LoadBigEndian<uint32_t>(frame.data());
  if (correlation_id != connection.answered % connection.places) {
    Die("answers came out of order");
  }
  auto error = LoadBigEndian<int16_t>(frame.data() + connection.error_position);
  if (error != 0) Die("a batch was refused with error code " + std::to_string(error));
  uint64_t sent_ns = connection.sent_ns[connection.answered % in_flight_];
  ++connection.answered;
  CountAnswer(batch_bytes_, NowNs() - sent_ns);
}

void ProduceTraffic::SendRequests(Connection& connection) {
  uint64_t allowed = (connection.answered + in_flight_) * connection.frame_bytes;
  while (connection.sent_bytes < allowed) {
    size_t at = connection.sent_bytes % connection.ring.size();
    size_t count = std::min<uint64_t>(connection.ring.size() - at, allowed - connection.sent_bytes);
    // A request's time starts with the send that takes its first byte.
    uint64_t now_ns = NowNs();
    uint64_t first = (connection.sent_bytes + connection.frame_bytes - 1) / connection.frame_bytes;
    uint64_t last = (connection.sent_bytes + count - 1) / connection.frame_bytes;
    for (uint64_t request = first; request <= last; ++request) {
      connection.sent_ns[request % in_flight_] = now_ns;
    }
    ssize_t sent = ::send(connection.descriptor, connection.ring.data() + at, count, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) DieErrno("send");
    connection.sent_bytes += static_cast<uint64_t>(sent);
  }
}

}  // namespace millrace::bench
