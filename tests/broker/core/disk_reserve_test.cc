#include "broker/core/disk_reserve.h"

#include <catch2/catch.hpp>

namespace millrace::core {
namespace {

constexpr int64_t kGiB = int64_t{1} << 30;

TEST_CASE("disk reserve: below the reserve the disk is full, and room again is a little more") {
  DiskReserve reserve(1600);
  CHECK_FALSE(reserve.OnMeasured({.total_bytes = 100'000, .usable_bytes = 1600, .now_ms = 0}));
  CHECK(reserve.headroom_bytes() == 0);
  CHECK(reserve.OnMeasured({.total_bytes = 100'000, .usable_bytes = 1599, .now_ms = 1}));
  CHECK(reserve.OnMeasured({.total_bytes = 100'000, .usable_bytes = 1699, .now_ms = 2}));
  CHECK(reserve.headroom_bytes() == 0);
  CHECK_FALSE(reserve.OnMeasured({.total_bytes = 100'000, .usable_bytes = 1700, .now_ms = 3}));
  CHECK(reserve.headroom_bytes() == 100);
}

TEST_CASE("disk reserve: by default it is 5 % and never more than 1 GiB") {
  DiskReserve reserve(std::nullopt);
  reserve.OnMeasured({.total_bytes = 2000, .usable_bytes = 2000, .now_ms = 0});
  CHECK(reserve.reserve_bytes() == 100);
  reserve.OnMeasured({.total_bytes = 100 * kGiB, .usable_bytes = 100 * kGiB, .now_ms = 1});
  CHECK(reserve.reserve_bytes() == kGiB);
}

TEST_CASE("disk reserve: with a reserve of 0 only a disk with nothing left is full") {
  DiskReserve reserve(0);
  CHECK_FALSE(reserve.OnMeasured({.total_bytes = 100, .usable_bytes = 1, .now_ms = 0}));
  CHECK(reserve.OnMeasured({.total_bytes = 100, .usable_bytes = 0, .now_ms = 1}));
}

TEST_CASE("disk reserve: a write that found no room is believed for a while") {
  DiskReserve reserve(0);
  reserve.OnMeasured({.total_bytes = 100, .usable_bytes = 50, .now_ms = 0});
  reserve.OnNoSpace(10);
  CHECK(reserve.is_full());
  CHECK(reserve.headroom_bytes() == 0);
  CHECK(reserve.OnMeasured({.total_bytes = 100, .usable_bytes = 50, .now_ms = 1009}));
  CHECK_FALSE(reserve.OnMeasured({.total_bytes = 100, .usable_bytes = 50, .now_ms = 1010}));
}

TEST_CASE("disk reserve: the nearer the reserve, the sooner the disk is measured again") {
  DiskReserve reserve(1000);
  reserve.OnMeasured({.total_bytes = kGiB, .usable_bytes = 20'000, .now_ms = 0});
  CHECK(reserve.next_measure_ms() == DiskReserve::kIntervalMsMax);
  // 1000 bytes a second leave 18 seconds.
  reserve.OnMeasured({.total_bytes = kGiB, .usable_bytes = 19'000, .now_ms = 1000});
  CHECK(reserve.next_measure_ms() == DiskReserve::kIntervalMsMax);
  // 17,000 bytes a second leave 59 milliseconds: at most half of them pass.
  reserve.OnMeasured({.total_bytes = kGiB, .usable_bytes = 2000, .now_ms = 2000});
  CHECK(reserve.next_measure_ms() == 29);
  reserve.OnMeasured({.total_bytes = kGiB, .usable_bytes = 1001, .now_ms = 2001});
  CHECK(reserve.next_measure_ms() == DiskReserve::kIntervalMsMin);
}

TEST_CASE("disk reserve: between measurements a part of the reserve may be written") {
  DiskReserve reserve(16 << 20);
  reserve.OnMeasured({.total_bytes = kGiB, .usable_bytes = kGiB, .now_ms = 0});
  CHECK(reserve.next_measure_bytes() == 2 << 20);
  CHECK(DiskReserve(0).next_measure_bytes() == 1 << 20);
}

}  // namespace
}  // namespace millrace::core
