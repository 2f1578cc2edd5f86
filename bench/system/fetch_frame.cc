#include "bench/system/fetch_frame.h"

#include <algorithm>

#include "bench/system/fatal.h"
#include "bench/system/frame_writer.h"

namespace millrace::bench {

FetchFrame BuildFetch(const std::string& topic, int32_t partition, const FetchLimits& limits) {
  constexpr int16_t kVersion = 12;
  wire::ByteBuffer one;
  wire::ByteBuffer other;
  FetchFrom from{PartitionIndex(partition), Offset(0)};
  EncodeFetch({.name = topic}, kVersion, limits, {&from, 1}, one);
  from.offset = Offset(-1);
  EncodeFetch({.name = topic}, kVersion, limits, {&from, 1}, other);
  auto differs = std::mismatch(one.bytes().begin(), one.bytes().end(), other.bytes().begin());
  auto position = static_cast<size_t>(differs.first - one.bytes().begin());
  const auto* bytes = reinterpret_cast<const uint8_t*>(one.data());
  return {{bytes, bytes + one.size()}, position};
}

FetchHead ParseFetchHead(std::span<const uint8_t> answer) {
  FrameReader in(answer);
  FetchHead head;
  in.Skip(4 + 1 + 4);  // correlation id, tags, throttle time
  head.error = in.Integer<int16_t>();
  in.Skip(4);  // session id
  if (in.UnsignedVarint() != 2) Die("a fetch answer has not exactly one topic");
  in.SkipCompactText();
  if (in.UnsignedVarint() != 2) Die("a fetch answer has not exactly one partition");
  in.Skip(4);  // partition index
  auto partition_error = in.Integer<int16_t>();
  if (head.error == 0) head.error = partition_error;
  head.high_watermark = in.Integer<int64_t>();
  in.Skip(8 + 8);  // last stable offset, log start offset
  if (in.UnsignedVarint() > 1) Die("a fetch answer has aborted transactions");
  in.Skip(4);  // preferred replica
  uint32_t records_size = in.UnsignedVarint();
  if (!in.ok()) Die("a fetch answer is not what Fetch 12 looks like");
  head.records_bytes = records_size == 0 ? 0 : records_size - 1;
  return head;
}

}  // namespace millrace::bench
