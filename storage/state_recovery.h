// What a log remembers beside its records, brought back on open: idempotent producers from the
// newest usable snapshot, leader epochs from their checkpoint, and both from the headers of the
// batches that these do not cover.
//
// Blocking. Writes the leader epoch checkpoint where it does not say what was found.
// Formats: docs/formats/producer-snapshot.md, docs/formats/checkpoints.md.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "proto/types.h"
#include "storage/file_system.h"
#include "storage/leader_epochs.h"
#include "storage/producer_state.h"
#include "storage/segment.h"

namespace millrace::storage {

struct RecoveredState {
  ProducerState producers;
  LeaderEpochs epochs;
};

struct StateBounds {
  Offset log_start;
  // From here on the checkpoint of leader epochs may be wrong, for it may be older than the
  // batches.
  Offset distrust_from;
};

// `snapshots` are the offsets of the snapshot files, ascending, none beyond the log's end.
absl::StatusOr<RecoveredState> RecoverState(FileSystem& fs, const std::string& directory,
                                            const std::vector<std::shared_ptr<Segment>>& segments,
                                            const std::vector<Offset>& snapshots,
                                            const StateBounds& bounds);

}  // namespace millrace::storage
