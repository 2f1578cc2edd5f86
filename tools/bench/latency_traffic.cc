#include "tools/bench/latency_traffic.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>
#include <utility>

#include <absl/memory/memory.h>
#include <fmt/format.h>

#include "proto/record/batch_builder.h"
#include "proto/record/record_reader.h"

namespace millrace::bench {

namespace {

constexpr size_t kConsumer = 0;
constexpr size_t kProducer = 1;

void Stamp(std::vector<std::byte>& value, uint64_t run_id, uint64_t due_ns) {
  std::memcpy(value.data(), &run_id, sizeof(run_id));
  std::memcpy(value.data() + sizeof(run_id), &due_ns, sizeof(due_ns));
}

// None: the record is not of this run.
std::optional<uint64_t> DueNsOf(const record::RecordView& record, uint64_t run_id) {
  if (!record.value.has_value() || record.value->size() < kStampBytes) return std::nullopt;
  uint64_t id = 0;
  uint64_t due_ns = 0;
  std::memcpy(&id, record.value->data(), sizeof(id));
  std::memcpy(&due_ns, record.value->data() + sizeof(id), sizeof(due_ns));
  if (id != run_id) return std::nullopt;
  return due_ns;
}

}  // namespace

LatencyTraffic::LatencyTraffic(const LatencyPlan& plan)
    : plan_(plan),
      pacer_(NowNs(), plan.records_per_second),
      error_position_(ProduceErrorPosition(plan.produce_version, plan.topic.name)),
      track_(plan.from) {}

absl::StatusOr<std::unique_ptr<LatencyTraffic>> LatencyTraffic::Connect(const LatencyPlan& plan) {
  auto consumer = ConnectForLoad(plan.server);
  if (!consumer.ok()) return consumer.status();
  auto producer = ConnectForLoad(plan.server);
  if (!producer.ok()) return producer.status();
  auto timer = NewTimer();
  if (!timer.ok()) return timer.status();
  auto traffic = absl::WrapUnique(new LatencyTraffic(plan));
  traffic->descriptors_ = {consumer->get(), producer->get(), timer->get()};
  traffic->consumer_ = std::move(*consumer);
  traffic->producer_ = std::move(*producer);
  traffic->timer_ = std::move(*timer);
  absl::Status fetching = traffic->SendFetch();
  if (!fetching.ok()) return fetching;
  return traffic;
}

void LatencyTraffic::BeginWindow() {
  Traffic::BeginWindow();
  acknowledgements_.Clear();
  delays_.Clear();
}

absl::Status LatencyTraffic::Limit(uint64_t records, uint64_t end_ns) {
  records_max_ = records == UINT64_MAX ? records : begun_ + records;
  end_ns_ = end_ns;
  return absl::OkStatus();
}

uint64_t LatencyTraffic::DueBy(uint64_t now_ns) const {
  return std::min(records_max_, pacer_.DueBy(std::min(now_ns, end_ns_)));
}

bool LatencyTraffic::is_done(uint64_t now_ns) const {
  if (awaits_answer()) return false;
  return begun_ >= records_max_ || (now_ns >= end_ns_ && begun_ >= DueBy(end_ns_));
}

absl::Status LatencyTraffic::OnReady(size_t index) {
  if (index == kConsumer) return ReadRecords();
  if (index == kProducer) {
    absl::Status read = ReadAcknowledgements();
    if (!read.ok()) return read;
  } else {
    ReadTimer(timer_);
  }
  return Produce();
}

absl::Status LatencyTraffic::Produce() {
  while (true) {
    absl::StatusOr<bool> sent = SendOut();
    if (!sent.ok()) return sent.status();
    if (!*sent || under_way_.size() >= plan_.in_flight) return absl::OkStatus();
    uint64_t due = DueBy(NowNs());
    if (due <= begun_) break;
    absl::Status built = BuildRequest(std::min(due - begun_, plan_.records_per_batch));
    if (!built.ok()) return built;
  }
  return begun_ < records_max_ ? ArmTimer(timer_, pacer_.DueNs(begun_)) : absl::OkStatus();
}

absl::Status LatencyTraffic::BuildRequest(uint64_t records) {
  record::BatchBuilder builder({});
  TimestampMs now = WallClockMs();
  std::vector<std::byte> value = RecordValue(plan_.record_bytes, 0);
  uint64_t now_ns = NowNs();
  for (uint64_t i = 0; i < records; ++i) {
    uint64_t due_ns = pacer_.DueNs(begun_ + i);
    Stamp(value, plan_.run_id, due_ns);
    builder.Add({.timestamp = now, .value = value});
    delays_.Record(now_ns - due_ns);
  }
  auto batch = std::move(builder).Build();
  if (!batch.ok()) return batch.status();
  out_ = BuildProduce({.topic = plan_.topic,
                       .version = plan_.produce_version,
                       .acks = plan_.acks,
                       .partition = plan_.partition},
                      *batch);
  out_sent_ = 0;
  under_way_.push_back({begun_, records});
  begun_ += records;
  return absl::OkStatus();
}

absl::StatusOr<bool> LatencyTraffic::SendOut() {
  while (out_sent_ < out_.size()) {
    ssize_t sent =
        ::send(producer_.get(), out_.data() + out_sent_, out_.size() - out_sent_, MSG_NOSIGNAL);
    if (sent < 0 && errno == EAGAIN) return false;
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return SystemError("a connection was lost");
    out_sent_ += static_cast<size_t>(sent);
  }
  return true;
}

absl::Status LatencyTraffic::ReadAcknowledgements() {
  while (true) {
    absl::StatusOr<bool> more = acknowledgement_frames_.Read(producer_.get());
    if (!more.ok()) return more.status();
    uint64_t now_ns = NowNs();
    while (auto answer = acknowledgement_frames_.Next()) {
      absl::Status taken = TakeAcknowledgement(*answer, now_ns);
      if (!taken.ok()) return taken;
    }
    if (!*more) return absl::OkStatus();
  }
}

absl::Status LatencyTraffic::TakeAcknowledgement(wire::Bytes answer, uint64_t now_ns) {
  if (under_way_.empty()) return absl::DataLossError("the broker answered what was not asked");
  Batch batch = under_way_.front();
  under_way_.pop_front();
  auto refusal = ReadProduceAnswer(answer, plan_.produce_version, error_position_);
  if (!refusal.ok()) return refusal.status();
  if (refusal->error != ErrorCode::kNone) {
    refused_ += batch.records;
    return CountRefusal(refusal->error, refusal->message);
  }
  acknowledged_ += batch.records;
  CountAnswer(0, 0);
  for (uint64_t i = 0; i < batch.records; ++i) {
    acknowledgements_.Record(now_ns - pacer_.DueNs(batch.first + i));
  }
  return absl::OkStatus();
}

absl::Status LatencyTraffic::SendFetch() {
  FetchFrom from{plan_.partition, track_.next()};
  fetch_.Clear();
  EncodeFetch(plan_.topic, plan_.fetch_version, plan_.limits, {&from, 1}, fetch_);
  ssize_t sent = ::send(consumer_.get(), fetch_.data(), fetch_.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(fetch_.size())) return SystemError("a connection was lost");
  return absl::OkStatus();
}

absl::Status LatencyTraffic::ReadRecords() {
  while (true) {
    absl::StatusOr<bool> more = fetch_frames_.Read(consumer_.get());
    if (!more.ok()) return more.status();
    uint64_t now_ns = NowNs();
    while (auto answer = fetch_frames_.Next()) {
      absl::Status taken = TakeRecords(*answer, now_ns);
      if (!taken.ok()) return taken;
      absl::Status sent = SendFetch();
      if (!sent.ok()) return sent;
    }
    if (!*more) return absl::OkStatus();
  }
}

absl::Status LatencyTraffic::TakeRecords(wire::Bytes answer, uint64_t now_ns) {
  arena_.Reset();
  wire::FetchResponse response;
  absl::Status decoded = DecodeFetch(answer, plan_.fetch_version, arena_, response);
  if (!decoded.ok()) return decoded;
  if (response.error_code != ErrorCode::kNone) return CountRefusal(response.error_code, {});
  for (const auto& topic : response.responses) {
    for (const auto& partition : topic.partitions) {
      if (partition.error_code != ErrorCode::kNone) return CountRefusal(partition.error_code, {});
      BatchCursor batches(partition.records.bytes.value_or(wire::Bytes()));
      while (auto batch = batches.Next()) {
        auto taken = track_.Take(record::BatchView(*batch));
        if (!taken.ok()) return taken.status();
        TakeBatch(*batch, now_ns);
      }
    }
  }
  return absl::OkStatus();
}

void LatencyTraffic::TakeBatch(std::span<const std::byte> batch, uint64_t now_ns) {
  record::BatchView view(batch);
  if (view.codec() != record::CodecType::kNone) return;
  uint64_t records = 0;
  for (record::RecordReader reader(view, view.records()); auto record = reader.Next();) {
    auto due_ns = DueNsOf(*record, plan_.run_id);
    if (!due_ns.has_value()) continue;
    latencies().Record(now_ns - *due_ns);
    ++records;
  }
  received_ += records;
  if (records > 0) CountRecords(records, batch.size());
}

}  // namespace millrace::bench
