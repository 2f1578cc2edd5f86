// Fetch 12 as the load generator uses it: the request is built once, before anything is measured,
// and of an answer only what stands before the records is looked at.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tools/bench/fetch_frames.h"

namespace millrace::bench {

struct FetchFrame {
  std::vector<uint8_t> bytes;
  size_t offset_position;  // where in `bytes` the eight bytes of the fetch offset stand
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

}  // namespace millrace::bench
