#include "broker/core/offset_waiters.h"

#include <functional>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace millrace::core {
namespace {

using Events = std::vector<std::string>;

class Recorder final : public OffsetWaiter {
 public:
  Recorder(Events& events, std::string name) : events_(events), name_(std::move(name)) {}

  std::function<void()> then;

 private:
  void OnReached() override {
    events_.push_back(name_);
    if (then) then();
  }
  void OnFailed(ErrorCode error) override {
    events_.push_back(name_ + " " + std::string(ErrorName(error)));
    if (then) then();
  }

  Events& events_;
  std::string name_;
};

TEST_CASE("offset waiters: nobody is woken below what was asked for") {
  Events events;
  OffsetWaiters waiters;
  Recorder a(events, "a");
  waiters.Park(a, Offset(10));
  waiters.OnHighWatermark(Offset(9));
  CHECK(events.empty());
  CHECK(a.is_parked());
  CHECK_FALSE(waiters.empty());
  waiters.Unpark(a);
  CHECK(waiters.empty());
  CHECK_FALSE(a.is_parked());
}

TEST_CASE("offset waiters: the offset itself is enough") {
  Events events;
  OffsetWaiters waiters;
  Recorder a(events, "a");
  waiters.Park(a, Offset(10));
  waiters.OnHighWatermark(Offset(10));
  CHECK(events == Events{"a"});
  CHECK_FALSE(a.is_parked());
  CHECK(waiters.empty());
}

TEST_CASE("offset waiters: waking goes by offset, then by arrival") {
  Events events;
  OffsetWaiters waiters;
  Recorder a(events, "30"), b(events, "10"), c(events, "20"), d(events, "10 later");
  waiters.Park(a, Offset(30));
  waiters.Park(b, Offset(10));
  waiters.Park(c, Offset(20));
  waiters.Park(d, Offset(10));
  waiters.OnHighWatermark(Offset(25));
  CHECK(events == Events{"10", "10 later", "20"});
  waiters.OnHighWatermark(Offset(100));
  CHECK(events.back() == "30");
  CHECK(waiters.empty());
}

TEST_CASE("offset waiters: leaving at the front, in the middle and at the end keeps the others") {
  for (size_t leaver = 0; leaver < 3; ++leaver) {
    Events events;
    OffsetWaiters waiters;
    Recorder a(events, "0"), b(events, "1"), c(events, "2");
    Recorder* all[] = {&a, &b, &c};
    for (int i = 0; i < 3; ++i) waiters.Park(*all[i], Offset(i + 1));
    waiters.Unpark(*all[leaver]);
    waiters.OnHighWatermark(Offset(3));
    Events expected{"0", "1", "2"};
    expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(leaver));
    CHECK(events == expected);
  }
}

TEST_CASE("offset waiters: one that is woken may park again and take others away") {
  Events events;
  OffsetWaiters waiters;
  Recorder a(events, "a"), b(events, "b"), c(events, "c");
  waiters.Park(a, Offset(1));
  waiters.Park(b, Offset(2));
  waiters.Park(c, Offset(3));
  a.then = [&] {
    waiters.Unpark(b);
    waiters.Park(a, Offset(9));
  };
  waiters.OnHighWatermark(Offset(5));
  CHECK(events == Events{"a", "c"});
  CHECK(a.is_parked());
  a.then = nullptr;
  waiters.OnHighWatermark(Offset(9));
  CHECK(events == Events{"a", "c", "a"});
}

TEST_CASE("offset waiters: a failure reaches everybody once") {
  Events events;
  OffsetWaiters waiters;
  Recorder a(events, "a"), b(events, "b");
  waiters.Park(b, Offset(5));
  waiters.Park(a, Offset(4));
  waiters.FailAll(ErrorCode::kKafkaStorageError);
  CHECK(events == Events{"a KAFKA_STORAGE_ERROR", "b KAFKA_STORAGE_ERROR"});
  CHECK(waiters.empty());
  waiters.FailAll(ErrorCode::kKafkaStorageError);
  CHECK(events.size() == 2);
}

}  // namespace
}  // namespace millrace::core
