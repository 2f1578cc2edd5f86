// A shard: one thread with its own event loop. A partition, a coordinator and a connection each
// live on exactly one shard and are touched by no other thread, so they need no locks.
//
// Crossing is visible: `co_await shard.Run(task)` runs a coroutine there and comes back.
// Lifetime: shards outlive everything that lives on them; ShardSet::Stop joins the threads.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "broker/runtime/async.h"
#include "broker/runtime/timers.h"

namespace millrace {

class Shard {
 public:
  explicit Shard(size_t index) : index_(index), context_(1), timers_(context_) {}
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  size_t index() const { return index_; }
  asio::io_context& context() { return context_; }
  Timers& timers() { return timers_; }
  // Whether the calling thread is this shard's.
  bool is_current() const { return current_ == this; }
  // The shard whose thread this is. Precondition: it is one.
  static Shard& Current();

  // Any thread: `work` runs later on the shard's thread.
  template <class Work>
  void Post(Work&& work) {
    asio::post(context_, std::forward<Work>(work));
  }
  // From a coroutine on any shard: runs `task` here, resumes the caller on its own shard.
  template <class T>
  awaitable<T> Run(awaitable<T> task) {
    if (is_current()) co_return co_await std::move(task);
    co_return co_await asio::co_spawn(context_, std::move(task), asio::use_awaitable);
  }

 private:
  friend class ShardSet;
  void Loop();

  static thread_local Shard* current_;

  size_t index_;
  asio::io_context context_;
  Timers timers_;
};

// The shards of one broker, numbered from 0.
class ShardSet {
 public:
  explicit ShardSet(size_t count);
  ~ShardSet();

  size_t size() const { return shards_.size(); }
  Shard& operator[](size_t index) { return *shards_[index]; }
  // Which shard owns what hashes to `hash`.
  Shard& For(size_t hash) { return *shards_[hash % shards_.size()]; }
  // Starts one thread a shard.
  void Start();
  // Lets every shard finish what is queued and joins the threads. What lives on shards must have
  // been closed: a shard returns when nothing is left to wait for.
  void Stop();

 private:
  using WorkGuard = asio::executor_work_guard<asio::io_context::executor_type>;

  std::vector<std::unique_ptr<Shard>> shards_;
  std::vector<WorkGuard> guards_;
  std::vector<std::thread> threads_;
};

}  // namespace millrace
