// Waits for the high watermarks of several partitions, which may live on several shards: how an
// acks=all produce waits for its commit, and a fetch for records.
//
// Threading: created and awaited on one shard; each watcher is parked on its partition's shard.
// Lifetime: shared, because a partition may wake it from another shard at any time.
#pragma once

#include <memory>
#include <vector>

#include "broker/core/offset_waiters.h"
#include "broker/partition/partition.h"
#include "broker/runtime/answer.h"
#include "broker/runtime/async.h"
#include "broker/runtime/clock.h"
#include "broker/runtime/shard.h"

namespace millrace::api {

class Parking final : public AnswerWatcher, public std::enable_shared_from_this<Parking> {
 public:
  enum class Until { kFirst, kLast };
  // What became of one partition's wait.
  struct Outcome {
    bool reached = false;
    ErrorCode failure = ErrorCode::kNone;
  };

  explicit Parking(Shard& home) : home_(home), wake_(home.context()) {}

  // Precondition: not waiting. Outcomes are numbered in the order of these calls.
  void Add(std::shared_ptr<partition::Partition> partition, Offset wanted);
  // As the watcher of the request's answer: a closed connection ends every wait, short memory that
  // for the first.
  void OnClosed() override;
  void OnMemoryShort() override;
  bool is_closed() const { return closed_; }
  bool is_hurried() const { return hurried_; }

  // Until the first (the last) of the partitions has reached what it was asked for, or failed, or
  // the deadline has passed. Nothing is parked afterwards.
  awaitable<void> Wait(Until until, MonotonicMs deadline);
  const Outcome& outcome(size_t index) const { return watchers_[index]->outcome; }
  // For the next round.
  void Clear() { watchers_.clear(); }

 private:
  struct Watcher final : core::OffsetWaiter {
    Watcher(Parking& parking, std::shared_ptr<partition::Partition> p, Offset offset)
        : owner(parking), partition(std::move(p)), wanted(offset) {}
    void OnReached() override { owner.OnSettled(*this, {.reached = true}); }
    void OnFailed(ErrorCode error) override { owner.OnSettled(*this, {.failure = error}); }

    Parking& owner;
    std::shared_ptr<partition::Partition> partition;
    Offset wanted;
    Outcome outcome;  // of the home shard
  };

  // On the watcher's shard.
  awaitable<void> ParkOne(Watcher& watcher);
  awaitable<void> UnparkOne(Watcher& watcher);
  void OnSettled(Watcher& watcher, Outcome outcome);
  // On the home shard.
  void Settle(Watcher& watcher, Outcome outcome);

  Shard& home_;
  asio::steady_timer wake_;
  std::vector<std::unique_ptr<Watcher>> watchers_;
  size_t unsettled_ = 0;
  bool any_settled_ = false;
  bool closed_ = false;
  bool hurried_ = false;
  Until until_ = Until::kFirst;
};

}  // namespace millrace::api
