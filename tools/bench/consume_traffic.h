// Fetch requests in a closed loop, one under way for each connection, each for all partitions of
// the connection. Batches are looked at, records are not.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "tools/bench/fetch_frames.h"
#include "tools/bench/frame_receiver.h"
#include "tools/bench/socket.h"
#include "tools/bench/traffic.h"

namespace millrace::bench {

struct ConsumedPartition {
  PartitionIndex index;
  Offset from;
  std::optional<Offset> end;  // nothing from here on is wanted; none: wait for more
};

struct ConsumeConnection {
  std::string server;  // host:port
  std::vector<ConsumedPartition> partitions;
};

struct ConsumePlan {
  TopicName topic;
  int16_t version = 12;
  std::vector<ConsumeConnection> connections;
  FetchLimits limits;
  bool check_crc = false;
};

class ConsumeTraffic final : public LimitedTraffic {
 public:
  static absl::StatusOr<std::unique_ptr<ConsumeTraffic>> Connect(const ConsumePlan& plan);
  ~ConsumeTraffic() override;

  std::span<const int> descriptors() const override { return descriptors_; }
  // The latencies are those of the answers that bring records, from request to the last byte.
  absl::Status OnReady(size_t index) override;
  bool awaits_answer() const override { return under_way_ > 0; }

  absl::Status Limit(uint64_t records, uint64_t end_ns) override;
  bool is_done(uint64_t now_ns) const override {
    return under_way_ == 0 || counts().records >= records_max_ || now_ns >= end_ns_;
  }

  // Offsets that were skipped, in all partitions.
  int64_t missing_offsets() const;

 private:
  struct Connection;

  explicit ConsumeTraffic(const ConsumePlan& plan);
  absl::Status SendRequest(Connection& connection);
  absl::Status TakeAnswer(Connection& connection, wire::Bytes answer);
  // Adds to the records.
  absl::Status TakePartition(Connection& connection, const wire::FetchResponse::Partition& answer,
                             uint64_t& records);

  ConsumePlan plan_;
  wire::Arena arena_;
  uint64_t under_way_ = 0;
  uint64_t records_max_ = UINT64_MAX;
  uint64_t end_ns_ = UINT64_MAX;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<int> descriptors_;
};

}  // namespace millrace::bench
