#include "broker/runtime/disk_pool.h"

#include <utility>

#include "broker/runtime/pool_job.h"

namespace millrace {

DiskPool::DiskPool(size_t threads) {
  for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Loop(); });
}

DiskPool::~DiskPool() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void DiskPool::Submit(Shard& shard, Work work, Done done) {
  auto job = MakePoolJob(shard, std::move(work), std::move(done));
  {
    std::lock_guard lock(mutex_);
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
}

awaitable<absl::Status> DiskPool::Run(Work work) {
  return RunInPool(std::move(work), [this](Shard& shard, Work inner, Done done) {
    Submit(shard, std::move(inner), std::move(done));
  });
}

bool DiskPool::IsBusy() {
  std::lock_guard lock(mutex_);
  return !queue_.empty();
}

void DiskPool::Loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    absl::AnyInvocable<void()> job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

}  // namespace millrace
