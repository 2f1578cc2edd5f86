// Holds what a partition remembers beside its records (producer snapshots, the checkpoint of leader
// epochs) against the headers of its batches, as these are read one after the other.
//
//   StateCheck check(fs, partition, report);
//   for (each batch) check.OnBatch(batch);
//   check.OnEnd(log_end);
//
// Synchronous, read-only; any thread. What it is given must outlive it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/record/batch.h"
#include "proto/types.h"
#include "storage/file_system.h"
#include "storage/finding.h"
#include "storage/leader_epochs.h"
#include "storage/producer_snapshot.h"

namespace millrace::storage {

struct StateToCheck {
  std::string directory;
  std::vector<Offset> snapshots;  // ascending
  // From here on every batch belongs to an epoch that the checkpoint knows; none: not known.
  std::optional<Offset> log_start;
  // From here on the files may be older or newer than the batches; the next start corrects them.
  // None: the directory was closed in order.
  std::optional<Offset> distrust_from;
};

class StateCheck {
 public:
  StateCheck(FileSystem& fs, const StateToCheck& state, FindingSink found);

  void OnBatch(const record::BatchView& batch);
  void OnEnd(Offset log_end);

 private:
  // A batch that some snapshot remembers.
  struct Remembered {
    ProducerSnapshotEntry entry;
    Offset snapshot;
  };

  void LoadSnapshot(FileSystem& fs, Offset offset);
  void LoadEpochs(FileSystem& fs);
  void CheckEpoch(const record::BatchView& batch);
  // Empty: it does not.
  std::string DiffersFromCheckpoint(LeaderEpoch epoch, Offset offset) const;
  void CheckRemembered(const Remembered& remembered, const record::BatchView& batch);
  bool IsDistrusted(Offset offset) const;
  std::string SnapshotPath(Offset offset) const;
  std::string EpochsPath() const;
  void Report(Severity severity, FindingKind kind, std::string path, std::string what);

  const StateToCheck& state_;
  FindingSink found_;
  std::vector<Remembered> remembered_;  // by their last offset
  size_t next_remembered_ = 0;
  int64_t snapshot_faults_ = 0;
  std::optional<LeaderEpochs> epochs_;
  std::optional<LeaderEpoch> last_epoch_;  // of the batches so far
  bool epochs_missing_ = false;
  bool epochs_disagree_ = false;
};

}  // namespace millrace::storage
