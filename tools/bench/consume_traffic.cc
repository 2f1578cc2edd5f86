#include "tools/bench/consume_traffic.h"

#include <cerrno>
#include <sys/socket.h>
#include <utility>

#include <absl/memory/memory.h>
#include <fmt/format.h>

namespace millrace::bench {

struct ConsumeTraffic::Connection {
  struct Partition {
    ConsumedPartition wanted;
    OffsetTrack track;
  };

  Descriptor socket;
  FrameReceiver receiver;
  std::vector<Partition> partitions;
  wire::ByteBuffer request;
  std::vector<FetchFrom> from;
  uint64_t sent_ns = 0;
  bool has_begun = false;
  bool is_under_way = false;
};

ConsumeTraffic::ConsumeTraffic(const ConsumePlan& plan) : plan_(plan) {}
ConsumeTraffic::~ConsumeTraffic() = default;

absl::StatusOr<std::unique_ptr<ConsumeTraffic>> ConsumeTraffic::Connect(const ConsumePlan& plan) {
  auto traffic = absl::WrapUnique(new ConsumeTraffic(plan));
  for (const ConsumeConnection& planned : plan.connections) {
    auto socket = ConnectForLoad(planned.server);
    if (!socket.ok()) return socket.status();
    auto connection = std::make_unique<Connection>();
    connection->socket = std::move(*socket);
    for (const ConsumedPartition& partition : planned.partitions) {
      connection->partitions.push_back({partition, OffsetTrack(partition.from)});
    }
    traffic->descriptors_.push_back(connection->socket.get());
    traffic->connections_.push_back(std::move(connection));
  }
  return traffic;
}

absl::Status ConsumeTraffic::OnReady(size_t index) {
  Connection& connection = *connections_[index];
  if (!connection.has_begun) {
    connection.has_begun = true;
    absl::Status sent = SendRequest(connection);
    if (!sent.ok()) return sent;
  }
  while (true) {
    absl::StatusOr<bool> more = connection.receiver.Read(connection.socket.get());
    if (!more.ok()) return more.status();
    while (auto answer = connection.receiver.Next()) {
      absl::Status taken = TakeAnswer(connection, *answer);
      if (!taken.ok()) return taken;
      absl::Status sent = SendRequest(connection);
      if (!sent.ok()) return sent;
    }
    if (!*more) return absl::OkStatus();
  }
}

absl::Status ConsumeTraffic::SendRequest(Connection& connection) {
  connection.from.clear();
  for (const Connection::Partition& partition : connection.partitions) {
    bool wants_more =
        !partition.wanted.end.has_value() || partition.track.next() < *partition.wanted.end;
    if (wants_more) connection.from.push_back({partition.wanted.index, partition.track.next()});
  }
  if (connection.from.empty()) return absl::OkStatus();
  connection.request.Clear();
  EncodeFetch(plan_.topic, plan_.version, plan_.limits, connection.from, connection.request);
  wire::Bytes bytes = connection.request.bytes();
  connection.sent_ns = NowNs();
  // The socket's buffer is empty when the answer before has come, and takes it whole.
  ssize_t sent = ::send(connection.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(bytes.size())) return SystemError("a connection was lost");
  connection.is_under_way = true;
  ++under_way_;
  return absl::OkStatus();
}

absl::Status ConsumeTraffic::TakeAnswer(Connection& connection, wire::Bytes answer) {
  if (!connection.is_under_way) {
    return absl::DataLossError("the broker answered what was not asked");
  }
  connection.is_under_way = false;
  --under_way_;
  uint64_t latency_ns = NowNs() - connection.sent_ns;
  arena_.Reset();
  wire::FetchResponse response;
  absl::Status decoded = DecodeFetch(answer, plan_.version, arena_, response);
  if (!decoded.ok()) return decoded;
  if (response.error_code != ErrorCode::kNone) return CountRefusal(response.error_code, {});
  uint64_t records = 0;
  size_t bytes = 0;
  for (const auto& topic : response.responses) {
    for (const auto& partition : topic.partitions) {
      if (partition.error_code != ErrorCode::kNone) {
        return CountRefusal(partition.error_code, {});
      }
      absl::Status taken = TakePartition(connection, partition, records);
      if (!taken.ok()) return taken;
      bytes += partition.records.bytes.value_or(wire::Bytes()).size();
    }
  }
  CountAnswer(records, bytes);
  if (records > 0) latencies().Record(latency_ns);
  return absl::OkStatus();
}

absl::Status ConsumeTraffic::TakePartition(Connection& connection,
                                           const wire::FetchResponse::Partition& answer,
                                           uint64_t& records) {
  Connection::Partition* partition = nullptr;
  for (Connection::Partition& each : connection.partitions) {
    if (each.wanted.index == answer.partition_index) partition = &each;
  }
  if (partition == nullptr) return absl::DataLossError("the broker answered what was not asked");
  wire::Bytes bytes = answer.records.bytes.value_or(wire::Bytes());
  Offset before = partition->track.next();
  auto where = [&] {
    return fmt::format("{}-{}", plan_.topic.name, answer.partition_index.value());
  };
  for (BatchCursor batches(bytes); auto batch = batches.Next();) {
    record::BatchView view(*batch);
    auto taken = partition->track.Take(view);
    if (!taken.ok()) {
      return absl::DataLossError(
          fmt::format("{}: {}", where(), std::string(taken.status().message())));
    }
    if (plan_.check_crc && record::ComputeBatchCrc(*batch) != view.crc()) {
      return absl::DataLossError(fmt::format("{}: the batch at offset {} has a wrong CRC", where(),
                                             view.base_offset().value()));
    }
    records += *taken;
  }
  if (!bytes.empty() && partition->track.next() == before) {
    return absl::DataLossError(
        fmt::format("{}: an answer of {} bytes has no whole batch", where(), bytes.size()));
  }
  return absl::OkStatus();
}

absl::Status ConsumeTraffic::Limit(uint64_t records, uint64_t end_ns) {
  records_max_ = records == UINT64_MAX ? records : counts().records + records;
  end_ns_ = end_ns;
  return absl::OkStatus();
}

int64_t ConsumeTraffic::missing_offsets() const {
  int64_t missing = 0;
  for (const auto& connection : connections_) {
    for (const Connection::Partition& partition : connection->partitions) {
      missing += partition.track.missing();
    }
  }
  return missing;
}

}  // namespace millrace::bench
