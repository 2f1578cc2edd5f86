#include "broker/core/offset_waiters.h"

#include "proto/invariant.h"

namespace millrace::core {

OffsetWaiter::~OffsetWaiter() { INVARIANT(!is_parked()); }

OffsetWaiters::~OffsetWaiters() { INVARIANT(empty()); }

void OffsetWaiters::Park(OffsetWaiter& waiter, Offset wanted) {
  INVARIANT(!waiter.is_parked());
  OffsetWaiter* before = last_;
  while (before != nullptr && before->wanted_ > wanted) before = before->previous_;
  OffsetWaiter* after = before == nullptr ? first_ : before->next_;
  waiter.parked_in_ = this;
  waiter.wanted_ = wanted;
  waiter.previous_ = before;
  waiter.next_ = after;
  (before == nullptr ? first_ : before->next_) = &waiter;
  (after == nullptr ? last_ : after->previous_) = &waiter;
}

void OffsetWaiters::Unpark(OffsetWaiter& waiter) {
  INVARIANT(waiter.parked_in_ == this);
  (waiter.previous_ == nullptr ? first_ : waiter.previous_->next_) = waiter.next_;
  (waiter.next_ == nullptr ? last_ : waiter.next_->previous_) = waiter.previous_;
  waiter.parked_in_ = nullptr;
  waiter.previous_ = waiter.next_ = nullptr;
}

void OffsetWaiters::OnHighWatermark(Offset high_watermark) {
  while (first_ != nullptr && first_->wanted_ <= high_watermark) {
    OffsetWaiter& reached = *first_;
    Unpark(reached);
    reached.OnReached();
  }
}

void OffsetWaiters::FailAll(ErrorCode error) {
  while (first_ != nullptr) {
    OffsetWaiter& failed = *first_;
    Unpark(failed);
    failed.OnFailed(error);
  }
}

}  // namespace millrace::core
