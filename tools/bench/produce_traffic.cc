#include "tools/bench/produce_traffic.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <absl/memory/memory.h>
namespace millrace::bench {

namespace {

// Requests below this size lie side by side, so that one send carries many of them.
constexpr size_t kSideBySideBytes = 64 << 10;
constexpr uint64_t kSideBySideMax = 64;
constexpr uint64_t kRingBytesMax = uint64_t{2} << 30;

// Precondition: the answer holds one.
uint32_t CorrelationId(wire::Bytes answer) {
  uint32_t raw = 0;
  std::memcpy(&raw, answer.data(), sizeof(raw));
  return __builtin_bswap32(raw);
}

}  // namespace

absl::StatusOr<std::unique_ptr<ProduceTraffic>> ProduceTraffic::Connect(const ProducePlan& plan) {
  auto batch = BuildBatch(plan.shape, WallClockMs());
  if (!batch.ok()) return batch.status();
  auto traffic = absl::WrapUnique(new ProduceTraffic(plan, std::move(*batch)));
  absl::Status opened = traffic->Open();
  if (!opened.ok()) return opened;
  return traffic;
}

absl::Status ProduceTraffic::Open() {
  error_position_ = ProduceErrorPosition(plan_.version, plan_.topic.name);
  uint64_t ring_bytes = 0;
  for (const ConnectionPlan& connection : plan_.connections) {
    auto socket = ConnectForLoad(connection.server);
    if (!socket.ok()) return socket.status();
    FrameRing ring = BuildRing(connection, batch_);
    ring_bytes += ring.bytes.size();
    if (ring_bytes > kRingBytesMax) {
      return absl::InvalidArgumentError(
          "requests of this size for so many partitions take more than 2 GiB of memory: use "
          "smaller batches");
    }
    streams_.emplace_back(std::move(*socket), StreamPlan{.ring = std::move(ring),
                                                         .in_flight = plan_.in_flight,
                                                         .is_answered = plan_.acks != 0});
    descriptors_.push_back(streams_.back().descriptor());
  }
  if (plan_.batches_per_second == 0) return absl::OkStatus();
  auto timer = NewTimer();
  if (!timer.ok()) return timer.status();
  timer_ = std::move(*timer);
  descriptors_.push_back(timer_.get());
  pacer_.emplace(NowNs(), plan_.batches_per_second);
  // A little early, for the times are rounded: when it is a stream's turn, its request is due.
  constexpr uint64_t kRoundingNs = 4;
  size_t count = streams_.size();
  for (size_t i = 0; i < count; ++i) {
    streams_[i].SetPacer(Pacer(pacer_->DueNs(i) - kRoundingNs,
                               plan_.batches_per_second / static_cast<double>(count)));
  }
  return absl::OkStatus();
}

// The correlation ids are the places in the ring, so that nothing is patched between sends.
FrameRing ProduceTraffic::BuildRing(const ConnectionPlan& connection,
                                    const BuiltBatch& batch) const {
  size_t partitions = connection.partitions.size();
  size_t rounds = 1;
  if (batch.bytes.size() < kSideBySideBytes) {
    rounds = (std::min(plan_.in_flight, kSideBySideMax) + partitions - 1) / partitions;
  }
  FrameRing ring{.places = rounds * partitions};
  for (size_t place = 0; place < ring.places; ++place) {
    std::vector<std::byte> frame =
        BuildProduce({.topic = plan_.topic,
                      .version = plan_.version,
                      .acks = plan_.acks,
                      .partition = connection.partitions[place % partitions],
                      .correlation_id = static_cast<int32_t>(place)},
                     batch.bytes);
    ring.bytes.insert(ring.bytes.end(), frame.begin(), frame.end());
  }
  return ring;
}

absl::Status ProduceTraffic::OnReady(size_t index) {
  if (index == streams_.size()) return OnTimer();
  return Advance(streams_[index], &FrameStream::Run);
}

// The streams whose turn has come send; the timer is set to the next turn.
absl::Status ProduceTraffic::OnTimer() {
  ReadTimer(timer_);
  uint64_t due = pacer_->DueBy(std::min(NowNs(), budget_.end_ns));
  if (due - std::min(due, begun_) > streams_.size()) begun_ = due - streams_.size();
  for (; begun_ < due; ++begun_) {
    absl::Status status = Advance(streams_[begun_ % streams_.size()], &FrameStream::Send);
    if (!status.ok()) return status;
  }
  return ArmTimer(timer_, pacer_->DueNs(begun_));
}

absl::Status ProduceTraffic::Advance(FrameStream& stream, Step step) {
  uint64_t before = stream.under_way();
  absl::Status status = (stream.*step)(budget_, [&](wire::Bytes answer, uint64_t latency_ns) {
    return TakeAnswer(stream, answer, latency_ns);
  });
  under_way_ += stream.under_way() - before;
  bool is_last = last_.has_value() && under_way_ == 0 && budget_.frames_left == 0;
  return status.ok() && is_last ? SendLast() : status;
}

absl::Status ProduceTraffic::TakeAnswer(const FrameStream& stream, wire::Bytes answer,
                                        uint64_t latency_ns) {
  if (plan_.acks != 0) {
    auto read = ReadProduceAnswer(answer, plan_.version, error_position_);
    if (!read.ok()) return read.status();
    if (CorrelationId(answer) != stream.next_place()) {
      return absl::DataLossError("answers came out of order");
    }
    if (read->error != ErrorCode::kNone) return CountRefusal(read->error, read->message);
  }
  latencies().Record(latency_ns);
  CountAnswer(batch_.records, batch_.bytes.size());
  return absl::OkStatus();
}

absl::Status ProduceTraffic::Limit(uint64_t records, uint64_t end_ns) {
  budget_ = {.end_ns = end_ns};
  last_.reset();
  if (records == UINT64_MAX) return absl::OkStatus();
  uint64_t batches = records / batch_.records;
  budget_.frames_left = batches - std::min(batches, under_way_);
  uint64_t rest = records % batch_.records;
  if (rest == 0) return absl::OkStatus();
  auto last = BuildBatch(plan_.shape, WallClockMs(), rest);
  if (!last.ok()) return last.status();
  last_ = std::move(*last);
  return absl::OkStatus();
}

bool ProduceTraffic::is_done(uint64_t now_ns) const {
  if (under_way_ > 0) return false;
  if (last_.has_value() && now_ns < budget_.end_ns) return false;
  if (budget_.frames_left == 0) return true;
  if (now_ns < budget_.end_ns) return false;
  // What was due before the end may not have had its turn.
  return !pacer_.has_value() || begun_ >= pacer_->DueBy(budget_.end_ns);
}

absl::Status ProduceTraffic::SendLast() {
  batch_ = std::move(*last_);
  last_.reset();
  budget_.frames_left = 1;
  ConnectionPlan first = plan_.connections[0];
  first.partitions.resize(1);
  streams_[0].Restart({.ring = BuildRing(first, batch_),
                       .in_flight = plan_.in_flight,
                       .is_answered = plan_.acks != 0});
  return Advance(streams_[0], &FrameStream::Send);
}

}  // namespace millrace::bench
