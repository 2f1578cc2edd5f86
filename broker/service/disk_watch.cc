#include "broker/service/disk_watch.h"

#include <algorithm>
#include <utility>

#include <spdlog/spdlog.h>

namespace millrace::service {

namespace {

// Retention looks at every partition: while the disk stays full, this often.
constexpr int64_t kAskForRoomMs = 5000;

using Urgency = partition::DiskGate::Urgency;

}  // namespace

DiskWatch::DiskWatch(Environment environment)
    : environment_(std::move(environment)),
      reserve_(environment_.reserved_bytes),
      gate_([this](Urgency urgency) {
        environment_.shard.Post([this, urgency] { OnWake(urgency); });
      }),
      timer_([this] { tasks_.Spawn(MeasureNow()); }),
      tasks_(environment_.shard) {}

awaitable<void> DiskWatch::Start() { co_await MeasureNow(); }

awaitable<void> DiskWatch::Stop() {
  stopping_ = true;
  timer_.Cancel();
  co_await tasks_.Join();
}

// Somebody has written, or wanted to, for the first time since the last measurement; or a lot.
void DiskWatch::OnWake(Urgency urgency) {
  const bool is_urgent = urgency == Urgency::kNow;
  if (stopping_ || (timer_.is_armed() && !is_urgent)) return;
  if (measuring_) {
    if (is_urgent || !woken_.has_value()) woken_ = urgency;
    return;
  }
  const MonotonicMs due = is_urgent ? SteadyNow() : measured_ + reserve_.next_measure_ms();
  environment_.shard.timers().Arm(timer_, due);
}

awaitable<void> DiskWatch::MeasureNow() {
  measuring_ = true;
  gate_.Rest();
  absl::StatusOr<storage::DiskSpace> space = storage::DiskSpace{};
  absl::Status status = co_await environment_.disk_pool.Run([this, &space] {
    space = environment_.measure(environment_.path);
    return space.status();
  });
  measuring_ = false;
  measured_ = SteadyNow();
  if (status.ok()) {
    OnMeasured(*space);
  } else {
    spdlog::error("{}: free space not measured: {}", environment_.path, status.ToString());
  }
  // While it is full, room must be noticed though nobody writes.
  if (!woken_.has_value() && reserve_.is_full()) woken_ = Urgency::kInTime;
  if (woken_.has_value()) OnWake(*std::exchange(woken_, std::nullopt));
}

void DiskWatch::OnMeasured(const storage::DiskSpace& space) {
  const bool was_full = reserve_.is_full();
  if (gate_.TakeNoSpace()) reserve_.OnNoSpace(measured_.value());
  reserve_.OnMeasured({.total_bytes = space.total_bytes,
                       .usable_bytes = space.usable_bytes,
                       .now_ms = measured_.value()});
  gate_.Set({.is_full = reserve_.is_full(),
             .reserve_bytes = reserve_.reserve_bytes(),
             .headroom_bytes = reserve_.headroom_bytes(),
             .unmeasured_bytes_max = reserve_.next_measure_bytes()});
  if (was_full != reserve_.is_full()) ReportChange(was_full, space.usable_bytes);
  if (!reserve_.is_full()) return;
  if (was_full && measured_ - asked_for_room_ < kAskForRoomMs) return;
  asked_for_room_ = measured_;
  environment_.on_full();
}

void DiskWatch::ReportChange(bool was_full, int64_t usable_bytes) {
  if (!was_full) {
    refused_before_ = gate_.refused();
    spdlog::warn(
        "{}: the disk is full, {} bytes are left and {} are kept (log.dir.reserved.bytes): records "
        "are refused until there is room",
        environment_.path, usable_bytes, reserve_.reserve_bytes());
    return;
  }
  spdlog::warn("{}: the disk has room again, {} bytes; {} batches were refused", environment_.path,
               usable_bytes, gate_.refused() - refused_before_);
  environment_.on_room();
}

}  // namespace millrace::service
