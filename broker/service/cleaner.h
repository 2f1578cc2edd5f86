// Compacts logs in the background: the dirtiest of those that are due, one on each thread.
//
// Threading: Start, Stop and metrics on the shard of the environment; it hops where a partition
// lives, and the work itself is done by threads of its own (log.cleaner.threads), so that neither a
// shard nor a sync waits for it.
// Memory: nothing but while a cleaning runs; then it is charged to the budget (docs/operations.md).
// Lifetime: everything in Environment outlives it. Stop before the partitions close; destroy it
// while the shards still run.
// Errors: a log whose cleaning fails is tried again later, one that is damaged never; see
// Partition::Compact.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "broker/core/properties.h"
#include "broker/partition/partition_table.h"
#include "broker/runtime/disk_pool.h"
#include "broker/runtime/memory_budget.h"
#include "broker/runtime/task_group.h"
#include "broker/runtime/throttle.h"
#include "broker/service/cluster_view.h"

namespace millrace::service {

struct CleanerMetrics {
  int64_t cleanings = 0;
  int64_t failures = 0;
  int64_t bytes_read = 0;
  int64_t bytes_written = 0;
  int64_t uncleanable = 0;     // partitions that are set aside
  double dirty_ratio_max = 0;  // when the logs were last looked through
  std::optional<MonotonicMs> last_at;
};

class Cleaner {
 public:
  struct Environment {
    Shard& shard;
    partition::PartitionTable& table;
    const ClusterView& cluster;
    MemoryBudget& budget;
    const core::Properties& properties;  // as at the start
  };

  explicit Cleaner(Environment environment);
  ~Cleaner();

  void Start();
  // Cleanings in flight end early; what they have replaced by then stays.
  awaitable<void> Stop();
  const CleanerMetrics& metrics() const { return metrics_; }

 private:
  struct Dirtiest {
    std::shared_ptr<partition::Partition> partition;  // null: none is due
    double dirty_ratio = 0;
    int64_t dirty_offsets = 0;
    double dirty_ratio_max = 0;  // of all, due or not
    int64_t uncleanable = 0;
  };
  // What one thread may take.
  struct Share {
    storage::CompactionRequest request;
    int64_t bytes = 0;
  };

  awaitable<void> Loop(size_t thread);
  // False: there was nothing to clean, or it came to nothing.
  awaitable<bool> CleanDirtiest();
  awaitable<void> FindHere(Dirtiest& found) const;
  awaitable<bool> Clean(const Dirtiest& dirtiest);
  Share ShareOf(const Dirtiest& dirtiest) const;
  void Note(const partition::PartitionName& name, const storage::CompactionReport& report,
            int64_t took_ms);

  Environment environment_;
  Throttle throttle_;
  std::atomic<bool> stopping_ = false;
  CleanerMetrics metrics_;
  std::vector<std::unique_ptr<asio::steady_timer>> timers_;  // one a thread
  TaskGroup tasks_;
  std::unique_ptr<DiskPool> pool_;  // null: log.cleaner.enable is false
};

}  // namespace millrace::service
