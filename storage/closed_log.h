// What is known of a log that was closed in order: all that Log::Restore() needs to have it again
// without opening a file.
//
// Values. Written down in the manifest (manifest.h).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "proto/types.h"
#include "storage/leader_epochs.h"
#include "storage/offset_index.h"
#include "storage/producer_state.h"
#include "storage/time_index.h"

namespace millrace::storage {

struct ClosedSegment {
  Offset base;
  int64_t bytes = 0;
  Offset next_offset;
  std::optional<TimeIndex::Entry> newest;
  OffsetIndex::Usable offsets;
  TimeIndex::Usable times;
  int64_t bytes_since_entry = 0;
  TimestampMs first_append;
  TimestampMs last_append;
};

struct ClosedLog {
  Offset log_start;
  Offset cleaned_until{0};              // from its own checkpoint, not the manifest
  std::vector<ClosedSegment> segments;  // ascending, at least one
  LeaderEpochs epochs;
  ProducerState producers;
};

}  // namespace millrace::storage
