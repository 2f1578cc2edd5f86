#include "bench/system/fetch_frame.h"

#include "bench/system/fatal.h"
#include "bench/system/frame_writer.h"

namespace millrace::bench {

FetchFrame BuildFetch(const std::string& topic, int32_t partition, const FetchLimits& limits) {
  FrameWriter out;
  out.BeginFrame({.key = 1, .version = 12, .flexible = true}, 0);
  out.Integer<int32_t>(-1);  // a consumer, not a replica
  out.Integer<int32_t>(limits.max_wait_ms);
  out.Integer<int32_t>(1);  // fewest bytes
  out.Integer<int32_t>(limits.max_bytes);
  out.Integer<int8_t>(0);    // read uncommitted
  out.Integer<int32_t>(0);   // no session
  out.Integer<int32_t>(-1);  // and none wanted
  out.CompactCount(1);
  out.CompactText(topic);
  out.CompactCount(1);
  out.Integer<int32_t>(partition);
  out.Integer<int32_t>(-1);  // current leader epoch
  size_t offset_position = out.size();
  out.Integer<int64_t>(0);
  out.Integer<int32_t>(-1);  // last fetched epoch
  out.Integer<int64_t>(-1);  // log start offset
  out.Integer<int32_t>(limits.max_bytes);
  out.NoTags();         // partition
  out.NoTags();         // topic
  out.CompactCount(0);  // forgotten topics
  out.CompactText({});  // rack
  out.NoTags();         // request
  out.EndFrame();
  return {std::move(out.bytes()), offset_position};
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
