#include "tools/bench/frames.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

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

namespace {

// Uncompressed.
struct OpenBatch {
  record::BatchBuilder builder;
  uint64_t records = 0;
};

OpenBatch FillBatch(const BatchShape& shape, TimestampMs now, uint64_t records_max) {
  OpenBatch batch{record::BatchBuilder({.codec = shape.codec})};
  for (bool is_last = false; !is_last; ++batch.records) {
    std::vector<std::byte> value = RecordValue(shape.record_bytes, batch.records);
    record::NewRecord record{.timestamp = now, .value = value};
    size_t takes = batch.builder.SizeToAdd(record);
    // Whether another one of the size would fit behind it; its delta may take a byte more.
    is_last = batch.records + 1 == records_max ||
              batch.builder.size_bytes() + takes + takes + 1 > shape.batch_bytes;
    if (is_last && shape.stretch_last) {
      value = RecordValue(LongestValue(batch.builder, shape, now), batch.records);
      record.value = value;
    }
    batch.builder.Add(record);
  }
  return batch;
}

}  // namespace

absl::StatusOr<BuiltBatch> BuildBatch(const BatchShape& shape, TimestampMs now,
                                      uint64_t records_max) {
  OpenBatch batch = FillBatch(shape, now, records_max);
  auto bytes = std::move(batch.builder).Build();
  if (!bytes.ok()) return bytes.status();
  return BuiltBatch{std::move(*bytes), batch.records};
}

uint64_t RecordsPerBatch(const BatchShape& shape) {
  return FillBatch(shape, TimestampMs(0), UINT64_MAX).records;
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

absl::StatusOr<ProduceAnswer> ReadProduceAnswer(std::span<const std::byte> answer, int16_t version,
                                                size_t error_position) {
  if (answer.size() < error_position + sizeof(int16_t)) {
    return absl::DataLossError("an answer to Produce is too short");
  }
  if (answer[error_position] == std::byte{0} && answer[error_position + 1] == std::byte{0}) {
    return ProduceAnswer{};
  }
  wire::Arena arena;
  wire::ProduceResponse response;
  auto frame = wire::DecodeResponseFrame(
      answer, wire::ResponseHeaderVersion(wire::ProduceResponse::kInfo, version));
  const char* fault = "it has no header";
  if (frame.has_value()) fault = wire::DecodeMessage(frame->body, version, arena, response);
  if (fault != nullptr) {
    return absl::DataLossError(fmt::format("an answer to Produce is malformed: {}", fault));
  }
  if (response.responses.size() != 1 || response.responses[0].partition_responses.size() != 1) {
    return absl::DataLossError("an answer to Produce is not about one partition");
  }
  const auto& partition = response.responses[0].partition_responses[0];
  return ProduceAnswer{partition.error_code, std::string(partition.error_message.value_or(""))};
}

TimestampMs WallClockMs() {
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return TimestampMs(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace millrace::bench
