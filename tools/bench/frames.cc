#include "tools/bench/frames.h"

#include <algorithm>
#include <chrono>

#include "proto/record/batch_builder.h"
#include "proto/wire/frame.h"
#include "proto/wire/produce.h"

namespace millrace::bench {

namespace {

constexpr int32_t kTimeoutMs = 30'000;

size_t VarintBytes(size_t value) {
  size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

// The longest value for the next record with which the batch stays within `batch_bytes`.
size_t LongestValue(const record::BatchBuilder& builder, const BatchShape& shape, TimestampMs now) {
  size_t room = shape.batch_bytes - std::min(shape.batch_bytes, builder.size_bytes());
  for (size_t size = room; size > shape.record_bytes; --size) {
    std::vector<std::byte> value(size);
    if (builder.SizeToAdd({.timestamp = now, .value = value}) <= room) return size;
  }
  return shape.record_bytes;
}

}  // namespace

std::vector<std::byte> RecordValue(size_t bytes, size_t index) {
  std::vector<std::byte> value(bytes);
  for (size_t i = 0; i < bytes; ++i) {
    value[i] = static_cast<std::byte>('a' + (i * 7 + index) % 26);
  }
  return value;
}

absl::StatusOr<BuiltBatch> BuildBatch(const BatchShape& shape, TimestampMs now,
                                      uint64_t records_max) {
  record::BatchBuilder builder({.codec = shape.codec});
  uint64_t records = 0;
  for (bool is_last = false; !is_last; ++records) {
    std::vector<std::byte> value = RecordValue(shape.record_bytes, records);
    record::NewRecord record{.timestamp = now, .value = value};
    size_t takes = builder.SizeToAdd(record);
    // Whether another one of the size would fit behind it; its delta may take a byte more.
    is_last =
        records + 1 == records_max || builder.size_bytes() + takes + takes + 1 > shape.batch_bytes;
    if (is_last && shape.stretch_last) {
      value = RecordValue(LongestValue(builder, shape, now), records);
      record.value = value;
    }
    builder.Add(record);
  }
  auto bytes = std::move(builder).Build();
  if (!bytes.ok()) return bytes.status();
  return BuiltBatch{std::move(*bytes), records};
}

std::vector<std::byte> BuildProduce(const ProduceFrame& frame, std::span<const std::byte> batch) {
  wire::ProduceRequest::Partition partition{.index = frame.partition, .records = {.bytes = batch}};
  wire::ProduceRequest::Topic topic{.name = frame.topic.name,
                                    .topic_id = frame.topic.id,
                                    .partition_data = wire::Array(&partition, 1)};
  wire::ProduceRequest request{
      .acks = frame.acks, .timeout_ms = kTimeoutMs, .topic_data = wire::Array(&topic, 1)};
  wire::RequestHeader header{wire::ProduceRequest::kInfo.key, frame.version, frame.correlation_id,
                             "millrace-bench"};
  wire::ByteBuffer out;
  wire::EncodeRequest(out, header, request);
  return {out.bytes().begin(), out.bytes().end()};
}

size_t ProduceErrorPosition(int16_t version, std::string_view topic) {
  bool flexible = wire::ProduceResponse::kInfo.IsFlexible(version);
  size_t array = flexible ? 1 : 4;  // of one element
  size_t name = flexible ? VarintBytes(topic.size() + 1) + topic.size() : 2 + topic.size();
  if (version >= 13) name = sizeof(TopicId);
  // Correlation id and tags; one topic; one partition, and its index.
  return 4 + (flexible ? 1 : 0) + array + name + array + 4;
}

TimestampMs WallClockMs() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return TimestampMs(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace millrace::bench
