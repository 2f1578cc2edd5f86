// Opens what a partition's directory holds: decides which segments are whole, cuts a torn tail,
// rebuilds indexes, producer state and leader epochs, and makes what is kept durable.
//
// Blocking; called by Log::Open() before any other thread knows the log. First it decides and then
// it changes: with DataLossError (a bad batch below the recovery point or outside the last segment)
// no record and no index entry has been touched.
// The rules: docs/formats/log.md, "Recovery".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "proto/types.h"
#include "storage/file_system.h"
#include "storage/leader_epochs.h"
#include "storage/log.h"
#include "storage/producer_state.h"
#include "storage/segment.h"

namespace millrace::storage {

struct RecoveredLog {
  std::vector<std::shared_ptr<Segment>> segments;  // ascending, at least one; the last is active
  ProducerState producers;
  LeaderEpochs epochs;
  Offset log_start;
  RecoveryReport report;
};

absl::StatusOr<RecoveredLog> RecoverLog(FileSystem& fs, const std::string& directory,
                                        const LogOptions& options, const OpenOptions& how);

}  // namespace millrace::storage
