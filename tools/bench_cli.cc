#include "tools/bench_cli.h"

#include <CLI/CLI.hpp>

namespace millrace::tools {

namespace {

constexpr int kConnectionsMax = 10'000;
constexpr int kPartitionsMax = 100'000;
constexpr uint64_t kBytesMax = 1 << 30;

CLI::App* AddCommand(CLI::App& bench, const char* name, const char* help, BenchOptions& options) {
  CLI::App* command = bench.add_subcommand(name, help);
  command->add_option("--bootstrap-server", options.bootstrap_server,
                      "host:port of a broker (default 127.0.0.1:9092).");
  command->add_flag("--json", options.json, "Answer with one line of JSON.");
  command->add_flag("--progress", options.progress,
                    "A line every second on stderr, also where that is no terminal.");
  command->add_option("--duration", options.duration_seconds, "Seconds, after the warm-up.")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--warmup", options.warmup_seconds,
                   "Seconds of load before the measurement (default 0).")
      ->check(CLI::NonNegativeNumber);
  return command;
}

void AddSendOptions(CLI::App* command, BenchSendOptions& options) {
  command->add_option("--topic", options.topic,
                      "Created if it is missing, and then deleted at the end (default: one with a "
                      "name of its own).");
  command->add_option("--partitions", options.partitions, "Of a topic that is created.")
      ->check(CLI::Range(1, kPartitionsMax));
  command->add_flag("--keep", options.keep, "Do not delete the topic that was created.");
  command->add_option("--records", options.records, "Ends when so many are sent.");
  command->add_option("--record-size", options.record_bytes, "Bytes of a record's value.")
      ->check(CLI::Range(uint64_t{1}, kBytesMax))
      ->capture_default_str();
  command
      ->add_option("--batch-size", options.batch_bytes,
                   "Bytes of a batch, before it is compressed; one record fits always.")
      ->check(CLI::Range(uint64_t{1}, kBytesMax))
      ->capture_default_str();
  command->add_option("--acks", options.acks, "0, 1 or all.")
      ->check(CLI::IsMember({"0", "1", "all"}))
      ->capture_default_str();
  command->add_option("--in-flight", options.in_flight, "Requests under way on a connection.")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
}

void AddConnections(CLI::App* command, uint64_t& connections) {
  command->add_option("--connections", connections, "Partitions are spread over them.")
      ->check(CLI::Range(1, kConnectionsMax))
      ->capture_default_str();
}

void AddProduce(CLI::App& bench, BenchProduceOptions& options, int& code) {
  CLI::App* produce = AddCommand(
      bench, "produce", "Send batches, at a rate or as fast as they are acknowledged.", options);
  AddSendOptions(produce, options);
  AddConnections(produce, options.connections);
  produce
      ->add_option("--rate", options.records_per_second,
                   "Records a second over all connections; 0: as fast as possible.")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  produce->add_option("--compression", options.compression, "Of the batches.")
      ->check(CLI::IsMember({"none", "gzip", "snappy", "lz4", "zstd"}))
      ->capture_default_str();
  produce->callback([&options, &code] { code = BenchProduce(options); });
}

void AddConsume(CLI::App& bench, BenchConsumeOptions& options, int& code) {
  CLI::App* consume =
      AddCommand(bench, "consume", "Read batches and see that no offset is missing.", options);
  consume->footer(
      "With --from-beginning and no other limit it reads what is there now. Where there are more "
      "connections than partitions, several read the same ones.");
  consume->add_option("--topic", options.topic, "A topic that is there.")->required();
  consume->add_option("--records", options.records, "Ends when at least so many have come.");
  AddConnections(consume, options.connections);
  consume->add_option("--partitions", options.partitions, "Some of them: 0,2 (default all).")
      ->delimiter(',')
      ->check(CLI::Range(0, kPartitionsMax));
  consume->add_flag("--from-beginning", options.from_beginning,
                    "Start at the first offset, not at the end.");
  consume->add_flag("--check", options.check, "Compute the CRC of every batch.");
  consume->add_option("--fetch-max-bytes", options.fetch_max_bytes, "The largest answer.")
      ->check(CLI::Range(1, 1 << 30))
      ->capture_default_str();
  consume->add_option("--max-wait-ms", options.max_wait_ms, "How long a fetch waits for records.")
      ->check(CLI::Range(0, 30'000))
      ->capture_default_str();
  consume->add_option("--min-bytes", options.min_bytes, "For how many bytes it waits.")
      ->check(CLI::Range(0, 1 << 30))
      ->capture_default_str();
  consume->callback([&options, &code] { code = BenchConsume(options); });
}

void AddLatency(CLI::App& bench, BenchLatencyOptions& options, int& code) {
  CLI::App* latency =
      AddCommand(bench, "latency",
                 "Send records at a rate over one connection and read them on another.", options);
  AddSendOptions(latency, options);
  latency->add_option("--rate", options.records_per_second, "Records a second.")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  latency->callback([&options, &code] { code = BenchLatency(options); });
}

}  // namespace

void AddBench(CLI::App& app, BenchCommands& options, int& code) {
  CLI::App* bench =
      app.add_subcommand("bench", "Measure a broker: any that speaks Kafka's protocol.");
  bench->require_subcommand(1);
  bench->footer("Latencies count from when something was due, so that a stall is not hidden.");
  AddProduce(*bench, options.produce, code);
  AddConsume(*bench, options.consume, code);
  AddLatency(*bench, options.latency, code);
}

}  // namespace millrace::tools
