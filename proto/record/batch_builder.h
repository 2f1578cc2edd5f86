// Builds one record batch v2 (CreateTime) from records, as a producer does.
//
//   BatchBuilder builder({.codec = CodecType::kZstd});
//   builder.Add({.timestamp = now, .key = key, .value = value});
//   absl::StatusOr<std::vector<std::byte>> batch = std::move(builder).Build();
//
// One thread. What Add() is given is copied. The records stand in memory uncompressed until
// Build(). Format: docs/formats/record-batch.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/record/batch.h"
#include "proto/record/codec_type.h"
#include "proto/types.h"

namespace millrace::record {

struct NewHeader {
  std::string_view key;
  std::optional<std::span<const std::byte>> value;
};

struct NewRecord {
  TimestampMs timestamp;
  std::optional<std::span<const std::byte>> key;
  std::optional<std::span<const std::byte>> value;
  std::span<const NewHeader> headers;
};

struct BatchBuilderOptions {
  Offset base_offset = Offset(0);
  CodecType codec = CodecType::kNone;
  // What the codec understands by it (compression.h); none: its default.
  std::optional<int> compression_level;
  std::optional<LeaderEpoch> leader_epoch;  // none: -1, as clients send it
  std::optional<ProducerStamp> producer;
  bool transactional = false;
  bool control = false;
};

class BatchBuilder {
 public:
  explicit BatchBuilder(const BatchBuilderOptions& options);

  // Offsets follow each other from the base offset.
  void Add(const NewRecord& record);

  int32_t record_count() const { return record_count_; }
  // The batch as it would be without compression.
  size_t size_bytes() const { return bytes_.size(); }
  // By how much Add(record) will make size_bytes() grow.
  size_t SizeToAdd(const NewRecord& record) const;

  // The finished batch. Precondition: at least one Add(). Fails with InvalidArgument when a record
  // or the batch is longer than an int32 can say or the timestamps lie too far apart for one batch,
  // and as Compress() does.
  absl::StatusOr<std::vector<std::byte>> Build() &&;

 private:
  size_t BodySize(const NewRecord& record) const;
  void WriteHeader(std::span<std::byte> batch) const;

  BatchBuilderOptions options_;
  std::vector<std::byte> bytes_;  // room for the header, then the records
  int32_t record_count_ = 0;
  TimestampMs base_timestamp_;
  TimestampMs max_timestamp_;
  absl::Status fault_;  // why Build() will fail
};

}  // namespace millrace::record
