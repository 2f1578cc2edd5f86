// Compaction of a log (cleanup.policy=compact): of all records with the same key the last stays.
//
//   CompactionNeed need = log.MeasureCompaction(high_watermark, now);
//   if (need.is_due) {
//     CompactionJob cleaning = log.Compact({.limit = high_watermark, .now = now, ...});
//     ...cleaning.job.run() on any thread, cleaning.job.finish() on the shard...
//     if (!cleaning.report->status.ok()) ...
//   }
//
// A cleaning reads the dirty part of the log into a map of keys, then writes every segment that it
// covers anew, without what is superseded, and puts the new files in the place of the old ones.
// Offsets never change. `run` always returns OK, so that what it has replaced before a failure is
// taken over by `finish`; the failure is in the report.
// Format, and what a crash leaves: docs/formats/log.md, "Compaction".
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include <absl/status/status.h>

#include "proto/types.h"
#include "storage/disk_job.h"

namespace millrace::storage {

// What a topic's properties say about its compaction.
struct CompactionSettings {
  double min_dirty_ratio = 0.5;
  int64_t min_lag_ms = 0;             // younger records are not compacted
  std::optional<int64_t> max_lag_ms;  // older records are, whatever the ratio
  int64_t delete_retention_ms = 86400 * 1000;
};

// How far a log is from being clean.
struct CompactionNeed {
  int64_t clean_bytes = 0;
  int64_t dirty_bytes = 0;  // of segments that a cleaning may cover
  bool is_due = false;
  // The active segment holds records beyond max_lag_ms: it is to be rolled.
  bool must_roll = false;
  // A segment waits for the flush that seals it, and cannot be cleaned before.
  bool must_flush = false;

  double dirty_ratio() const {
    const int64_t all = clean_bytes + dirty_bytes;
    return all == 0 ? 0 : static_cast<double>(dirty_bytes) / static_cast<double>(all);
  }
};

struct CompactionRequest {
  Offset limit;  // exclusive; nothing that is not committed is touched
  TimestampMs now;
  uint64_t seed = 0;  // random
  size_t map_bytes = size_t{128} << 20;
  double load_factor = 0.9;
  size_t buffer_bytes = size_t{512} << 10;  // for reading, and as much for writing
  // A batch whose records take more decompressed is kept as it is.
  size_t opened_bytes_max = size_t{64} << 20;
  // Called with the bytes that were read or written since the last call, on run's thread. May wait.
  // False: stop as soon as possible.
  std::function<bool(int64_t)> pace;
};

struct CompactionReport {
  absl::Status status;  // why it ended early; Cancelled: `pace` said so
  // DataLossError in the log itself: no later cleaning can get past it.
  bool is_log_damaged = false;
  // Files may be in any state between the old and the new ones: only opening the log again helps.
  bool is_log_unusable = false;
  Offset from;  // what lay below was clean already
  Offset end;   // below it the log is clean afterwards
  int64_t bytes_read = 0;
  int64_t bytes_written = 0;
  int64_t segments_before = 0;
  int64_t segments_after = 0;
  int64_t bytes_before = 0;  // of the segments that were replaced
  int64_t bytes_after = 0;
  int64_t keys = 0;
  int64_t unopened_batches = 0;
  int64_t keyless_records = 0;  // removed, for they can never be superseded
};

struct CompactionJob {
  DiskJob job;
  std::shared_ptr<const CompactionReport> report;
};

}  // namespace millrace::storage
