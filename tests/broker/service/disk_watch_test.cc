#include "broker/service/disk_watch.h"

#include <atomic>
#include <memory>
#include <string>

#include <catch2/catch.hpp>

#include "broker/runtime/run_and_wait.h"
#include "tests/support/wait_until.h"

namespace millrace::service {
namespace {

using test::WaitUntil;

constexpr int64_t kReserve = 1000;

// A watch on a shard of its own, over a disk that is a number.
class Watched {
 public:
  explicit Watched(int64_t usable) : usable_(usable) {
    shards_.Start();
    RunAndWait(shards_[0], watch_->Start());
  }
  ~Watched() {
    RunAndWait(shards_[0], watch_->Stop());
    pool_.reset();
    shards_.Stop();
    watch_.reset();
  }

  partition::DiskGate& gate() { return watch_->gate(); }
  void SetUsable(int64_t bytes) { usable_ = bytes; }
  int measured() const { return measured_; }
  int asked_for_room() const { return asked_for_room_; }
  int got_room() const { return got_room_; }

 private:
  DiskWatch::Environment MakeEnvironment() {
    return {.shard = shards_[0],
            .disk_pool = *pool_,
            .path = "/data",
            .reserved_bytes = kReserve,
            .on_full = [this] { ++asked_for_room_; },
            .on_room = [this] { ++got_room_; },
            .measure =
                [this](const std::string&) {
                  ++measured_;
                  return storage::DiskSpace{.total_bytes = 100'000, .usable_bytes = usable_};
                }};
  }

  std::atomic<int64_t> usable_;
  std::atomic<int> measured_ = 0;
  std::atomic<int> asked_for_room_ = 0;
  std::atomic<int> got_room_ = 0;
  ShardSet shards_{1};
  std::unique_ptr<DiskPool> pool_ = std::make_unique<DiskPool>(1);
  std::unique_ptr<DiskWatch> watch_ = std::make_unique<DiskWatch>(MakeEnvironment());
};

TEST_CASE("disk watch: a start on a full disk shuts the gate") {
  Watched watched(kReserve - 1);
  CHECK(watched.gate().is_full());
  CHECK(watched.asked_for_room() == 1);
  CHECK(watched.gate().Reason().find("(1000)") != std::string::npos);
}

TEST_CASE("disk watch: a disk that nobody writes to is not measured") {
  Watched watched(kReserve * 2);
  CHECK_FALSE(watched.gate().is_full());
  CHECK(watched.measured() == 1);
  watched.SetUsable(0);
  watched.gate().OnAppended(1);
  WaitUntil([&] { return watched.gate().is_full(); });
  CHECK(watched.measured() >= 2);
}

TEST_CASE("disk watch: room is noticed though nobody writes") {
  Watched watched(0);
  CHECK(watched.gate().is_full());
  watched.SetUsable(kReserve * 2);
  WaitUntil([&] { return !watched.gate().is_full(); });
  WaitUntil([&] { return watched.got_room() == 1; });
}

TEST_CASE("disk watch: what is reserved ahead counts until the next measurement") {
  Watched watched(kReserve + 500);
  CHECK(watched.gate().MayReserve(300));
  CHECK_FALSE(watched.gate().MayReserve(300));
  CHECK(watched.gate().MayReserve(200));
}

TEST_CASE("disk watch: a write without room shuts the gate at once, and not for ever") {
  Watched watched(kReserve * 2);
  watched.gate().OnNoSpace();
  CHECK(watched.gate().is_full());
  CHECK(watched.gate().refused() == 1);
  WaitUntil([&] { return !watched.gate().is_full(); });
}

}  // namespace
}  // namespace millrace::service
