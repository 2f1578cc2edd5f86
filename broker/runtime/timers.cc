#include "broker/runtime/timers.h"

#include <algorithm>
#include <chrono>

#include "proto/invariant.h"

namespace millrace {

void Timer::Cancel() {
  if (timers_ != nullptr) timers_->Unlink(*this);
}

Timers::~Timers() { INVARIANT(size_ == 0); }

Timer*& Timers::SlotOf(const Timer& timer) {
  return slots_[static_cast<size_t>(TickOf(timer.deadline_)) % kSlots];
}

void Timers::Arm(Timer& timer, MonotonicMs deadline) {
  timer.Cancel();
  if (size_ == 0) done_tick_ = TickOf(SteadyNow());
  // One tick later than the deadline's own, so that it is never early.
  int64_t tick = std::max(TickOf(deadline) + 1, done_tick_ + 1);
  timer.deadline_ = MonotonicMs(tick * kTickMs);
  timer.timers_ = this;
  timer.previous_ = nullptr;
  Timer*& head = SlotOf(timer);
  timer.next_ = head;
  if (head != nullptr) head->previous_ = &timer;
  head = &timer;
  ++size_;
  if (!alarm_tick_.has_value() || tick < *alarm_tick_) SetAlarm(tick);
}

void Timers::Unlink(Timer& timer) {
  INVARIANT(timer.timers_ == this && size_ > 0);
  if (timer.previous_ != nullptr) {
    timer.previous_->next_ = timer.next_;
  } else {
    SlotOf(timer) = timer.next_;
  }
  if (timer.next_ != nullptr) timer.next_->previous_ = timer.previous_;
  timer.timers_ = nullptr;
  timer.previous_ = timer.next_ = nullptr;
  --size_;
  // Nobody waits: the loop may end.
  if (size_ == 0 && alarm_tick_.has_value()) {
    alarm_tick_.reset();
    alarm_.cancel();
  }
}

void Timers::SetAlarm(int64_t tick) {
  alarm_tick_ = tick;
  alarm_.expires_at(
      std::chrono::steady_clock::time_point(std::chrono::milliseconds(tick * kTickMs)));
  alarm_.async_wait([this](IoError error) {
    if (!error) OnAlarm();
  });
}

// The wheel may hold timers of later turns in a slot: looking at them early costs little.
void Timers::SetNextAlarm() {
  if (size_ == 0) return;
  for (int64_t tick = done_tick_ + 1;; ++tick) {
    if (slots_[static_cast<size_t>(tick) % kSlots] == nullptr) continue;
    if (!alarm_tick_.has_value() || tick < *alarm_tick_) SetAlarm(tick);
    return;
  }
}

void Timers::OnAlarm() {
  alarm_tick_.reset();
  MonotonicMs now = SteadyNow();
  int64_t last = TickOf(now);
  int64_t first = std::max(done_tick_ + 1, last - static_cast<int64_t>(kSlots) + 1);
  done_tick_ = std::max(done_tick_, last);
  for (int64_t tick = first; tick <= last; ++tick) {
    FireSlot(static_cast<size_t>(tick) % kSlots, now);
  }
  SetNextAlarm();
}

// OnTimer may arm and cancel any timer, so the slot is looked through anew after each call. A timer
// that is armed meanwhile lies beyond done_tick_ and is not due.
void Timers::FireSlot(size_t slot, MonotonicMs now) {
  for (Timer* timer = slots_[slot]; timer != nullptr;) {
    if (timer->deadline_ > now) {
      timer = timer->next_;
      continue;
    }
    Unlink(*timer);
    timer->OnTimer();
    timer = slots_[slot];
  }
}

}  // namespace millrace
