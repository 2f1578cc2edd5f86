// Records at a constant rate from one connection to another, through one partition: how long until
// each is acknowledged, and until the consumer has it.
//
// Both count from the time at which the record was due. A producer that is held up sends what has
// become due meanwhile as one batch, as clients do; each record in it counts from its own time. The
// time stands in the record, so both ends are in one process (CLOCK_MONOTONIC).
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "tools/bench/fetch_frames.h"
#include "tools/bench/frame_receiver.h"
#include "tools/bench/pacer.h"
#include "tools/bench/socket.h"
#include "tools/bench/traffic.h"

namespace millrace::bench {

// What the value of a record begins with.
inline constexpr size_t kStampBytes = 16;

struct LatencyPlan {
  TopicName topic;
  int16_t produce_version = 9;
  int16_t fetch_version = 12;
  std::string server;  // host:port of the partition's leader
  PartitionIndex partition;
  Offset from;                     // the partition's end
  uint64_t run_id = 0;             // in each record, for other producers' are passed over
  int16_t acks = 1;                // not 0
  uint64_t in_flight = 5;          // requests
  size_t record_bytes = 1024;      // at least kStampBytes
  uint64_t records_per_batch = 1;  // at most
  double records_per_second = 1000;
  FetchLimits limits;
};

class LatencyTraffic final : public LimitedTraffic {
 public:
  static absl::StatusOr<std::unique_ptr<LatencyTraffic>> Connect(const LatencyPlan& plan);

  std::span<const int> descriptors() const override { return descriptors_; }
  // latencies() are those end to end.
  absl::Status OnReady(size_t index) override;
  bool awaits_answer() const override {
    return acknowledged_ + refused_ < begun_ || received_ < acknowledged_;
  }
  void BeginWindow() override;

  const LatencyHistogram& acknowledgements() const { return acknowledgements_; }
  // How much later than due records were handed to the socket.
  const LatencyHistogram& delays() const { return delays_; }

  absl::Status Limit(uint64_t records, uint64_t end_ns) override;
  bool is_done(uint64_t now_ns) const override;
  // Acknowledged and not received.
  uint64_t awaited_records() const { return acknowledged_ - std::min(acknowledged_, received_); }

 private:
  // A request that is not answered: the records from `first` on.
  struct Batch {
    uint64_t first;
    uint64_t records;
  };

  explicit LatencyTraffic(const LatencyPlan& plan);
  uint64_t DueBy(uint64_t now_ns) const;
  absl::Status Produce();
  absl::Status BuildRequest(uint64_t records);
  // False: the socket is full.
  absl::StatusOr<bool> SendOut();
  absl::Status ReadAcknowledgements();
  absl::Status TakeAcknowledgement(wire::Bytes answer, uint64_t now_ns);
  absl::Status SendFetch();
  absl::Status ReadRecords();
  absl::Status TakeRecords(wire::Bytes answer, uint64_t now_ns);
  void TakeBatch(std::span<const std::byte> batch, uint64_t now_ns);

  LatencyPlan plan_;
  Pacer pacer_;
  size_t error_position_;
  Descriptor producer_;
  Descriptor consumer_;
  Descriptor timer_;
  std::vector<int> descriptors_;  // consumer, producer, timer
  FrameReceiver acknowledgement_frames_;
  FrameReceiver fetch_frames_;
  std::vector<std::byte> out_;  // what the producer has not sent yet, from out_sent_ on
  size_t out_sent_ = 0;
  std::deque<Batch> under_way_;
  OffsetTrack track_;
  wire::ByteBuffer fetch_;
  wire::Arena arena_;
  uint64_t records_max_ = UINT64_MAX;
  uint64_t end_ns_ = UINT64_MAX;
  uint64_t begun_ = 0;
  uint64_t acknowledged_ = 0;
  uint64_t refused_ = 0;
  uint64_t received_ = 0;
  LatencyHistogram acknowledgements_;
  LatencyHistogram delays_;
};

}  // namespace millrace::bench
