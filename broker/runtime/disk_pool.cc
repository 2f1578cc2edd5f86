#include "broker/runtime/disk_pool.h"

#include <utility>

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
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
}

awaitable<absl::Status> DiskPool::Run(Work work) {
  auto initiate = [this](auto handler, Work inner) {
    Submit(Shard::Current(), std::move(inner),
           [handler = std::move(handler)](absl::Status status) mutable {
             std::move(handler)(std::move(status));
           });
  };
  co_return co_await asio::async_initiate<decltype(asio::use_awaitable), void(absl::Status)>(
      initiate, asio::use_awaitable, std::move(work));
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
