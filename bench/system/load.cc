// millrace_load: drives a broker, or the null broker, with Kafka frames that were built before the
// clock starts, and prints one line of JSON (see docs/benchmarks.md for its members).
//
//   millrace_load produce --port 9092 --create-topic --partitions 4 --connections 4
//   millrace_load fetch --port 9092 --partitions 4 --connections 4 --max-bytes 102400
//       --batch-bytes 102400 --records-per-batch 936
//   millrace_load paced --port 9092 --create-topic --requests-per-second 2000 --batch-bytes 16384
#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "bench/system/fatal.h"
#include "bench/system/fetch_traffic.h"
#include "bench/system/load_options.h"
#include "bench/system/load_window.h"
#include "bench/system/ping_traffic.h"
#include "tools/bench/bench_topic.h"
#include "tools/bench/produce_traffic.h"

namespace millrace::bench {
namespace {

// What the null broker knows.
constexpr int16_t kProduceVersion = 9;
constexpr double kPingsPerSecond = 1000;
// A server that stalls gets what is due all the same.
constexpr int32_t kPacedInFlight = 100'000;

void AddCommonOptions(CLI::App& command, LoadOptions& options) {
  command.add_option("--port", options.port, "Port on 127.0.0.1")->required();
  command.add_option("--topic", options.topic, "Topic (at most 64 bytes)");
  command.add_option("--partitions", options.partitions, "Partitions to spread connections over")
      ->check(CLI::Range(1, 10'000));
  command.add_option("--connections", options.connections)->check(CLI::Range(1, 10'000));
  command.add_option("--batch-bytes", options.batch_bytes, "Size of a record batch");
  command.add_option("--seconds", options.seconds, "Length of the measured window");
  command.add_option("--warmup", options.warmup_seconds, "Seconds of load before the window");
  command.add_option("--stop-after-bytes", options.stop_after_bytes, "Ends the window early");
  command.add_option("--pid", options.server_pid, "The server's process, to measure its cost");
  command.add_option("--allocation-counts", options.allocation_counts,
                     "File that libcount_allocations.so of the server writes");
}

void AddProduceOptions(CLI::App& command, LoadOptions& options) {
  command.add_option("--record-bytes", options.record_bytes, "Size of a record's value");
  command.add_option("--acks", options.acks)->check(CLI::IsMember({1, -1}));
  command.add_flag("--create-topic", options.create_topic, "Create the topic first");
}

void AddFetchOptions(CLI::App& command, LoadOptions& options) {
  command.add_option("--max-bytes", options.max_bytes, "Largest answer");
  command.add_option("--records-per-batch", options.records_per_batch)->required();
}

// Connection i sends to partition i modulo the number of partitions; round robin, also to every
// partition behind it that is so many connections away.
std::vector<PartitionIndex> PartitionsOf(int32_t connection, const LoadOptions& options) {
  if (!options.round_robin) return {PartitionIndex(connection % options.partitions)};
  std::vector<PartitionIndex> share;
  for (int32_t p = connection; p < options.partitions; p += options.connections) {
    share.push_back(PartitionIndex(p));
  }
  if (share.empty()) share.push_back(PartitionIndex(connection % options.partitions));
  return share;
}

ProducePlan PlanOf(const LoadOptions& options) {
  ProducePlan plan{.topic = {.name = options.topic},
                   .version = kProduceVersion,
                   .acks = options.acks,
                   .in_flight = static_cast<uint64_t>(options.in_flight),
                   .shape = {.batch_bytes = options.batch_bytes,
                             .record_bytes = options.record_bytes,
                             .stretch_last = true},
                   .batches_per_second = options.requests_per_second};
  for (int32_t i = 0; i < options.connections; ++i) {
    plan.connections.push_back({ServerOf(options), PartitionsOf(i, options)});
  }
  return plan;
}

// The null broker knows no topics.
void CreateTopicIfWanted(const LoadOptions& options) {
  if (!options.create_topic) return;
  OrDie(
      BenchTopic::Open(ServerOf(options), {.name = options.topic, .partitions = options.partitions})
          .status());
}

void Produce(const LoadOptions& options) {
  CreateTopicIfWanted(options);
  std::unique_ptr<ProduceTraffic> traffic = OrDie(ProduceTraffic::Connect(PlanOf(options)));
  LoadReport report = RunWindow({traffic.get()}, options);
  std::string shape = fmt::format(
      R"("mode":"produce","batch_bytes":{},"records_per_batch":{},"acks":{},"in_flight":{})",
      traffic->batch_bytes(), traffic->records_per_batch(), options.acks, options.in_flight);
  fmt::print("{}\n", ReportLine(report, options, shape));
}

void Fetch(const LoadOptions& options) {
  FetchTraffic traffic(options);
  LoadReport report = RunWindow({&traffic}, options);
  std::string shape = fmt::format(R"("mode":"fetch","max_bytes":{})", options.max_bytes);
  fmt::print("{}\n", ReportLine(report, options, shape));
}

// Pings beside the paced requests: what a stall of the server does to those who do not wait for it.
void Paced(LoadOptions options) {
  CreateTopicIfWanted(options);
  options.in_flight = kPacedInFlight;
  std::unique_ptr<ProduceTraffic> traffic = OrDie(ProduceTraffic::Connect(PlanOf(options)));
  std::unique_ptr<PingTraffic> ping_traffic =
      OrDie(PingTraffic::Connect(ServerOf(options), kPingsPerSecond));
  LoadReport report = RunWindow({traffic.get(), ping_traffic.get()}, options);
  const LatencyHistogram& pings = ping_traffic->latencies();
  auto microseconds = [](uint64_t ns) { return static_cast<double>(ns) / 1e3; };
  std::string shape =
      fmt::format(R"("mode":"paced","batch_bytes":{},"acks":{},"pings":{},"ping_p50_us":{:.1f},)"
                  R"("ping_p99_us":{:.1f},"ping_p999_us":{:.1f},"ping_max_us":{:.1f})",
                  traffic->batch_bytes(), options.acks, pings.count(),
                  microseconds(pings.Quantile(0.5)), microseconds(pings.Quantile(0.99)),
                  microseconds(pings.Quantile(0.999)), microseconds(pings.max_ns()));
  fmt::print("{}\n", ReportLine(report, options, shape));
}

}  // namespace
}  // namespace millrace::bench

int main(int argc, char** argv) {
  using millrace::bench::LoadOptions;
  LoadOptions options;
  CLI::App app("Load generator for brokers that speak Kafka's protocol");
  app.require_subcommand(1);
  CLI::App* produce = app.add_subcommand("produce", "Send record batches");
  millrace::bench::AddCommonOptions(*produce, options);
  millrace::bench::AddProduceOptions(*produce, options);
  produce->add_option("--in-flight", options.in_flight, "Requests under way for each connection")
      ->check(CLI::Range(1, 1'000));
  produce->add_flag("--round-robin", options.round_robin,
                    "A connection goes through its share of the partitions, batch by batch");
  CLI::App* paced = app.add_subcommand("paced", "Send record batches at a constant rate");
  millrace::bench::AddCommonOptions(*paced, options);
  millrace::bench::AddProduceOptions(*paced, options);
  paced->add_option("--requests-per-second", options.requests_per_second, "Of all connections")
      ->required()
      ->check(CLI::PositiveNumber);
  CLI::App* fetch = app.add_subcommand("fetch", "Read what produce has sent");
  millrace::bench::AddCommonOptions(*fetch, options);
  millrace::bench::AddFetchOptions(*fetch, options);
  CLI11_PARSE(app, argc, argv);
  if (options.topic.size() > 64) millrace::bench::Die("the topic's name is longer than 64 bytes");
  if (produce->parsed()) {
    millrace::bench::Produce(options);
  } else if (paced->parsed()) {
    millrace::bench::Paced(options);
  } else {
    millrace::bench::Fetch(options);
  }
  return 0;
}
