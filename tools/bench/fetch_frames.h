// Fetch requests of consumers without sessions, and what is in their answers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <absl/status/statusor.h>

#include "proto/record/batch.h"
#include "proto/wire/arena.h"
#include "proto/wire/buffer.h"
#include "proto/wire/fetch.h"
#include "tools/bench/frames.h"

namespace millrace::bench {

struct FetchLimits {
  int32_t max_bytes = 1 << 20;  // of the answer and of each partition
  int32_t max_wait_ms = 500;
  int32_t min_bytes = 1;
};

struct FetchFrom {
  PartitionIndex partition;
  Offset offset;
};

// Appends the frame.
void EncodeFetch(const TopicName& topic, int16_t version, const FetchLimits& limits,
                 std::span<const FetchFrom> from, wire::ByteBuffer& out);

// Views into `answer`, and arrays in the arena.
absl::Status DecodeFetch(wire::Bytes answer, int16_t version, wire::Arena& arena,
                         wire::FetchResponse& response);

// Cuts the records of a partition into batches. A last one that is cut off is left out.
class BatchCursor {
 public:
  explicit BatchCursor(std::span<const std::byte> records) : rest_(records) {}

  std::optional<std::span<const std::byte>> Next();

 private:
  std::span<const std::byte> rest_;
};

// Follows the offsets of a partition.
class OffsetTrack {
 public:
  explicit OffsetTrack(Offset next) : next_(next) {}

  Offset next() const { return next_; }
  // Offsets that were skipped.
  int64_t missing() const { return missing_; }

  // Takes a batch that was fetched from next(), or that follows another one. Returns how many of
  // its records are new. Fails when it holds nothing that was asked for, or its magic is not 2.
  absl::StatusOr<uint64_t> Take(record::BatchView batch);

 private:
  Offset next_;
  int64_t missing_ = 0;
};

}  // namespace millrace::bench
