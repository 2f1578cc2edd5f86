// Lets few connections of a shard receive large frames at a time. Those of many are received one
// after the other, while the rest stays in the sockets, instead of all side by side: that takes a
// fraction of the memory, and what has come is still in the processor's cache when it is written.
//
// Nobody can hold the others up with it: while no place is given back, one more, then 2, 4, 8, ...
// may begin, every few milliseconds.
//
// Threading: one shard. Lifetime: waiters must have been let go or forgotten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "broker/runtime/timers.h"

namespace millrace::net {

class LargeFrames final : private Timer {
 public:
  static constexpr size_t kPlaces = 16;
  static constexpr int64_t kPatienceMs = 8;

  class Waiter {
   public:
    // It has a place. Must not call LargeFrames at once.
    virtual void OnPlace() = 0;

   protected:
    ~Waiter() = default;
  };

  explicit LargeFrames(Timers& timers) : timers_(timers) {}

  // Takes a place, if one is free and nobody waits.
  bool TryEnter();
  // It gets a place later, in the order of these calls.
  void Await(Waiter& waiter);
  void Forget(Waiter& waiter);
  // Gives a place back.
  void Leave();
  bool has_waiters() const { return !waiters_.empty(); }

 private:
  void OnTimer() override;
  void LetGo();

  Timers& timers_;
  std::deque<Waiter*> waiters_;
  size_t taken_ = 0;  // more than kPlaces where nobody finished for a while
  size_t more_ = 1;   // how many begin when that goes on
  bool has_moved_ = false;
};

}  // namespace millrace::net
