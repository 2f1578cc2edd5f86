// Who waits for a partition's high watermark: long-polling fetches, and acks=all produces that are
// not committed yet. No polling, no allocation: a waiter is a member of what waits.
//
// Pure; one thread (the partition's shard). Lifetime: a waiter must be unparked before it goes.
#pragma once

#include "proto/error_code.h"
#include "proto/types.h"

namespace millrace::core {

class OffsetWaiters;

class OffsetWaiter {
 public:
  OffsetWaiter() = default;
  OffsetWaiter(const OffsetWaiter&) = delete;
  OffsetWaiter& operator=(const OffsetWaiter&) = delete;
  virtual ~OffsetWaiter();

  bool is_parked() const { return parked_in_ != nullptr; }

 protected:
  // The high watermark is at or beyond what was waited for. No longer parked; may park again.
  virtual void OnReached() = 0;
  // It never will be: the partition is gone or its disk failed. No longer parked.
  virtual void OnFailed(ErrorCode error) = 0;

 private:
  friend class OffsetWaiters;
  OffsetWaiters* parked_in_ = nullptr;
  Offset wanted_;
  OffsetWaiter* previous_ = nullptr;
  OffsetWaiter* next_ = nullptr;
};

class OffsetWaiters {
 public:
  OffsetWaiters() = default;
  OffsetWaiters(const OffsetWaiters&) = delete;
  OffsetWaiters& operator=(const OffsetWaiters&) = delete;
  ~OffsetWaiters();

  // Waits until the high watermark is at least `wanted`. Precondition: it is not yet, and the
  // waiter is not parked. Cheap where waiters come in ascending order, as they nearly always do.
  void Park(OffsetWaiter& waiter, Offset wanted);
  void Unpark(OffsetWaiter& waiter);
  void OnHighWatermark(Offset high_watermark);
  void FailAll(ErrorCode error);
  bool empty() const { return first_ == nullptr; }

 private:
  OffsetWaiter* first_ = nullptr;  // ascending by wanted_, then by arrival
  OffsetWaiter* last_ = nullptr;
};

}  // namespace millrace::core
