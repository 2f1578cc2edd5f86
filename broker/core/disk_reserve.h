// Whether a log directory's file system has room for records: below the reserve it has none, until
// there is a little more than the reserve again.
//
//   DiskReserve reserve(std::nullopt);
//   bool is_full = reserve.OnMeasured({.total_bytes = total, .usable_bytes = usable, .now = now});
//   // measure again after reserve.next_measure_ms(), if anything was written meanwhile
//
// Pure; time is an argument. docs/decisions/0014-full-disks.md
#pragma once

#include <cstdint>
#include <optional>

namespace millrace::core {

struct DiskMeasurement {
  int64_t total_bytes = 0;
  int64_t usable_bytes = 0;
  int64_t now_ms = 0;  // of a clock that never goes back
};

class DiskReserve {
 public:
  // While somebody writes, the disk is measured this often at least and at most.
  static constexpr int64_t kIntervalMsMax = 1000;
  static constexpr int64_t kIntervalMsMin = 20;
  // While it is full, whether or not somebody wants to write.
  static constexpr int64_t kIntervalMsFull = 500;
  // So long a write that found no room is believed more than a measurement that does.
  static constexpr int64_t kNoSpaceMs = 1000;

  // None: the smaller of 5 % of the file system and 1 GiB.
  explicit DiskReserve(std::optional<int64_t> configured_bytes) : configured_(configured_bytes) {}

  // Returns whether the disk is full.
  bool OnMeasured(const DiskMeasurement& measured);
  // A write found no room, whatever was measured.
  void OnNoSpace(int64_t now_ms);

  bool is_full() const { return is_full_; }
  int64_t reserve_bytes() const { return reserve_bytes_; }
  int64_t usable_bytes() const { return last_.usable_bytes; }
  // What may be written before the reserve is touched; 0 where it is.
  int64_t headroom_bytes() const;
  int64_t next_measure_ms() const { return next_measure_ms_; }
  // Measure at once when so many bytes were written since: others write to the disk, too, so a slow
  // past says little about the next second.
  int64_t next_measure_bytes() const;

 private:
  int64_t IntervalFor(const DiskMeasurement& measured) const;

  std::optional<int64_t> configured_;
  DiskMeasurement last_;
  bool has_measured_ = false;
  int64_t reserve_bytes_ = 0;
  int64_t next_measure_ms_ = kIntervalMsMin;
  std::optional<int64_t> no_space_until_ms_;
  bool is_full_ = false;
};

}  // namespace millrace::core
