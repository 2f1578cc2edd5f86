#include "tools/bench_commands.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <unistd.h>
#include <utility>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "proto/wire/list_offsets.h"
#include "proto/wire/produce.h"
#include "tools/bench/bench_report.h"
#include "tools/bench/bench_topic.h"
#include "tools/bench/consume_traffic.h"
#include "tools/bench/latency_traffic.h"
#include "tools/bench/measure.h"
#include "tools/bench/produce_traffic.h"
#include "tools/group_output.h"
#include "tools/kafka_status.h"

namespace millrace::tools {

namespace {

namespace json = boost::json;

constexpr double kDefaultSeconds = 10;

void RemarkFailure(const absl::Status& status) {
  std::string name =
      KafkaErrorOf(status).has_value() ? fmt::format("{}: ", ErrorNameOf(status)) : std::string();
  Remark(name + std::string(status.message()));
}

int Fail(const BenchOptions& options, const absl::Status& status) {
  if (options.json) {
    Print(json::object{{"error", ErrorNameOf(status)},
                       {"message", std::string(status.message())},
                       {"topic", options.topic}});
  } else {
    RemarkFailure(status);
  }
  return absl::IsInvalidArgument(status) ? 2 : 1;
}

uint64_t RandomNumber() {
  std::random_device random;
  return uint64_t{random()} << 32 | random();
}

bench::MeasurePlan PlanOf(const BenchOptions& options) {
  return {.warmup_seconds = options.warmup_seconds,
          .duration_seconds = options.duration_seconds.value_or(0),
          .records = options.records.value_or(UINT64_MAX),
          .show_progress = options.progress || ::isatty(2) == 1};
}

// Without a limit of its own, sending ends after a while.
bench::MeasurePlan SendPlanOf(const BenchSendOptions& options) {
  bench::MeasurePlan plan = PlanOf(options);
  if (!options.records && !options.duration_seconds) plan.duration_seconds = kDefaultSeconds;
  return plan;
}

int16_t AcksOf(const std::string& text) {
  if (text == "all") return wire::kAcksAll;
  return text == "0" ? wire::kAcksNone : wire::kAcksLeader;
}

int Finish(const BenchOptions& options, const bench::BenchReport& report) {
  const absl::Status& failure = report.measured.failure;
  if (options.json) {
    Print(std::string_view(bench::ReportJson(report)));
  } else {
    std::string text = bench::ReportText(report);
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (!failure.ok()) RemarkFailure(failure);
  }
  return bench::IsClean(report) ? 0 : 1;
}

// Deletes a topic that this run has created.
class TopicUse {
 public:
  TopicUse(bench::BenchTopic& topic, bool keep) : topic_(topic), keep_(keep) {}
  TopicUse(const TopicUse&) = delete;
  TopicUse& operator=(const TopicUse&) = delete;
  ~TopicUse() {
    if (!topic_.was_created() || keep_) return;
    absl::Status deleted = topic_.Delete();
    if (deleted.ok()) return;
    Remark(fmt::format("topic '{}' was not deleted: {}", topic_.name().name,
                       std::string(deleted.message())));
  }

 private:
  bench::BenchTopic& topic_;
  bool keep_;
};

absl::StatusOr<bench::BenchTopic> OpenToSend(BenchSendOptions& options,
                                             std::optional<int32_t> partitions) {
  if (options.topic.empty()) options.topic = fmt::format("millrace-bench-{:016x}", RandomNumber());
  return bench::BenchTopic::Open(options.bootstrap_server,
                                 {.name = options.topic, .partitions = partitions});
}

bench::BenchReport ReportOf(const char* mode, const BenchOptions& options,
                            const bench::Traffic& traffic, const bench::Measurement& measured) {
  return {.mode = mode,
          .topic = options.topic,
          .measured = measured,
          .latencies = {},
          .refusals = traffic.refusals()};
}

}  // namespace

int BenchProduce(const BenchProduceOptions& given) {
  BenchProduceOptions options = given;
  absl::Status checked = CheckOptions(options);
  if (!checked.ok()) return Fail(options, checked);
  auto topic = OpenToSend(options, options.partitions);
  if (!topic.ok()) return Fail(options, topic.status());
  TopicUse use(*topic, options.keep);
  auto connections = bench::PlanConnections(topic->partitions(), options.connections);
  if (!connections.ok()) return Fail(options, connections.status());
  bench::ProducePlan plan{.topic = topic->name(),
                          .version = topic->produce_version(),
                          .acks = AcksOf(options.acks),
                          .connections = std::move(*connections),
                          .in_flight = options.in_flight,
                          .shape = {.batch_bytes = options.batch_bytes,
                                    .record_bytes = options.record_bytes,
                                    .codec = *record::CodecByName(options.compression)}};
  auto per_batch = bench::RecordsPerBatch(plan.shape);
  plan.batches_per_second = options.records_per_second / static_cast<double>(per_batch);
  auto traffic = bench::ProduceTraffic::Connect(plan);
  if (!traffic.ok()) return Fail(options, traffic.status());
  bench::CatchInterrupts();
  bench::Measurement measured = bench::Measure(**traffic, SendPlanOf(options));
  bench::BenchReport report = ReportOf("produce", options, **traffic, measured);
  report.latencies = {{options.acks == "0" ? "send" : "ack",
                       options.acks == "0" ? "time to send" : "time to acknowledgement",
                       bench::Summarize((*traffic)->latencies())}};
  return Finish(options, report);
}

namespace {

absl::Status KeepOnly(const std::vector<int32_t>& wanted,
                      std::vector<bench::PartitionPlace>& partitions) {
  if (wanted.empty()) return absl::OkStatus();
  std::vector<bench::PartitionPlace> kept;
  for (int32_t index : wanted) {
    auto found = std::find_if(partitions.begin(), partitions.end(),
                              [&](const auto& each) { return each.index.value() == index; });
    if (found == partitions.end()) {
      return KafkaError(ErrorCode::kUnknownTopicOrPartition,
                        fmt::format("the topic has no partition {}", index));
    }
    kept.push_back(*found);
  }
  partitions = std::move(kept);
  return absl::OkStatus();
}

absl::StatusOr<bench::ConsumePlan> PlanToConsume(const BenchConsumeOptions& options,
                                                 bench::BenchTopic& topic) {
  std::vector<bench::PartitionPlace> places = topic.partitions();
  absl::Status kept = KeepOnly(options.partitions, places);
  if (!kept.ok()) return kept;
  std::map<PartitionIndex, bench::ConsumedPartition> ranges;
  // Without another limit, what is there now is read.
  bool has_end = options.from_beginning && !options.records && !options.duration_seconds;
  for (const bench::PartitionPlace& place : places) {
    auto end = topic.OffsetAt(place, wire::kLatestTimestamp);
    if (!end.ok()) return end.status();
    auto from = options.from_beginning ? topic.OffsetAt(place, wire::kEarliestTimestamp) : end;
    if (!from.ok()) return from.status();
    ranges[place.index] = {.index = place.index, .from = *from};
    if (has_end) ranges[place.index].end = *end;
  }
  auto connections = bench::PlanConnections(places, options.connections);
  if (!connections.ok()) return connections.status();
  bench::ConsumePlan plan{.topic = topic.name(),
                          .version = topic.fetch_version(),
                          .connections = {},
                          .limits = {.max_bytes = options.fetch_max_bytes,
                                     .max_wait_ms = options.max_wait_ms,
                                     .min_bytes = options.min_bytes},
                          .check_crc = options.check};
  for (const bench::ConnectionPlan& connection : *connections) {
    bench::ConsumeConnection& consumed = plan.connections.emplace_back();
    consumed.server = connection.server;
    for (PartitionIndex index : connection.partitions) {
      consumed.partitions.push_back(ranges[index]);
    }
  }
  return plan;
}

}  // namespace

int BenchConsume(const BenchConsumeOptions& options) {
  absl::Status checked = CheckOptions(options);
  if (!checked.ok()) return Fail(options, checked);
  auto topic = bench::BenchTopic::Open(options.bootstrap_server,
                                       {.name = options.topic, .create_if_missing = false});
  if (!topic.ok()) return Fail(options, topic.status());
  auto plan = PlanToConsume(options, *topic);
  if (!plan.ok()) return Fail(options, plan.status());
  auto traffic = bench::ConsumeTraffic::Connect(*plan);
  if (!traffic.ok()) return Fail(options, traffic.status());
  bench::CatchInterrupts();
  bench::Measurement measured = bench::Measure(**traffic, PlanOf(options));
  bench::BenchReport report = ReportOf("consume", options, **traffic, measured);
  report.latencies = {{"fetch", "time of a fetch", bench::Summarize((*traffic)->latencies())}};
  report.missing_offsets = (*traffic)->missing_offsets();
  return Finish(options, report);
}

int BenchLatency(const BenchLatencyOptions& given) {
  BenchLatencyOptions options = given;
  absl::Status checked = CheckOptions(options);
  if (!checked.ok()) return Fail(options, checked);
  auto topic = OpenToSend(options, options.partitions.value_or(1));
  if (!topic.ok()) return Fail(options, topic.status());
  TopicUse use(*topic, options.keep);
  const bench::PartitionPlace& place = topic->partitions().front();
  auto end = topic->OffsetAt(place, wire::kLatestTimestamp);
  if (!end.ok()) return Fail(options, end.status());
  bench::BatchShape shape{.batch_bytes = options.batch_bytes, .record_bytes = options.record_bytes};
  auto traffic = bench::LatencyTraffic::Connect({.topic = topic->name(),
                                                 .produce_version = topic->produce_version(),
                                                 .fetch_version = topic->fetch_version(),
                                                 .server = place.server,
                                                 .partition = place.index,
                                                 .from = *end,
                                                 .run_id = RandomNumber(),
                                                 .acks = AcksOf(options.acks),
                                                 .in_flight = options.in_flight,
                                                 .record_bytes = options.record_bytes,
                                                 .records_per_batch = bench::RecordsPerBatch(shape),
                                                 .records_per_second = options.records_per_second});
  if (!traffic.ok()) return Fail(options, traffic.status());
  bench::CatchInterrupts();
  bench::Measurement measured = bench::Measure(**traffic, SendPlanOf(options));
  bench::BenchReport report = ReportOf("latency", options, **traffic, measured);
  report.latencies = {
      {"endToEnd", "end to end", bench::Summarize((*traffic)->latencies())},
      {"ack", "time to acknowledgement", bench::Summarize((*traffic)->acknowledgements())},
      {"delay", "sent later than due by", bench::Summarize((*traffic)->delays())}};
  return Finish(options, report);
}

}  // namespace millrace::tools
