#include "broker/runtime/load_pool.h"

#include <utility>

#include "broker/runtime/pool_job.h"

namespace millrace {

LoadPool::LoadPool(size_t threads) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Loop(); });
}

LoadPool::~LoadPool() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void LoadPool::Submit(Shard& shard, Owner owner, Work work, Done done) {
  auto job = MakePoolJob(shard, std::move(work), std::move(done));
  {
    std::lock_guard lock(mutex_);
    Queue& queue = queues_[owner];
    queue.jobs.push_back(std::move(job));
    if (queue.is_running || queue.jobs.size() > 1) return;  // its turn comes anyway
    turns_.push_back(owner);
  }
  wake_.notify_one();
}

awaitable<absl::Status> LoadPool::Run(Owner owner, Work work) {
  return RunInPool(std::move(work), [this, owner](Shard& shard, Work inner, Done done) {
    Submit(shard, owner, std::move(inner), std::move(done));
  });
}

void LoadPool::Loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return closing_ || !turns_.empty(); });
    // An owner whose job runs on another thread gets its next turn from that thread.
    if (turns_.empty()) return;
    const Owner owner = turns_.front();
    turns_.pop_front();
    Queue& queue = queues_[owner];  // stays in place while others come and go
    absl::AnyInvocable<void()> job = std::move(queue.jobs.front());
    queue.jobs.pop_front();
    queue.is_running = true;
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
    queue.is_running = false;
    if (queue.jobs.empty()) {
      queues_.erase(owner);
    } else {
      turns_.push_back(owner);
    }
  }
}

void LoadPool::Count(const LoadCounts& more) {
  std::lock_guard lock(mutex_);
  counts_.fetches += more.fetches;
  counts_.wait_ns += more.wait_ns;
  counts_.bytes += more.bytes;
  counts_.released += more.released;
  counts_.errors += more.errors;
}

LoadCounts LoadPool::counts() const {
  std::lock_guard lock(mutex_);
  return counts_;
}

}  // namespace millrace
