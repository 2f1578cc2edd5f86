#include "broker/net/large_frames.h"

#include <vector>

#include <catch2/catch.hpp>

namespace millrace::net {
namespace {

using Place = LargeFrames::Place;

constexpr size_t kWaiters = 100;
constexpr MonotonicMs kNow(1'000'000 * LargeFrames::kPeriodMs);

class Frames {
 public:
  class Waiter final : public LargeFrames::Waiter {
   public:
    Waiter(size_t number, std::vector<size_t>& begun) : number_(number), begun_(begun) {}
    void OnPlace(Place place) override {
      begun_.push_back(number_);
      places.push_back(place);
    }
    std::vector<Place> places;

   private:
    size_t number_;
    std::vector<size_t>& begun_;
  };

  Frames() {
    for (size_t i = 0; i < kWaiters; ++i) waiters.emplace_back(i, begun);
    for (size_t i = 0; i < LargeFrames::kPlaces; ++i) {
      REQUIRE(frames.TryEnter(kNow) == kNow.value() / LargeFrames::kPeriodMs);
    }
  }
  ~Frames() {
    for (Waiter& waiter : waiters) frames.Forget(waiter);
  }

  asio::io_context context;
  Timers timers{context};
  LargeFrames frames{timers};
  std::vector<size_t> begun;
  std::vector<Waiter> waiters;
};

constexpr Place kFirst = kNow.value() / LargeFrames::kPeriodMs;

TEST_CASE("large frames: who leaves makes room for the one that has waited longest") {
  Frames test;
  CHECK_FALSE(test.frames.TryEnter(kNow).has_value());
  test.frames.Await(test.waiters[0], kNow);
  test.frames.Await(test.waiters[1], kNow);
  CHECK(test.begun.empty());
  test.frames.Leave(kFirst, kNow);
  CHECK(test.begun == std::vector<size_t>{0});
  CHECK_FALSE(test.frames.TryEnter(kNow).has_value());  // one waits
  test.frames.Leave(kFirst, kNow);
  CHECK(test.begun == std::vector<size_t>{0, 1});
  CHECK_FALSE(test.frames.TryEnter(kNow).has_value());  // all places are taken
  test.frames.Leave(kFirst, kNow);
  CHECK(test.frames.TryEnter(kNow).has_value());
}

TEST_CASE("large frames: who is forgotten gets no place") {
  Frames test;
  test.frames.Await(test.waiters[0], kNow);
  test.frames.Await(test.waiters[1], kNow);
  test.frames.Forget(test.waiters[0]);
  test.frames.Leave(kFirst, kNow);
  CHECK(test.begun == std::vector<size_t>{1});
  CHECK_FALSE(test.frames.has_waiters());
}

TEST_CASE("large frames: a place counts for one period after its own, and is given back once") {
  Frames test;
  const MonotonicMs next = kNow + LargeFrames::kPeriodMs;
  CHECK_FALSE(test.frames.TryEnter(next + (LargeFrames::kPeriodMs - 1)).has_value());
  test.frames.Leave(kFirst, next);
  CHECK(test.frames.TryEnter(next) == kFirst + 1);
  CHECK_FALSE(test.frames.TryEnter(next).has_value());
  // From here on only the last one counts.
  const MonotonicMs later = next + LargeFrames::kPeriodMs;
  for (size_t i = 1; i < LargeFrames::kPlaces; ++i) CHECK(test.frames.TryEnter(later).has_value());
  CHECK_FALSE(test.frames.TryEnter(later).has_value());
  test.frames.Leave(kFirst, later);
  CHECK_FALSE(test.frames.TryEnter(later).has_value());
  test.frames.Leave(kFirst + 1, later);
  CHECK(test.frames.TryEnter(later).has_value());
}

TEST_CASE("large frames: while nobody leaves, the others begin all the same, again and again") {
  Frames test;
  MonotonicMs now = kNow;
  for (int round = 0; round < 200; ++round) {
    test.begun.clear();
    for (Frames::Waiter& waiter : test.waiters) test.frames.Await(waiter, now);
    for (int64_t ms = 0; ms < LargeFrames::kWaitMsMax; ++ms) {
      now = now + 1;
      test.frames.Look(now);
    }
    REQUIRE(test.begun.size() == kWaiters);
    for (size_t i = 0; i < kWaiters; ++i) REQUIRE(test.begun[i] == i);
  }
}

TEST_CASE("large frames: it looks by itself while somebody waits") {
  Frames test;
  for (Frames::Waiter& waiter : test.waiters) test.frames.Await(waiter, SteadyNow());
  test.context.run();
  CHECK(test.begun.size() == kWaiters);
}

}  // namespace
}  // namespace millrace::net
