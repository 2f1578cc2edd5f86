#include "broker/runtime/load_pool.h"

#include <utility>

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
  // The guard keeps the shard's loop alive until the answer is there.
  auto job = [&shard, work = std::move(work), done = std::move(done),
              guard = asio::make_work_guard(shard.context())]() mutable {
    absl::Status status = work();
    work = nullptr;
    shard.Post([done = std::move(done), status = std::move(status)]() mutable {
      done(std::move(status));
    });
  };
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
  auto initiate = [this, owner](auto handler, Work inner) {
    Submit(Shard::Current(), owner, std::move(inner),
           [handler = std::move(handler)](absl::Status status) mutable {
             std::move(handler)(std::move(status));
           });
  };
  co_return co_await asio::async_initiate<decltype(asio::use_awaitable), void(absl::Status)>(
      initiate, asio::use_awaitable, std::move(work));
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
