// `millrace bench`: the subcommands, as in commands.h. SIGINT ends them with what was measured.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>

namespace millrace::tools {

struct BenchOptions {
  std::string bootstrap_server = "127.0.0.1:9092";
  std::string topic;  // empty: one with a name of its own, where one may be created
  bool json = false;
  bool progress = false;  // also where stderr is no terminal
  double warmup_seconds = 0;
  std::optional<double> duration_seconds;
  std::optional<uint64_t> records;
};

struct BenchSendOptions : BenchOptions {
  std::optional<int32_t> partitions;  // of a topic that is created
  bool keep = false;                  // a topic that was created
  uint64_t record_bytes = 1024;
  uint64_t batch_bytes = 16'384;
  std::string acks = "all";
  uint64_t in_flight = 5;
  double records_per_second = 0;
};

struct BenchProduceOptions : BenchSendOptions {
  uint64_t connections = 1;
  std::string compression = "none";
};

struct BenchConsumeOptions : BenchOptions {
  uint64_t connections = 1;
  std::vector<int32_t> partitions;  // empty: all
  bool from_beginning = false;
  bool check = false;
  int32_t fetch_max_bytes = 1 << 20;
  int32_t max_wait_ms = 500;
  int32_t min_bytes = 1;
};

struct BenchLatencyOptions : BenchSendOptions {
  BenchLatencyOptions() { records_per_second = 1'000; }
};

int BenchProduce(const BenchProduceOptions& options);
int BenchConsume(const BenchConsumeOptions& options);
int BenchLatency(const BenchLatencyOptions& options);

// What is wrong with a combination of options. Ranges of single ones are checked where they are
// parsed.
absl::Status CheckOptions(const BenchProduceOptions& options);
absl::Status CheckOptions(const BenchConsumeOptions& options);
absl::Status CheckOptions(const BenchLatencyOptions& options);

}  // namespace millrace::tools
