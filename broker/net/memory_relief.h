// What a shard does when the memory budget is used up, so that those who can go on do.
//
// While somebody waits for memory, or the part of the budget for everybody is exceeded, it looks
// every few milliseconds, and stops as soon as there is enough:
//   1. what is kept for speed only is freed;
//   2. peers that have stalled for half a second, with part of a frame sent or with answers unread,
//      lose their connection, those that stalled first first;
//   3. requests that wait and can be answered with less are answered;
//   4. when even the last quarter is used up, stalled peers get a tenth of one;
//   5. when only frames are left that wait for memory themselves, the one that has waited longest
//      gets what the latest ones held.
// The other shards are asked for 1 to 4, too, for what is missing may be held there.
//
// Threading: one shard. Lifetime: Stop must have been called.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include <absl/container/flat_hash_set.h>

#include "broker/net/receive_buffer.h"
#include "broker/runtime/shard.h"

namespace millrace::net {

class Connection;

class MemoryRelief final : private Timer {
 public:
  using Connections = absl::flat_hash_set<Connection*>;
  // Asks the other shards to free so many bytes.
  using AskOthers = std::function<void(size_t bytes)>;

  MemoryRelief(Shard& shard, BufferPool& buffers, const Connections& open, AskOthers ask_others)
      : shard_(shard), buffers_(buffers), open_(open), ask_others_(std::move(ask_others)) {}

  // Starts to look, unless it does.
  void Start();
  // `connection` needs so many bytes more, 0: less in use; it is told to try again, at the latest
  // by Forget.
  void Await(Connection& connection, size_t bytes);
  void Forget(Connection& connection);
  // For a shard that needs so many bytes.
  void Free(size_t bytes);
  // For good: another shard may still ask.
  void Stop() {
    stopped_ = true;
    Cancel();
  }

 private:
  struct Waiter {
    Connection* connection;
    size_t bytes;
    bool is_told;  // and may ask again, without losing its place
  };

  void OnTimer() override;
  bool HasEnough(size_t bytes) const;
  size_t WantedBytes() const;
  bool FreeSpare(size_t bytes);
  bool CloseStalled(size_t bytes, MonotonicMs before);
  void AnswerWaiting();
  void CloseLastWaiters();
  void TellWaiters();
  void ReturnMemory();

  Shard& shard_;
  BufferPool& buffers_;
  const Connections& open_;
  AskOthers ask_others_;
  // Those who have had requests answered first; each in the order in which they began to wait.
  std::vector<Waiter> waiters_;
  MonotonicMs last_return_;  // of freed memory to the machine
  bool will_return_ = false;
  bool stopped_ = false;
  int fruitless_rounds_ = 0;
};

}  // namespace millrace::net
