// One cleaning of a log, apart from the log itself: what it needs was taken down on the log's
// thread. For the files of storage/log.h only; see compaction.h.
//
// Run() blocks and may be called on any thread, once; afterwards what it has replaced is in
// `swapped`, for the log's thread.
#pragma once

#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "proto/types.h"
#include "storage/batch_cleaner.h"
#include "storage/compaction.h"
#include "storage/key_map.h"
#include "storage/segment_cleaner.h"
#include "storage/transaction_walk.h"

namespace millrace::storage {

struct CompactionRun {
  struct Swapped {
    CleanedSegment cleaned;
    std::vector<std::string> deleted;  // the new names of the old files
    // The old files, which are read until the log has taken the new segment over, and could not be
    // opened again by their names.
    std::vector<std::shared_ptr<const File>> pinned;
  };

  void Run();

  CompactionRequest request;
  SegmentWriteOptions write;
  CleaningRules rules;  // dirty_from and producers are known from the start
  // Sealed, from the log's start; what is to be cleaned.
  std::vector<SourceSegment> sources;
  // What the transactions of those may reach into: up to the request's limit.
  std::vector<SourceSegment> behind;

  std::shared_ptr<CompactionReport> report;
  std::vector<Swapped> swapped;

 private:
  absl::Status RunSteps();
  absl::Status Pace(int64_t read_bytes, int64_t written_bytes);
  // Markers from the first dirty offset up to the limit, which moves down to the last stable
  // offset.
  absl::Status WalkTransactions();
  absl::Status WalkSegment(const SourceSegment& source, Offset& walked_to);
  void NoteProducer(const record::BatchView& batch);
  // Puts the keys of dirty records into the map until it is full.
  absl::Status FillMap(KeyMap& keys);
  absl::Status FillFrom(const SourceSegment& source, KeyMap& keys, bool& is_full);
  bool PutKeys(std::span<const std::byte> batch, KeyMap& keys);
  absl::Status CleanCovered(const KeyMap& keys);
  absl::Status Swap(CleanedSegment cleaned);
  absl::Status Pin(Swapped& swap) const;
  absl::Status Rename(Swapped& swap) const;

  TransactionWalk transactions_;
};

}  // namespace millrace::storage
