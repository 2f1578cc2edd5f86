// A few threads for calls that may block on a disk: sync, open, unlink, cold reads, recovery.
//
// Threading: Submit and Run may be called on any shard. Jobs start in the order of submission.
// The queue is bounded by its callers: every log has at most one job of each kind in flight.
// Lifetime: the destructor finishes what was submitted; shards must still run until then.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>

#include "broker/runtime/async.h"
#include "broker/runtime/shard.h"

namespace millrace {

class DiskPool {
 public:
  using Work = absl::AnyInvocable<absl::Status()>;
  using Done = absl::AnyInvocable<void(absl::Status)>;

  explicit DiskPool(size_t threads);
  ~DiskPool();
  DiskPool(const DiskPool&) = delete;
  DiskPool& operator=(const DiskPool&) = delete;

  // Runs `work` on a pool thread, then `done` on `shard`.
  void Submit(Shard& shard, Work work, Done done);
  // The same for a coroutine on the current shard, which resumes there.
  awaitable<absl::Status> Run(Work work);
  // Whether a job waits for a thread. Any thread.
  bool IsBusy();

 private:
  void Loop();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<absl::AnyInvocable<void()>> queue_;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace millrace
