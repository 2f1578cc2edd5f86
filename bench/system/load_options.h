// What one run of the load generator does.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>

namespace millrace::bench {

struct LoadOptions {
  uint16_t port = 9092;
  std::string topic = "bench";
  int32_t partitions = 1;  // connection i uses partition i modulo this
  int32_t connections = 4;
  bool round_robin = false;      // produce: a connection goes through its share of partitions
  int32_t in_flight = 5;         // produce: requests a connection has under way
  size_t batch_bytes = 102'400;  // fetch: what the batches in the topic take
  size_t record_bytes = 100;
  int32_t records_per_batch = 0;  // fetch only
  int32_t max_bytes = 102'400;    // fetch only
  int16_t acks = 1;
  double requests_per_second = 0;  // paced only, of all connections together
  bool create_topic = false;       // and wait for its leaders; the null broker knows no topics
  double warmup_seconds = 0.3;
  double seconds = 2;
  uint64_t stop_after_bytes = 0;  // ends the window early; 0: only time ends it
  pid_t server_pid = 0;           // 0: the server's cost is not measured
  std::string allocation_counts;  // file of count_allocations.c, or empty
};

inline std::string ServerOf(const LoadOptions& options) {
  return "127.0.0.1:" + std::to_string(options.port);
}

}  // namespace millrace::bench
