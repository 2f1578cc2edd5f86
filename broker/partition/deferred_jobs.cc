#include "broker/partition/deferred_jobs.h"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

namespace millrace::partition {

void DeferredJobs::Add(storage::DiskJob job, MonotonicMs due) {
  auto later = std::find_if(waiting_.begin(), waiting_.end(),
                            [due](const Waiting& other) { return other.due > due; });
  waiting_.insert(later, {due, std::move(job)});
  SetTimer();
}

void DeferredJobs::Cancel() {
  timer_.Cancel();
  waiting_.clear();
}

void DeferredJobs::RunDue() {
  MonotonicMs now = SteadyNow();
  while (!waiting_.empty() && waiting_.front().due <= now) RunFirst();
  SetTimer();
}

void DeferredJobs::RunAll() {
  timer_.Cancel();
  while (!waiting_.empty()) RunFirst();
}

void DeferredJobs::RunFirst() {
  storage::DiskJob job = std::move(waiting_.front().job);
  waiting_.erase(waiting_.begin());
  disk_pool_.Submit(shard_, std::move(job.run), [](const absl::Status& status) {
    if (!status.ok()) spdlog::error("deleted files were not removed: {}", status.ToString());
  });
}

void DeferredJobs::SetTimer() {
  if (waiting_.empty()) return;
  shard_.timers().Arm(timer_, waiting_.front().due);
}

}  // namespace millrace::partition
