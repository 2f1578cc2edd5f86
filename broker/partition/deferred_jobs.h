// Disk jobs that wait for their time: files that retention has renamed and that go later
// (file.delete.delay.ms).
//
// Threading: the partition's shard. Lifetime: what is left when it is destroyed is not run; a log
// that is opened again removes those files. A job that runs needs nothing of the partition.
#pragma once

#include <vector>

#include "broker/runtime/disk_pool.h"
#include "broker/runtime/timers.h"
#include "storage/disk_job.h"

namespace millrace::partition {

class DeferredJobs {
 public:
  DeferredJobs(Shard& shard, DiskPool& disk_pool)
      : shard_(shard), disk_pool_(disk_pool), timer_([this] { RunDue(); }) {}

  // Precondition: the job has nothing to finish.
  void Add(storage::DiskJob job, MonotonicMs due);
  // Runs what waits, whatever its time.
  void RunAll();
  void Cancel();
  size_t size() const { return waiting_.size(); }

 private:
  struct Waiting {
    MonotonicMs due;
    storage::DiskJob job;
  };

  void RunDue();
  void RunFirst();
  void SetTimer();

  Shard& shard_;
  DiskPool& disk_pool_;
  CallTimer timer_;
  std::vector<Waiting> waiting_;  // by due; few, and most partitions have none
};

}  // namespace millrace::partition
