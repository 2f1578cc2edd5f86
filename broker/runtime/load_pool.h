// Threads that bring what lies on the disk into the page cache, for requests that would otherwise
// hold up a shard. They are apart from the disk pool, so that no sync waits behind a read.
//
// Fair: an owner (a connection, a partition that reads ahead) has one load at a time, and the
// owners take turns. Loads are cut into pieces by their callers, so a turn is short.
//
// Threading: any shard. The queue is bounded by its callers: every load belongs to a request that
// waits, which counts against the limits of its connection, or to a partition's read-ahead.
// Lifetime: the destructor finishes what was submitted; shards must still run until then.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>

#include "broker/runtime/async.h"
#include "broker/runtime/shard.h"

namespace millrace {

// What was counted since the start.
struct LoadCounts {
  uint64_t fetches = 0;   // that waited for the disk
  uint64_t wait_ns = 0;   // how long, all together
  uint64_t bytes = 0;     // that were to be loaded
  uint64_t released = 0;  // bytes that were given back behind readers
  uint64_t errors = 0;    // loads that failed
};

class LoadPool {
 public:
  using Owner = const void*;
  using Work = absl::AnyInvocable<absl::Status()>;
  using Done = absl::AnyInvocable<void(absl::Status)>;

  explicit LoadPool(size_t threads);
  ~LoadPool();
  LoadPool(const LoadPool&) = delete;
  LoadPool& operator=(const LoadPool&) = delete;

  // What is loaded in one turn.
  static constexpr int64_t kTurnBytes = int64_t{1} << 20;

  // Runs `work` on a thread of the pool, then `done` on `shard`.
  void Submit(Shard& shard, Owner owner, Work work, Done done);
  // The same for a coroutine on the current shard, which resumes there.
  awaitable<absl::Status> Run(Owner owner, Work work);

  // Adds to what was counted.
  void Count(const LoadCounts& more);
  LoadCounts counts() const;

 private:
  struct Queue {
    std::deque<absl::AnyInvocable<void()>> jobs;
    bool is_running = false;  // a job of this owner
  };

  void Loop();

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::unordered_map<Owner, Queue> queues_;  // of owners who wait or run
  std::deque<Owner> turns_;                  // who has jobs and runs none, in the order of turns
  LoadCounts counts_;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace millrace
