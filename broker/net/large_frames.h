// Lets few connections of a shard receive large frames at a time. Those of many are received one
// after the other, while the rest stays in the sockets, instead of all side by side: that takes a
// fraction of the memory, and what has come is still in the processor's cache when it is written.
//
// The slow do not hold up the others: a place counts for one to two periods, however long it is
// held, and nobody waits for longer than kWaitMsMax.
//
// Threading: one shard. Lifetime: waiters must have been let go or forgotten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "broker/runtime/timers.h"

namespace millrace::net {

class LargeFrames final : private Timer {
 public:
  static constexpr size_t kPlaces = 16;
  static constexpr int64_t kPeriodMs = 32;
  static constexpr int64_t kWaitMsMax = 200;

  // When it was taken, in periods.
  using Place = int64_t;

  class Waiter {
   public:
    // Must not call LargeFrames at once.
    virtual void OnPlace(Place place) = 0;

   protected:
    ~Waiter() = default;
  };

  explicit LargeFrames(Timers& timers) : timers_(timers) {}

  // A place, if one is free and nobody waits.
  std::optional<Place> TryEnter(MonotonicMs now);
  // It gets a place later, in the order of these calls.
  void Await(Waiter& waiter, MonotonicMs now);
  void Forget(Waiter& waiter);
  // Gives a place back.
  void Leave(Place place, MonotonicMs now);
  // Lets those go for whom it is time. By itself every few milliseconds while somebody waits.
  void Look(MonotonicMs now);
  bool has_waiters() const { return !waiters_.empty(); }

 private:
  struct Waiting {
    Waiter* waiter;
    MonotonicMs since;
  };

  void OnTimer() override { Look(SteadyNow()); }
  void Age(MonotonicMs now);
  bool HasPlace() const { return taken_now_ + taken_before_ < kPlaces; }
  void LetGo();
  void ArmTimer(MonotonicMs now);

  Timers& timers_;
  std::deque<Waiting> waiters_;
  Place period_ = 0;
  size_t taken_now_ = 0;     // in this period, and not given back
  size_t taken_before_ = 0;  // in the one before
};

}  // namespace millrace::net
