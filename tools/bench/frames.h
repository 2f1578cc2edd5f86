// What generators of load send: record batches and Produce requests, built once, before anything is
// measured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "proto/error_code.h"
#include "proto/record/codec_type.h"
#include "proto/types.h"

namespace millrace::bench {

struct BatchShape {
  size_t batch_bytes = 102'400;  // before it is compressed
  size_t record_bytes = 100;     // of a record's value
  // Makes the last value longer, so that the batch takes batch_bytes or a byte or two less.
  bool stretch_last = false;
  record::CodecType codec = record::CodecType::kNone;
};

struct BuiltBatch {
  std::vector<std::byte> bytes;
  uint64_t records = 0;
};

// A value of that size for the index-th record of a batch: letters that repeat.
std::vector<std::byte> RecordValue(size_t bytes, size_t index);

// As many records as fit, but at least one, and at most `records_max`.
absl::StatusOr<BuiltBatch> BuildBatch(const BatchShape& shape, TimestampMs now,
                                      uint64_t records_max = UINT64_MAX);

// How many records a batch of the shape has.
uint64_t RecordsPerBatch(const BatchShape& shape);

// Newer versions of Produce and Fetch go by the id, older ones by the name.
struct TopicName {
  std::string name;
  TopicId id;
};

struct ProduceFrame {
  TopicName topic;
  int16_t version = 9;
  int16_t acks = 1;
  PartitionIndex partition;
  int32_t correlation_id = 0;
};
std::vector<std::byte> BuildProduce(const ProduceFrame& frame, std::span<const std::byte> batch);

// Where the partition's error code stands in the answer to such a request, counted from behind the
// answer's length. What comes before it has the same size in every answer.
size_t ProduceErrorPosition(int16_t version, std::string_view topic);

struct ProduceAnswer {
  ErrorCode error = ErrorCode::kNone;
  std::string message;  // of an error; may be empty
};
// Fails when these bytes are no such answer. An answer without an error is not looked at further.
absl::StatusOr<ProduceAnswer> ReadProduceAnswer(std::span<const std::byte> answer, int16_t version,
                                                size_t error_position);

// The system's clock, which is what records carry.
TimestampMs WallClockMs();

}  // namespace millrace::bench
