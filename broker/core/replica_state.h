// How far a partition's records may be seen: decision D6a of the design.
//
//   L = log end, D = durable end (the minima over the ISR; here the ISR is this replica alone),
//   F = base offset of the first acks=all batch that ends beyond D, if any.
//   high watermark = min(L, F)
//
// So what an acks=all producer wrote is never shown before it is on stable storage, and never taken
// back; acks=0 and acks=1 records are shown at once unless such a batch stands before them.
// With write.caching=true the page cache counts as stable: D = L.
//
// Pure; one thread (the partition's shard).
#pragma once

#include <vector>

#include "proto/types.h"

namespace millrace::core {

class ReplicaState {
 public:
  // After a start or a change of leader everything in the log counts as acks=all, and recovery has
  // synced it: log end, durable end and high watermark are one.
  explicit ReplicaState(Offset recovered_end)
      : log_end_(recovered_end), durable_end_(recovered_end), high_watermark_(recovered_end) {}

  // A batch [base, end) was appended. Precondition: base == log_end().
  void OnAppend(Offset base, Offset end, bool acks_all);
  // Everything below `end` is on stable storage.
  void OnDurable(Offset end);
  void SetWriteCaching(bool on);

  Offset log_end() const { return log_end_; }
  Offset durable_end() const { return write_caching_ ? log_end_ : durable_end_; }
  Offset high_watermark() const { return high_watermark_; }
  // Whether an acks=all batch waits for a sync.
  bool needs_sync() const { return !unsynced_.empty(); }

 private:
  // Consecutive acks=all batches that end beyond the durable end.
  struct Run {
    Offset base;
    Offset end;
  };

  void MoveHighWatermark();

  Offset log_end_;
  Offset durable_end_;
  Offset high_watermark_;
  bool write_caching_ = false;
  std::vector<Run> unsynced_;  // few; and an idle partition pays nothing for it
};

}  // namespace millrace::core
