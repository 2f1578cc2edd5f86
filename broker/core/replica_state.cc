#include "broker/core/replica_state.h"

#include <algorithm>

#include "proto/invariant.h"

namespace millrace::core {

void ReplicaState::OnAppend(Offset base, Offset end, bool acks_all) {
  INVARIANT(base == log_end_);
  INVARIANT(end > base);
  log_end_ = end;
  if (acks_all && !write_caching_) {
    if (!unsynced_.empty() && unsynced_.back().end == base) {
      unsynced_.back().end = end;
    } else {
      unsynced_.push_back({base, end});
    }
  }
  MoveHighWatermark();
}

void ReplicaState::OnDurable(Offset end) {
  INVARIANT(end >= durable_end_);
  INVARIANT(end <= log_end_);
  durable_end_ = end;
  const auto is_left = [&](const Run& run) { return run.end > end; };
  unsynced_.erase(unsynced_.begin(), std::ranges::find_if(unsynced_, is_left));
  MoveHighWatermark();
}

void ReplicaState::SetWriteCaching(bool on) {
  write_caching_ = on;
  if (on) unsynced_.clear();
  MoveHighWatermark();
}

// Syncs end at batch boundaries, so within a run the first batch that ends beyond D starts at D.
void ReplicaState::MoveHighWatermark() {
  Offset visible = log_end_;
  if (!unsynced_.empty()) visible = std::max(unsynced_.front().base, durable_end_);
  INVARIANT(visible >= high_watermark_);
  INVARIANT(visible <= log_end_);
  high_watermark_ = visible;
}

}  // namespace millrace::core
