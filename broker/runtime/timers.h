// Deadlines of one shard: a hashed wheel with one kernel timer behind it, armed only while
// somebody waits.
//
// Threading: the shard's thread. A Timer is a member of what waits; destroying it cancels it.
// Resolution: kTickMs; OnTimer is never called early.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <utility>

#include "broker/runtime/async.h"
#include "broker/runtime/clock.h"

namespace millrace {

class Timers;

class Timer {
 public:
  Timer() = default;
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  virtual ~Timer() { Cancel(); }

  void Cancel();
  bool is_armed() const { return timers_ != nullptr; }

 protected:
  // The deadline has passed; the timer is no longer armed and may be armed again, or destroyed.
  virtual void OnTimer() = 0;

 private:
  friend class Timers;
  Timers* timers_ = nullptr;
  MonotonicMs deadline_;
  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
};

// Calls what it was given.
class CallTimer final : public Timer {
 public:
  explicit CallTimer(std::function<void()> call) : call_(std::move(call)) {}

 private:
  void OnTimer() override { call_(); }

  std::function<void()> call_;
};

class Timers {
 public:
  static constexpr int64_t kTickMs = 4;

  explicit Timers(asio::io_context& context) : alarm_(context) {}
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;
  ~Timers();

  // Arms the timer, again if it was armed. A deadline that has passed fires on the next turn.
  void Arm(Timer& timer, MonotonicMs deadline);
  size_t size() const { return size_; }

 private:
  friend class Timer;
  static constexpr size_t kSlots = 512;

  static int64_t TickOf(MonotonicMs time) { return time.value() / kTickMs; }
  Timer*& SlotOf(const Timer& timer);
  void Unlink(Timer& timer);
  void SetAlarm(int64_t tick);
  void SetNextAlarm();
  void OnAlarm();
  void FireSlot(size_t slot, MonotonicMs now);

  asio::steady_timer alarm_;
  std::optional<int64_t> alarm_tick_;  // when alarm_ is set
  int64_t done_tick_ = 0;              // every tick up to here has been looked at
  std::array<Timer*, kSlots> slots_{};
  size_t size_ = 0;
};

}  // namespace millrace
