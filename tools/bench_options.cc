#include <fmt/format.h>

#include "tools/bench/latency_traffic.h"
#include "tools/bench_commands.h"
#include "tools/kafka_status.h"

namespace millrace::tools {

absl::Status CheckOptions(const BenchProduceOptions& options) {
  if (options.records == uint64_t{0}) return WrongUsage("--records 0 leaves nothing to send");
  return absl::OkStatus();
}

absl::Status CheckOptions(const BenchConsumeOptions& options) {
  if (options.records == uint64_t{0}) return WrongUsage("--records 0 leaves nothing to read");
  bool is_endless = !options.from_beginning && !options.records && !options.duration_seconds;
  if (is_endless) {
    return WrongUsage(
        "the records of now have no end: give --from-beginning, --records or --duration");
  }
  return absl::OkStatus();
}

absl::Status CheckOptions(const BenchLatencyOptions& options) {
  if (options.records == uint64_t{0}) return WrongUsage("--records 0 leaves nothing to send");
  if (options.acks == "0") {
    return WrongUsage("--acks 0 leaves no acknowledgement to time: give 1 or all");
  }
  if (options.record_bytes < bench::kStampBytes) {
    return WrongUsage(
        fmt::format("--record-size {} has no room for the {} bytes that say when a record was due",
                    options.record_bytes, bench::kStampBytes));
  }
  return absl::OkStatus();
}

}  // namespace millrace::tools
