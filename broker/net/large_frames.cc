#include "broker/net/large_frames.h"

namespace millrace::net {

namespace {

constexpr int64_t kLookMs = 8;

}  // namespace

std::optional<LargeFrames::Place> LargeFrames::TryEnter(MonotonicMs now) {
  if (has_waiters()) return std::nullopt;
  Age(now);
  if (!HasPlace()) return std::nullopt;
  ++taken_now_;
  return period_;
}

void LargeFrames::Await(Waiter& waiter, MonotonicMs now) {
  waiters_.push_back({&waiter, now});
  ArmTimer(now);
}

void LargeFrames::Forget(Waiter& waiter) {
  std::erase_if(waiters_, [&](const Waiting& one) { return one.waiter == &waiter; });
}

void LargeFrames::Leave(Place place, MonotonicMs now) {
  Age(now);
  if (place == period_) {
    --taken_now_;
  } else if (place == period_ - 1) {
    --taken_before_;
  }
  while (has_waiters() && HasPlace()) LetGo();
}

void LargeFrames::Age(MonotonicMs now) {
  const Place period = now.value() / kPeriodMs;
  if (period == period_) return;
  taken_before_ = period == period_ + 1 ? taken_now_ : 0;
  taken_now_ = 0;
  period_ = period;
}

void LargeFrames::LetGo() {
  Waiter* waiter = waiters_.front().waiter;
  waiters_.pop_front();
  ++taken_now_;
  waiter->OnPlace(period_);
}

void LargeFrames::ArmTimer(MonotonicMs now) {
  if (has_waiters() && !is_armed()) timers_.Arm(*this, now + kLookMs);
}

void LargeFrames::Look(MonotonicMs now) {
  Age(now);
  while (has_waiters() && (HasPlace() || now - waiters_.front().since >= kWaitMsMax)) LetGo();
  ArmTimer(now);
}

}  // namespace millrace::net
