// Measures the disk of one log directory while something is written to it, and opens and shuts its
// gate (partition/disk_gate.h).
//
// Threading: one shard; the gate is for all. Lifetime: Stop() before the disk pool ends, and after
// the last append.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include <absl/status/status.h>

#include "broker/core/disk_reserve.h"
#include "broker/partition/disk_gate.h"
#include "broker/runtime/disk_pool.h"
#include "broker/runtime/task_group.h"
#include "broker/runtime/timers.h"
#include "storage/disk_space.h"

namespace millrace::service {

class DiskWatch {
 public:
  using Measure = std::function<absl::StatusOr<storage::DiskSpace>(const std::string& path)>;
  struct Environment {
    Shard& shard;
    DiskPool& disk_pool;
    std::string path;
    std::optional<int64_t> reserved_bytes;  // none: core::DiskReserve's default
    // Called on the shard when the disk has become full, and again from time to time while records
    // are refused: whoever can makes room.
    std::function<void()> on_full;
    std::function<void()> on_room;
    Measure measure = storage::DiskSpaceOf;
  };

  explicit DiskWatch(Environment environment);

  partition::DiskGate& gate() { return gate_; }
  // Measures once, so that what starts on a full disk knows.
  awaitable<void> Start();
  awaitable<void> Stop();

 private:
  void OnWake(partition::DiskGate::Urgency urgency);
  awaitable<void> MeasureNow();
  void OnMeasured(const storage::DiskSpace& space);
  void ReportChange(bool was_full, int64_t usable_bytes);

  Environment environment_;
  core::DiskReserve reserve_;
  partition::DiskGate gate_;
  CallTimer timer_;
  MonotonicMs measured_;
  MonotonicMs asked_for_room_;
  int64_t refused_before_ = 0;
  bool measuring_ = false;
  std::optional<partition::DiskGate::Urgency> woken_;  // while it measured
  bool stopping_ = false;
  TaskGroup tasks_;
};

}  // namespace millrace::service
