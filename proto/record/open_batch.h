// Opens batches of any codec: walks their records, checks compressed ones, and answers look-ups by
// time inside one batch.
//
// Pure; any thread. An uncompressed batch is walked where it lies; a compressed one is decompressed
// into memory of at most `max_bytes` that is freed before the call returns. Errors are values:
//   InvalidArgument    the batch is damaged
//   ResourceExhausted  its records take more than `max_bytes` (also uncompressed ones)
// Precondition of all: `batch` is one complete batch, as IsIntact() finds it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/record/batch.h"
#include "proto/record/record_reader.h"
#include "proto/types.h"

namespace millrace::record {

enum class Walk : uint8_t { kGoOn, kStop };

// `visit` sees the records in order; the views it gets end with the call. What it has seen before
// an error is right.
absl::Status ForEachRecord(std::span<const std::byte> batch, size_t max_bytes,
                           absl::FunctionRef<Walk(const RecordView&)> visit);

struct TimestampedOffset {
  Offset offset;
  TimestampMs timestamp;

  friend bool operator==(const TimestampedOffset&, const TimestampedOffset&) = default;
};

// The first record at `start` or behind whose timestamp is `target` or later. None: the batch has
// no such record.
absl::StatusOr<std::optional<TimestampedOffset>> FindByTimestamp(std::span<const std::byte> batch,
                                                                 TimestampMs target, Offset start,
                                                                 size_t max_bytes);

// The first of the records with the largest timestamp. None: the batch has no records, as
// compaction may leave it.
absl::StatusOr<std::optional<TimestampedOffset>> FindMaxTimestamp(std::span<const std::byte> batch,
                                                                  size_t max_bytes);

// What CheckBatch() leaves out: decompresses the records of a batch that CheckBatch() has accepted
// and checks each of them. None: they are sound.
std::optional<BatchFault> CheckCompressedRecords(std::span<const std::byte> batch,
                                                 const CheckOptions& options, size_t max_bytes);

}  // namespace millrace::record
