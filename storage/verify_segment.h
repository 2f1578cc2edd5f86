// Reads one segment from its first byte to its last and reports everything in it that is not as it
// was written: batches, records, indexes. What is right and what is allowed: docs/formats/log.md.
//
// Synchronous, read-only, one pass over the log file; any thread. The FileSystem must outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <absl/functional/function_ref.h>

#include "proto/record/batch.h"
#include "proto/types.h"
#include "storage/batch_contents.h"
#include "storage/file_system.h"
#include "storage/finding.h"

namespace millrace::storage {

struct VerifySinks {
  FindingSink found;
  // So many more bytes of log files have been read.
  absl::FunctionRef<void(int64_t bytes)> read;
};

struct SegmentToVerify {
  std::string directory;
  Offset base;
  // The last segment of a directory that was not closed in order: what an append left unfinished
  // above the recovery point is no damage.
  bool may_be_torn = false;
  Offset recovery_point{0};
  // Its indexes are complete, and the next start would believe them.
  bool is_sealed = true;
  bool is_in_use = false;  // by a broker that runs
};

struct SegmentSummary {
  int64_t bytes = 0;
  int64_t batches = 0;
  int64_t records = 0;
  int64_t index_entries = 0;
  int64_t missing_offsets = 0;  // between intact batches, as compaction leaves them
  Offset next_offset;
  bool ends_damaged = false;
};

// `visit` sees every intact batch whose offsets are in order.
SegmentSummary VerifySegment(FileSystem& fs, const SegmentToVerify& segment,
                             BatchContents& contents,
                             absl::FunctionRef<void(const record::BatchView&)> visit,
                             VerifySinks sinks);

}  // namespace millrace::storage
