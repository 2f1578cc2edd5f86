// Produce requests over several connections: each keeps some under way, or all of them together
// begin them at a constant rate.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "tools/bench/frame_stream.h"
#include "tools/bench/frames.h"
#include "tools/bench/traffic.h"

namespace millrace::bench {

// One connection: to the broker that leads its partitions, which take turns.
struct ConnectionPlan {
  std::string server;  // host:port
  std::vector<PartitionIndex> partitions;
};

struct ProducePlan {
  TopicName topic;
  int16_t version = 9;
  int16_t acks = 1;
  std::vector<ConnectionPlan> connections;
  uint64_t in_flight = 5;  // requests that a connection has under way
  BatchShape shape;
  double batches_per_second = 0;  // of all connections together; 0: as fast as answers come
};

class ProduceTraffic final : public LimitedTraffic {
 public:
  // Builds the requests and connects. A pacer starts now.
  static absl::StatusOr<std::unique_ptr<ProduceTraffic>> Connect(const ProducePlan& plan);

  std::span<const int> descriptors() const override { return descriptors_; }
  absl::Status OnReady(size_t index) override;
  bool level_triggered() const override { return plan_.acks == 0 && !pacer_.has_value(); }
  bool awaits_answer() const override { return under_way_ > 0; }

  // What does not fill a batch goes last, in a request of its own.
  absl::Status Limit(uint64_t records, uint64_t end_ns) override;
  bool is_done(uint64_t now_ns) const override;

  size_t batch_bytes() const { return batch_.bytes.size(); }
  uint64_t records_per_batch() const { return batch_.records; }

 private:
  ProduceTraffic(ProducePlan plan, BuiltBatch batch)
      : plan_(std::move(plan)), batch_(std::move(batch)) {}

  absl::Status Open();
  FrameRing BuildRing(const ConnectionPlan& connection, const BuiltBatch& batch) const;
  absl::Status OnTimer();
  // `run` is FrameStream::Run or Send.
  using Step = absl::Status (FrameStream::*)(FrameBudget&, FrameStream::OnAnswer);
  absl::Status Advance(FrameStream& stream, Step step);
  absl::Status SendLast();
  absl::Status TakeAnswer(const FrameStream& stream, wire::Bytes answer, uint64_t latency_ns);

  ProducePlan plan_;
  BuiltBatch batch_;
  std::optional<BuiltBatch> last_;  // of fewer records, when nothing else is left to send
  size_t error_position_ = 0;
  FrameBudget budget_;
  std::optional<Pacer> pacer_;  // of all connections together: they take turns
  uint64_t begun_ = 0;          // that the pacer has called for
  uint64_t under_way_ = 0;
  Descriptor timer_;
  std::vector<FrameStream> streams_;
  std::vector<int> descriptors_;  // of the streams, and the timer last if there is one
};

}  // namespace millrace::bench
