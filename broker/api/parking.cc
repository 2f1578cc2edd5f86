#include "broker/api/parking.h"

#include <chrono>
#include <utility>

namespace millrace::api {

void Parking::Add(std::shared_ptr<partition::Partition> partition, Offset wanted) {
  watchers_.push_back(std::make_unique<Watcher>(*this, std::move(partition), wanted));
}

awaitable<void> Parking::Wait(Until until, MonotonicMs deadline) {
  auto self = shared_from_this();
  until_ = until;
  any_settled_ = false;
  unsettled_ = watchers_.size();
  wake_.expires_at(asio::steady_timer::time_point(std::chrono::milliseconds(deadline.value())));
  for (auto& watcher : watchers_) {
    co_await watcher->partition->shard().Run(ParkOne(*watcher));
  }
  bool is_first = until_ == Until::kFirst;
  bool done = unsettled_ == 0 || closed_ || (is_first && (any_settled_ || hurried_));
  if (!done) co_await wake_.async_wait(kAwait);
  for (auto& watcher : watchers_) {
    co_await watcher->partition->shard().Run(UnparkOne(*watcher));
  }
}

void Parking::OnClosed() {
  closed_ = true;
  wake_.cancel();
}

void Parking::OnMemoryShort() {
  if (until_ != Until::kFirst) return;
  hurried_ = true;
  wake_.cancel();
}

// Between the append or read and now the partition may have moved on.
awaitable<void> Parking::ParkOne(Watcher& watcher) {
  partition::Partition& partition = *watcher.partition;
  if (partition.failure() != ErrorCode::kNone) {
    OnSettled(watcher, {.failure = partition.failure()});
  } else if (partition.IsCommitted(watcher.wanted)) {
    OnSettled(watcher, {.reached = true});
  } else {
    partition.Park(watcher, watcher.wanted);
  }
  co_return;
}

awaitable<void> Parking::UnparkOne(Watcher& watcher) {
  if (watcher.is_parked()) watcher.partition->Unpark(watcher);
  co_return;
}

void Parking::OnSettled(Watcher& watcher, Outcome outcome) {
  if (home_.is_current()) return Settle(watcher, outcome);
  home_.Post([self = shared_from_this(), &watcher, outcome] { self->Settle(watcher, outcome); });
}

void Parking::Settle(Watcher& watcher, Outcome outcome) {
  watcher.outcome = outcome;
  any_settled_ = true;
  --unsettled_;
  if (unsettled_ == 0 || until_ == Until::kFirst) wake_.cancel();
}

}  // namespace millrace::api
