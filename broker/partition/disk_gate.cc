#include "broker/partition/disk_gate.h"

#include <fmt/format.h>

namespace millrace::partition {

std::string DiskGate::Reason() const {
  return fmt::format(
      "the broker's disk is full: less than log.dir.reserved.bytes ({}) is free; writing resumes "
      "when there is room",
      reserve_bytes());
}

void DiskGate::OnNoSpace() {
  full_.store(true);
  headroom_bytes_.store(0);
  no_space_.store(true);
  OnRefused();
}

bool DiskGate::MayReserve(int64_t bytes) {
  if (is_full()) return false;
  if (headroom_bytes_.fetch_sub(bytes) >= bytes) return true;
  headroom_bytes_.fetch_add(bytes);
  return false;
}

void DiskGate::Set(const State& state) {
  reserve_bytes_.store(state.reserve_bytes);
  headroom_bytes_.store(state.headroom_bytes);
  unmeasured_bytes_max_.store(state.unmeasured_bytes_max);
  full_.store(state.is_full);
}

void DiskGate::Rest() {
  unmeasured_bytes_.store(0);
  hurried_.store(false);
  awake_.store(false);
}

void DiskGate::Wake() {
  if (!awake_.exchange(true)) wake_(Urgency::kInTime);
}

void DiskGate::Hurry() {
  if (hurried_.load(std::memory_order_relaxed) || hurried_.exchange(true)) return;
  wake_(Urgency::kNow);
}

}  // namespace millrace::partition
