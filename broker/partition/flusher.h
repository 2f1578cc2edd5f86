// Group commit of one partition: one sync covers everything that was appended before it started,
// and the next one starts when it ends, if somebody still waits. While appends go on, the thread
// that syncs takes the next sync itself: the disk does not wait until the shard has come round.
//
// Threading: the partition's shard. Lifetime: the partition waits for idle() before its log closes;
// the owner's `on_done` is called on the shard after each sync, with its status.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>

#include "broker/partition/flush_counts.h"
#include "broker/runtime/clock.h"
#include "broker/runtime/disk_pool.h"
#include "broker/runtime/locked.h"
#include "storage/log.h"

namespace millrace::partition {

// What the thread that syncs takes next, of one log. Any thread.
class NextSync {
 public:
  using Tail = storage::Log::Tail;

  // A thread syncs up to `end`, and is about to take.
  void Open(Offset end);
  // In place of what was offered before, which it covers; nothing if the sync under way does, too.
  // False: nothing is taken any more.
  bool Offer(Tail tail);
  // None when there is nothing: from then on nothing is taken until the next Open().
  std::optional<Tail> TakeOrClose();
  // Nothing is taken until the next Open(). Whether something was left.
  bool Close();

 private:
  struct State {
    bool is_open = false;
    Offset covered{0};  // by the sync under way
    std::optional<Tail> tail;
  };
  Locked<State> state_;
};

class Flusher {
 public:
  using OnDone = std::function<void(const absl::Status&)>;

  // Without `counts` nothing is counted.
  Flusher(Shard& shard, DiskPool& disk_pool, storage::Log& log, FlushCounts* counts, OnDone on_done)
      : shard_(shard),
        disk_pool_(disk_pool),
        log_(log),
        counts_(counts),
        on_done_(std::move(on_done)) {}

  // Everything appended until now is to become durable soon.
  void Want();
  bool idle() const { return !in_flight_; }

 private:
  using Finish = absl::AnyInvocable<void()>;

  void Start();
  absl::Status SyncWhileOffered(absl::Status status, Finish& finish);
  void OnSynced(Finish finish);
  void OnEnd(Finish finish, const absl::Status& status);
  void Account(Finish finish);

  Shard& shard_;
  DiskPool& disk_pool_;
  storage::Log& log_;
  FlushCounts* counts_;
  OnDone on_done_;
  bool in_flight_ = false;
  bool wanted_again_ = false;
  NextSync next_;
  MonotonicNs started_;  // the sync in flight
};

}  // namespace millrace::partition
