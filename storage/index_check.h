// Holds the indexes of a segment against its batches, as they are read one after the other.
//
//   OffsetIndexCheck check(file_bytes, base);
//   for (each batch) check.OnBatch(spot, report);
//   check.OnEnd(report);
//
// Pure; any thread. `report` gets a phrase for each entry that is wrong, at most a few: where one
// entry is wrong its neighbours often are, too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <absl/functional/function_ref.h>

#include "proto/types.h"
#include "storage/batch_walk.h"
#include "storage/offset_index.h"
#include "storage/time_index.h"

namespace millrace::storage {

// `position` is that of the entry in its file.
using IndexReport = absl::FunctionRef<void(int64_t position, std::string what)>;

std::vector<OffsetIndex::Entry> DecodeOffsetIndex(std::span<const std::byte> bytes, Offset base);
std::vector<TimeIndex::Entry> DecodeTimeIndex(std::span<const std::byte> bytes, Offset base);

// What both share: the file's size, and how many phrases there have been.
class IndexFaults {
 public:
  IndexFaults(size_t bytes, size_t entry_bytes) : bytes_(bytes), entry_bytes_(entry_bytes) {}

  void CheckSize(IndexReport report);
  void Report(size_t entry, std::string what, IndexReport report);
  int64_t count() const { return count_; }

 private:
  size_t bytes_;
  size_t entry_bytes_;
  int64_t count_ = 0;
};

class OffsetIndexCheck {
 public:
  OffsetIndexCheck(std::span<const std::byte> bytes, Offset base);

  void OnBatch(const BatchSpot& batch, IndexReport report);
  // Entries that point below `position` cannot be checked: damage stands there.
  void SkipTo(int64_t position);
  void OnEnd(IndexReport report);
  size_t entries() const { return entries_.size(); }
  int64_t faults() const { return faults_.count(); }

 private:
  void CheckOrder(IndexReport report);

  IndexFaults faults_;
  std::vector<OffsetIndex::Entry> entries_;
  size_t next_ = 0;
  bool begun_ = false;
};

class TimeIndexCheck {
 public:
  TimeIndexCheck(std::span<const std::byte> bytes, Offset base);

  void OnBatch(const BatchSpot& batch, IndexReport report);
  // Entries for offsets below `offset` cannot be checked: damage stands there.
  void SkipTo(Offset offset);
  // `sealed`: the segment was completed, and its last entry must be its newest timestamp.
  void OnEnd(bool sealed, IndexReport report);
  size_t entries() const { return entries_.size(); }
  int64_t faults() const { return faults_.count(); }

 private:
  void CheckOrder(IndexReport report);

  IndexFaults faults_;
  std::vector<TimeIndex::Entry> entries_;
  size_t next_ = 0;
  std::optional<TimestampMs> newest_;  // of the batches so far
  bool begun_ = false;
};

}  // namespace millrace::storage
