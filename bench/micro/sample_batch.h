// Batches for the micro benchmarks.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bench/system/fatal.h"
#include "proto/record/batch_builder.h"

namespace millrace::bench {

// When the samples were written, and now.
inline constexpr TimestampMs kSampleTime{1'795'000'000'000};

// About `batch_bytes` of records of `record_bytes` each, uncompressed.
inline std::vector<std::byte> SampleBatch(size_t batch_bytes, size_t record_bytes = 100) {
  const std::string value(record_bytes, 'v');
  const record::NewRecord record{.timestamp = kSampleTime,
                                 .value = std::as_bytes(std::span(value))};
  record::BatchBuilder builder({});
  do {
    builder.Add(record);
  } while (builder.size_bytes() + builder.SizeToAdd(record) <= batch_bytes);
  absl::StatusOr<std::vector<std::byte>> batch = std::move(builder).Build();
  if (!batch.ok()) Die(batch.status().ToString());
  return *std::move(batch);
}

}  // namespace millrace::bench
