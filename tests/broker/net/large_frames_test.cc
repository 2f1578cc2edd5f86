#include "broker/net/large_frames.h"

#include <algorithm>
#include <vector>

#include <catch2/catch.hpp>

namespace millrace::net {
namespace {

class Frames {
 public:
  class Waiter final : public LargeFrames::Waiter {
   public:
    Waiter(int number, std::vector<int>& begun) : number_(number), begun_(begun) {}
    void OnPlace() override { begun_.push_back(number_); }

   private:
    int number_;
    std::vector<int>& begun_;
  };

  Frames() {
    for (int i = 0; i < 100; ++i) waiters_.emplace_back(i, begun_);
    for (size_t i = 0; i < LargeFrames::kPlaces; ++i) REQUIRE(frames_.TryEnter());
  }
  ~Frames() {
    for (Waiter& waiter : waiters_) frames_.Forget(waiter);
  }

  LargeFrames& operator*() { return frames_; }
  Waiter& waiter(size_t i) { return waiters_[i]; }
  const std::vector<int>& begun() const { return begun_; }
  // Until nobody waits any more.
  void Run() { context_.run(); }

 private:
  asio::io_context context_;
  Timers timers_{context_};
  LargeFrames frames_{timers_};
  std::vector<int> begun_;
  std::vector<Waiter> waiters_;
};

TEST_CASE("large frames: who leaves makes room for the one that has waited longest") {
  Frames frames;
  CHECK_FALSE((*frames).TryEnter());
  (*frames).Await(frames.waiter(0));
  (*frames).Await(frames.waiter(1));
  CHECK(frames.begun().empty());
  (*frames).Leave();
  CHECK(frames.begun() == std::vector{0});
  CHECK_FALSE((*frames).TryEnter());  // one waits
  (*frames).Leave();
  CHECK(frames.begun() == std::vector{0, 1});
  CHECK_FALSE((*frames).TryEnter());  // all places are taken
  (*frames).Leave();
  CHECK((*frames).TryEnter());
}

TEST_CASE("large frames: who is forgotten gets no place") {
  Frames frames;
  (*frames).Await(frames.waiter(0));
  (*frames).Await(frames.waiter(1));
  (*frames).Forget(frames.waiter(0));
  (*frames).Leave();
  CHECK(frames.begun() == std::vector{1});
  CHECK_FALSE((*frames).has_waiters());
}

TEST_CASE("large frames: while nobody leaves, ever more begin all the same") {
  Frames frames;
  for (size_t i = 0; i < 100; ++i) (*frames).Await(frames.waiter(i));
  const MonotonicMs began = SteadyNow();
  frames.Run();
  CHECK(frames.begun().size() == 100);
  CHECK(std::is_sorted(frames.begun().begin(), frames.begun().end()));
  // 1 + 2 + 4 + ... + 64 in seven rounds, none of which comes early.
  CHECK(SteadyNow() - began >= 7 * LargeFrames::kPatienceMs);
  // Room is there again only when as many have left.
  for (int i = 0; i < 100; ++i) (*frames).Leave();
  CHECK_FALSE((*frames).TryEnter());
  (*frames).Leave();
  CHECK((*frames).TryEnter());
}

}  // namespace
}  // namespace millrace::net
