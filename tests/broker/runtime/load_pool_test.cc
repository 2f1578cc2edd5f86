#include "broker/runtime/load_pool.h"

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

namespace millrace {
namespace {

// A pool whose threads are held until they are let go, and what has run since.
class Held {
 public:
  explicit Held(size_t threads) : pool_(std::make_unique<LoadPool>(threads)) {
    shards_.Start();
    for (size_t i = 0; i < threads; ++i) {
      auto holds = std::make_shared<std::promise<void>>();
      std::future<void> held = holds->get_future();
      pool_->Submit(
          shards_[0], &owners_[i],
          [this, holds] {
            holds->set_value();
            go_.get_future().wait();
            return absl::OkStatus();
          },
          [](const absl::Status&) {});
      held.get();
    }
  }
  void Submit(const void* owner, std::string name) {
    pool_->Submit(
        shards_[0], owner,
        [this, name] {
          order_ += name;
          return name == "!" ? absl::InternalError("EIO") : absl::OkStatus();
        },
        [this](const absl::Status& status) { done_ += status.ok() ? "." : "!"; });
  }
  // Lets go and waits for everything.
  void Finish() {
    go_.set_value();
    pool_.reset();
    shards_.Stop();
  }
  const std::string& order() const { return order_; }
  const std::string& done() const { return done_; }

 private:
  ShardSet shards_{1};
  std::promise<void> go_;
  char owners_[4] = {};
  std::string order_;  // of one pool thread
  std::string done_;   // of the shard
  std::unique_ptr<LoadPool> pool_;
};

TEST_CASE("load pool: owners take turns, and each keeps its order") {
  Held held(1);
  int a = 0, b = 0, c = 0;
  for (std::string name : {"1", "2", "3", "4"}) held.Submit(&a, name);
  held.Submit(&b, "x");
  held.Submit(&b, "y");
  held.Submit(&c, "-");
  held.Finish();
  CHECK(held.order() == "1x-2y34");
  CHECK(held.done() == ".......");
}

TEST_CASE("load pool: what was submitted runs before the pool goes, and failures are told") {
  Held held(1);
  int a = 0, b = 0;
  held.Submit(&a, "!");
  held.Submit(&b, "b");
  held.Finish();
  CHECK(held.order() == "!b");
  CHECK(held.done() == "!.");
}

TEST_CASE("load pool: an owner has one load at a time, however many threads there are") {
  ShardSet shards(1);
  shards.Start();
  auto pool = std::make_unique<LoadPool>(4);
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  int owner = 0;
  for (int i = 0; i < 200; ++i) {
    pool->Submit(
        shards[0], &owner,
        [&] {
          int now = running.fetch_add(1) + 1;
          if (now > most) most = now;
          running.fetch_sub(1);
          return absl::OkStatus();
        },
        [](const absl::Status&) {});
  }
  pool.reset();
  shards.Stop();
  CHECK(most == 1);
}

TEST_CASE("load pool: counts are sums") {
  LoadPool pool(1);
  pool.Count({.fetches = 1, .wait_ns = 5});
  pool.Count({.fetches = 2, .bytes = 7, .released = 3, .errors = 1});
  CHECK(pool.counts().fetches == 3);
  CHECK(pool.counts().wait_ns == 5);
  CHECK(pool.counts().bytes == 7);
  CHECK(pool.counts().released == 3);
  CHECK(pool.counts().errors == 1);
}

}  // namespace
}  // namespace millrace
