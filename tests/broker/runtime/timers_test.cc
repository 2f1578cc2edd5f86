#include "broker/runtime/timers.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "broker/runtime/shard.h"

namespace millrace {
namespace {

using Events = std::vector<std::string>;

class TestTimer final : public Timer {
 public:
  TestTimer(Events& events, std::string name) : events_(events), name_(std::move(name)) {}

  MonotonicMs fired_at;
  std::function<void()> then;

 private:
  void OnTimer() override {
    fired_at = SteadyNow();
    events_.push_back(name_);
    if (then) then();
  }

  Events& events_;
  std::string name_;
};

TEST_CASE("timers: a cancelled timer never fires, and the loop may end") {
  Shard shard(0);
  Events events;
  TestTimer a(events, "a");
  shard.timers().Arm(a, SteadyNow() + 3'600'000);
  CHECK(a.is_armed());
  a.Cancel();
  CHECK_FALSE(a.is_armed());
  a.Cancel();
  CHECK(shard.timers().size() == 0);
  shard.context().run();  // returns although the hour is not over
  CHECK(events.empty());
}

TEST_CASE("timers: a timer that goes is no longer waited for") {
  Shard shard(0);
  Events events;
  {
    TestTimer a(events, "a");
    shard.timers().Arm(a, SteadyNow() + 1);
  }
  shard.context().run();
  CHECK(events.empty());
}

TEST_CASE("timers: none fires early, and all fire") {
  Shard shard(0);
  Events events;
  std::vector<std::unique_ptr<TestTimer>> timers;
  std::vector<MonotonicMs> deadlines;
  MonotonicMs now = SteadyNow();
  for (int64_t ms : {0, 1, 3, 4, 5, 17, 40, 41, 42, 90, -5, -100'000}) {
    deadlines.push_back(now + ms);
    timers.push_back(std::make_unique<TestTimer>(events, ""));
    shard.timers().Arm(*timers.back(), deadlines.back());
  }
  shard.context().run();
  CHECK(events.size() == timers.size());
  for (size_t i = 0; i < timers.size(); ++i) {
    CHECK(timers[i]->fired_at >= deadlines[i]);
    CHECK_FALSE(timers[i]->is_armed());
  }
}

TEST_CASE("timers: a deadline beyond one turn of the wheel does not fire in this one") {
  Shard shard(0);
  Events events;
  TestTimer late(events, "late"), soon(events, "soon");
  MonotonicMs now = SteadyNow();
  constexpr int64_t kTurnMs = 512 * Timers::kTickMs;
  shard.timers().Arm(late, now + 20 + kTurnMs);
  shard.timers().Arm(soon, now + 20);
  while (events.empty()) shard.context().run_one();
  CHECK(events == Events{"soon"});
  CHECK(late.is_armed());
  late.Cancel();
}

TEST_CASE("timers: arming again replaces the deadline") {
  Shard shard(0);
  Events events;
  TestTimer a(events, "a"), b(events, "b");
  MonotonicMs now = SteadyNow();
  shard.timers().Arm(a, now + 4);
  shard.timers().Arm(b, now + 16);
  shard.timers().Arm(a, now + 60);
  CHECK(shard.timers().size() == 2);
  shard.context().run();
  CHECK(events == Events{"b", "a"});
  CHECK(a.fired_at >= now + 60);
}

TEST_CASE("timers: a callback may cancel and arm any timer, itself too") {
  Shard shard(0);
  Events events;
  TestTimer a(events, "a"), b(events, "b"), c(events, "c");
  MonotonicMs now = SteadyNow();
  int rounds = 0;
  a.then = [&] {
    b.Cancel();
    if (++rounds < 3) shard.timers().Arm(a, SteadyNow());
  };
  // All three are due in the same tick; the one that was armed last is looked at first.
  shard.timers().Arm(c, now + 8);
  shard.timers().Arm(b, now + 8);
  shard.timers().Arm(a, now + 8);
  shard.context().run();
  CHECK(rounds == 3);
  CHECK(std::count(events.begin(), events.end(), "b") == 0);
  CHECK(std::count(events.begin(), events.end(), "c") == 1);
  CHECK(shard.timers().size() == 0);
}

// Both alarms wait in one Asio timer queue, which serves the earlier one first however slow the
// machine is.
TEST_CASE("timers: one that arms itself far ahead does not hold up the others") {
  Shard shard(0);
  Events events;
  TestTimer again(events, "again"), other(events, "other");
  MonotonicMs now = SteadyNow();
  bool is_first = true;
  again.then = [&] {
    if (is_first) shard.timers().Arm(again, now + 1500);
    is_first = false;
  };
  shard.timers().Arm(again, now + 10);
  shard.timers().Arm(other, now + 60);
  asio::steady_timer reference(shard.context());
  reference.expires_at(
      asio::steady_timer::time_point(std::chrono::milliseconds(now.value() + 900)));
  reference.async_wait([&](IoError) { events.push_back("reference"); });
  shard.context().run();
  CHECK(events == Events{"again", "other", "reference", "again"});
}

}  // namespace
}  // namespace millrace
