// Rewrites a batch of which only some records stay, as compaction needs it, and makes the batch
// without records that marks where one was.
//
//   Retained kept = RetainRecords(batch, {.max_bytes = limit}, [&](const RecordView& record) {
//     return IsNewest(record.key, record.offset);
//   });
//
// Pure; any thread. Offsets never change: base offset and last offset of the batch stay, and so do
// leader epoch, the producer's fields, codec (at its default level) and the kind of timestamp. The
// maximum timestamp becomes that of what stays. Format: docs/formats/record-batch.md.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "proto/record/batch.h"
#include "proto/record/record_reader.h"
#include "proto/types.h"

namespace millrace::record {

enum class Kept : uint8_t {
  kAll,       // the batch may stay as it is
  kSome,      // `batch` is to take its place
  kNone,      // no record stays
  kUnopened,  // its records cannot be seen within the limit, or are malformed
};

struct RetainOptions {
  size_t max_bytes;  // what the records may take decompressed
  // The delete horizon to set where a record without a value stays, or any record of a control
  // batch. A batch that has one keeps it.
  std::optional<TimestampMs> new_horizon;
};

struct Retained {
  Kept kept = Kept::kUnopened;
  int32_t records_before = 0;
  int32_t records_after = 0;
  std::vector<std::byte> batch;
};

// Precondition: `batch` is one complete batch, as IsIntact() finds it. `stays` sees the records in
// order; the views it gets end with the call.
Retained RetainRecords(std::span<const std::byte> batch, const RetainOptions& options,
                       absl::FunctionRef<bool(const RecordView&)> stays);

enum class EmptyKind : uint8_t {
  kOffsetsOnly,  // that offsets up to its last were given, and nothing else
  kProducer,     // and the producer's sequence or epoch
};

// The batch without records.
std::array<std::byte, kBatchHeaderBytes> EmptyBatch(BatchView batch, EmptyKind kind);

}  // namespace millrace::record
