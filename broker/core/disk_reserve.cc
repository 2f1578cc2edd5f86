#include "broker/core/disk_reserve.h"

#include <algorithm>

#include "proto/invariant.h"

namespace millrace::core {

namespace {

constexpr int64_t kDefaultPart = 20;
constexpr int64_t kDefaultMax = int64_t{1} << 30;
// Writing resumes with so much more than the reserve, lest it stops again at once.
constexpr int64_t kMarginPart = 16;
constexpr int64_t kMarginMax = int64_t{64} << 20;

// What may be written between two measurements, of the reserve.
constexpr int64_t kUnmeasuredPart = 8;
constexpr int64_t kUnmeasuredMin = int64_t{1} << 20;
constexpr int64_t kUnmeasuredMax = int64_t{64} << 20;

int64_t MarginOf(int64_t reserve) { return std::min(reserve / kMarginPart, kMarginMax); }

}  // namespace

bool DiskReserve::OnMeasured(const DiskMeasurement& measured) {
  INVARIANT(measured.total_bytes >= 0 && measured.usable_bytes >= 0);
  INVARIANT(!has_measured_ || measured.now_ms >= last_.now_ms);
  reserve_bytes_ = configured_.value_or(std::min(measured.total_bytes / kDefaultPart, kDefaultMax));
  if (no_space_until_ms_.has_value() && measured.now_ms >= *no_space_until_ms_) {
    no_space_until_ms_.reset();
  }
  const int64_t needed = is_full_ ? reserve_bytes_ + MarginOf(reserve_bytes_) : reserve_bytes_;
  is_full_ = no_space_until_ms_.has_value() || measured.usable_bytes < needed ||
             measured.usable_bytes == 0;
  next_measure_ms_ = IntervalFor(measured);
  last_ = measured;
  has_measured_ = true;
  return is_full_;
}

void DiskReserve::OnNoSpace(int64_t now_ms) {
  no_space_until_ms_ = now_ms + kNoSpaceMs;
  is_full_ = true;
}

int64_t DiskReserve::headroom_bytes() const {
  return is_full_ ? 0 : std::max<int64_t>(last_.usable_bytes - reserve_bytes_, 0);
}

int64_t DiskReserve::next_measure_bytes() const {
  return std::clamp(reserve_bytes_ / kUnmeasuredPart, kUnmeasuredMin, kUnmeasuredMax);
}

// At the rate of the last interval the next one uses up half of what is left at most.
int64_t DiskReserve::IntervalFor(const DiskMeasurement& measured) const {
  const int64_t used = last_.usable_bytes - measured.usable_bytes;
  const int64_t elapsed_ms = std::max<int64_t>(measured.now_ms - last_.now_ms, 1);
  if (is_full_) return kIntervalMsFull;
  if (!has_measured_ || used <= 0) return kIntervalMsMax;
  const int64_t left = std::max<int64_t>(measured.usable_bytes - reserve_bytes_, 0);
  const double left_ms =
      static_cast<double>(left) / static_cast<double>(used) * static_cast<double>(elapsed_ms) / 2;
  if (left_ms >= static_cast<double>(kIntervalMsMax)) return kIntervalMsMax;
  return std::max(static_cast<int64_t>(left_ms), kIntervalMsMin);
}

}  // namespace millrace::core
