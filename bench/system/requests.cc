#include "bench/system/requests.h"

#include <algorithm>
#include <chrono>
#include <optional>

#include <isa-l/crc.h>

#include "bench/system/fatal.h"
#include "bench/system/frame_writer.h"

namespace millrace::bench {
namespace {

constexpr size_t kHeaderBytes = 61;
constexpr size_t kCrcPosition = 17;
constexpr size_t kCrcStart = 21;
constexpr int32_t kTimeoutMs = 30'000;

// One record without key and headers, with its length before it.
std::vector<uint8_t> BuildRecord(int32_t offset_delta, size_t value_bytes) {
  FrameWriter body;
  body.Integer<int8_t>(0);  // attributes
  body.Varint(0);           // timestamp delta
  body.Varint(offset_delta);
  body.Varint(-1);  // no key
  body.Varint(static_cast<int64_t>(value_bytes));
  for (size_t i = 0; i < value_bytes; ++i) {
    body.Integer<int8_t>(
        static_cast<int8_t>('a' + (i * 7 + static_cast<size_t>(offset_delta)) % 26));
  }
  body.Varint(0);  // no headers
  FrameWriter record;
  record.Varint(static_cast<int64_t>(body.size()));
  record.Raw(body.bytes());
  return std::move(record.bytes());
}

// The largest record that takes at most `room` bytes, if one of `value_bytes` fits at all.
std::optional<std::vector<uint8_t>> StretchRecord(int32_t offset_delta, size_t value_bytes,
                                                  size_t room) {
  std::vector<uint8_t> record = BuildRecord(offset_delta, value_bytes);
  if (record.size() > room) return std::nullopt;
  while (record.size() < room) {
    std::vector<uint8_t> longer = BuildRecord(offset_delta, value_bytes + room - record.size());
    if (longer.size() > room) longer = BuildRecord(offset_delta, value_bytes + 1);
    if (longer.size() > room) break;
    value_bytes += longer.size() - record.size();
    record = std::move(longer);
  }
  return record;
}

int64_t NowMs() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

void WriteHeader(FrameWriter& out, int32_t records, size_t records_bytes) {
  int64_t now_ms = NowMs();
  out.Integer<int64_t>(0);  // base offset
  out.Integer<int32_t>(static_cast<int32_t>(kHeaderBytes - 12 + records_bytes));
  out.Integer<int32_t>(-1);  // leader epoch
  out.Integer<int8_t>(2);    // magic
  out.Integer<uint32_t>(0);  // CRC, set at the end
  out.Integer<int16_t>(0);   // attributes
  out.Integer<int32_t>(records - 1);
  out.Integer<int64_t>(now_ms);
  out.Integer<int64_t>(now_ms);
  out.Integer<int64_t>(-1);  // producer id
  out.Integer<int16_t>(-1);  // producer epoch
  out.Integer<int32_t>(-1);  // base sequence
  out.Integer<int32_t>(records);
}

}  // namespace

BuiltBatch BuildBatch(size_t batch_bytes, size_t record_bytes) {
  size_t room = batch_bytes > kHeaderBytes ? batch_bytes - kHeaderBytes : 0;
  std::vector<std::vector<uint8_t>> records = {BuildRecord(0, record_bytes)};
  size_t used = records[0].size();
  while (true) {
    auto delta = static_cast<int32_t>(records.size());
    std::vector<uint8_t> next = BuildRecord(delta, record_bytes);
    if (used + next.size() > room) break;
    used += next.size();
    records.push_back(std::move(next));
  }
  if (used < room) {
    used -= records.back().size();
    auto delta = static_cast<int32_t>(records.size() - 1);
    records.back() = *StretchRecord(delta, record_bytes, room - used);
    used += records.back().size();
  }
  FrameWriter out;
  WriteHeader(out, static_cast<int32_t>(records.size()), used);
  for (const std::vector<uint8_t>& record : records) out.Raw(record);
  std::vector<uint8_t>& bytes = out.bytes();
  uint32_t crc = ~crc32_iscsi(bytes.data() + kCrcStart, static_cast<int>(bytes.size() - kCrcStart),
                              0xffffffffU);
  StoreBigEndian<uint32_t>(bytes.data() + kCrcPosition, crc);
  return {std::move(bytes), static_cast<int32_t>(records.size())};
}

std::vector<uint8_t> BuildProduce(const ProduceFrame& frame, const BuiltBatch& batch) {
  FrameWriter out;
  out.BeginFrame({.key = 0, .version = 9, .flexible = true}, frame.correlation_id);
  out.UnsignedVarint(0);  // no transactional id
  out.Integer<int16_t>(frame.acks);
  out.Integer<int32_t>(kTimeoutMs);
  out.CompactCount(1);
  out.CompactText(frame.topic);
  out.CompactCount(1);
  out.Integer<int32_t>(frame.partition);
  out.CompactCount(batch.bytes.size());
  out.Raw(batch.bytes);
  out.NoTags();  // partition
  out.NoTags();  // topic
  out.NoTags();  // request
  out.EndFrame();
  return std::move(out.bytes());
}

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

std::vector<uint8_t> BuildApiVersions() {
  FrameWriter out;
  out.BeginFrame({.key = 18, .version = 0, .flexible = false}, 0);
  out.EndFrame();
  return std::move(out.bytes());
}

std::vector<uint8_t> BuildCreateTopic(const std::string& topic, int32_t partitions) {
  FrameWriter out;
  out.BeginFrame({.key = 19, .version = 2, .flexible = false}, 0);
  out.Integer<int32_t>(1);
  out.Text(topic);
  out.Integer<int32_t>(partitions);
  out.Integer<int16_t>(1);  // replication factor
  out.Integer<int32_t>(0);  // no assignments
  out.Integer<int32_t>(0);  // no configs
  out.Integer<int32_t>(kTimeoutMs);
  out.Integer<int8_t>(0);  // not only validated
  out.EndFrame();
  return std::move(out.bytes());
}

}  // namespace millrace::bench
