// Group commit of one partition: one sync covers everything that was appended before it started,
// and the next one starts when it ends, if somebody still waits.
//
// Threading: the partition's shard. Lifetime: the partition waits for idle() before its log closes;
// the owner's `on_done` is called on the shard after each sync, with its status.
#pragma once

#include <cstdint>
#include <functional>

#include <absl/status/status.h>

#include "broker/partition/flush_counts.h"
#include "broker/runtime/clock.h"
#include "broker/runtime/disk_pool.h"
#include "storage/log.h"

namespace millrace::partition {

class Flusher {
 public:
  using OnDone = std::function<void(const absl::Status&)>;

  // Without `counts` nothing is counted.
  Flusher(Shard& shard, DiskPool& disk_pool, storage::Log& log, FlushCounts* counts, OnDone on_done)
      : shard_(shard),
        disk_pool_(disk_pool),
        log_(log),
        counts_(counts),
        on_done_(std::move(on_done)) {}

  // Everything appended until now is to become durable soon.
  void Want();
  bool idle() const { return !in_flight_; }

 private:
  void Start();
  void Finish(storage::DiskJob job, const absl::Status& status);

  Shard& shard_;
  DiskPool& disk_pool_;
  storage::Log& log_;
  FlushCounts* counts_;
  OnDone on_done_;
  bool in_flight_ = false;
  bool wanted_again_ = false;
  int64_t covered_bytes_ = 0;  // of the flush in flight
  MonotonicNs started_;
};

}  // namespace millrace::partition
