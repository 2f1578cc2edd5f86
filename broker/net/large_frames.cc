#include "broker/net/large_frames.h"

#include "proto/invariant.h"

namespace millrace::net {

bool LargeFrames::TryEnter() {
  if (has_waiters() || taken_ >= kPlaces) return false;
  ++taken_;
  return true;
}

void LargeFrames::Await(Waiter& waiter) {
  waiters_.push_back(&waiter);
  if (!is_armed()) timers_.Arm(*this, SteadyNow() + kPatienceMs);
}

void LargeFrames::Forget(Waiter& waiter) { std::erase(waiters_, &waiter); }

void LargeFrames::Leave() {
  INVARIANT(taken_ > 0);
  --taken_;
  while (has_waiters() && taken_ < kPlaces) {
    LetGo();
    has_moved_ = true;
  }
}

void LargeFrames::LetGo() {
  Waiter* waiter = waiters_.front();
  waiters_.pop_front();
  ++taken_;
  waiter->OnPlace();
}

void LargeFrames::OnTimer() {
  if (has_moved_ || !has_waiters()) {
    more_ = 1;
  } else {
    for (size_t i = 0; i < more_ && has_waiters(); ++i) LetGo();
    more_ *= 2;
  }
  has_moved_ = false;
  if (has_waiters()) timers_.Arm(*this, SteadyNow() + kPatienceMs);
}

}  // namespace millrace::net
