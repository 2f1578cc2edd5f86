// The frames that the load generator sends: built once, before anything is measured.
//
// Formats: Kafka's Produce 9, Fetch 12 and CreateTopics 2; record batch v2.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace millrace::bench {

struct BuiltBatch {
  std::vector<uint8_t> bytes;
  int32_t records = 0;
};

// A valid uncompressed batch of records whose values have `record_bytes` bytes. The last value is
// stretched so that the batch takes `batch_bytes` (or a byte or two less); there is always one
// record, so a small `batch_bytes` means one record in each request.
BuiltBatch BuildBatch(size_t batch_bytes, size_t record_bytes);

struct ProduceFrame {
  std::string topic;
  int32_t partition;
  int16_t acks;
  int32_t correlation_id;
};
std::vector<uint8_t> BuildProduce(const ProduceFrame& frame, const BuiltBatch& batch);

struct FetchFrame {
  std::vector<uint8_t> bytes;
  size_t offset_position;  // where in `bytes` the eight bytes of the fetch offset stand
};
struct FetchLimits {
  int32_t max_bytes;
  int32_t max_wait_ms;
};
FetchFrame BuildFetch(const std::string& topic, int32_t partition, const FetchLimits& limits);

// What stands before the records in an answer to BuildFetch.
struct FetchHead {
  int16_t error = 0;  // of the request or of its partition
  int64_t high_watermark = 0;
  size_t records_bytes = 0;
};
// `answer` begins behind the frame's size and may end anywhere in the records. Ends the program
// when it is not the answer to such a request.
FetchHead ParseFetchHead(std::span<const uint8_t> answer);

// ApiVersions 0: the least that a broker can be asked.
std::vector<uint8_t> BuildApiVersions();

std::vector<uint8_t> BuildCreateTopic(const std::string& topic, int32_t partitions);

}  // namespace millrace::bench
