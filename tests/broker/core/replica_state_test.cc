#include "broker/core/replica_state.h"

#include <algorithm>
#include <random>
#include <vector>

#include <catch2/catch.hpp>

namespace millrace::core {
namespace {

TEST_CASE("replica state: after recovery everything is visible") {
  ReplicaState state(Offset(7));
  CHECK(state.log_end() == Offset(7));
  CHECK(state.durable_end() == Offset(7));
  CHECK(state.high_watermark() == Offset(7));
  CHECK_FALSE(state.needs_sync());
}

TEST_CASE("replica state: acks=1 records are visible at once, synced or not") {
  ReplicaState state(Offset(0));
  state.OnAppend(Offset(0), Offset(5), false);
  CHECK(state.high_watermark() == Offset(5));
  CHECK(state.durable_end() == Offset(0));
  CHECK_FALSE(state.needs_sync());
}

TEST_CASE("replica state: acks=all records are hidden until they are durable") {
  ReplicaState state(Offset(0));
  state.OnAppend(Offset(0), Offset(5), true);
  CHECK(state.high_watermark() == Offset(0));
  CHECK(state.needs_sync());
  state.OnDurable(Offset(5));
  CHECK(state.high_watermark() == Offset(5));
  CHECK_FALSE(state.needs_sync());
}

TEST_CASE("replica state: acks=1 records behind an unsynced acks=all batch wait with it") {
  ReplicaState state(Offset(0));
  state.OnAppend(Offset(0), Offset(2), false);
  state.OnAppend(Offset(2), Offset(4), true);
  state.OnAppend(Offset(4), Offset(6), false);
  CHECK(state.high_watermark() == Offset(2));
  state.OnDurable(Offset(4));
  CHECK(state.high_watermark() == Offset(6));
}

TEST_CASE("replica state: a sync within a run shows the run up to there") {
  ReplicaState state(Offset(0));
  for (int i = 0; i < 4; ++i) state.OnAppend(Offset(i * 10), Offset(i * 10 + 10), true);
  state.OnDurable(Offset(20));
  CHECK(state.high_watermark() == Offset(20));
  CHECK(state.needs_sync());
  state.OnDurable(Offset(40));
  CHECK(state.high_watermark() == Offset(40));
}

TEST_CASE("replica state: a sync behind acks=1 records does not hide what was shown") {
  ReplicaState state(Offset(0));
  state.OnAppend(Offset(0), Offset(10), false);
  state.OnAppend(Offset(10), Offset(20), false);
  state.OnAppend(Offset(20), Offset(30), true);
  state.OnDurable(Offset(10));
  CHECK(state.high_watermark() == Offset(20));
}

TEST_CASE("replica state: the second run keeps what is behind it hidden") {
  ReplicaState state(Offset(0));
  state.OnAppend(Offset(0), Offset(1), true);
  state.OnAppend(Offset(1), Offset(2), false);
  state.OnAppend(Offset(2), Offset(3), true);
  state.OnDurable(Offset(1));
  CHECK(state.high_watermark() == Offset(2));
  CHECK(state.needs_sync());
}

TEST_CASE("replica state: with write caching nothing waits for a sync") {
  ReplicaState state(Offset(0));
  state.OnAppend(Offset(0), Offset(3), true);
  state.SetWriteCaching(true);
  CHECK(state.high_watermark() == Offset(3));
  CHECK(state.durable_end() == Offset(3));
  state.OnAppend(Offset(3), Offset(6), true);
  CHECK(state.high_watermark() == Offset(6));
  CHECK_FALSE(state.needs_sync());
  SECTION("and what was shown stays so when it is switched off") {
    state.SetWriteCaching(false);
    CHECK(state.high_watermark() == Offset(6));
    CHECK(state.durable_end() == Offset(0));
    state.OnAppend(Offset(6), Offset(8), true);
    CHECK(state.high_watermark() == Offset(6));
    state.OnDurable(Offset(8));
    CHECK(state.high_watermark() == Offset(8));
  }
}

// The definition in the header, looked up in a list of all batches.
struct Model {
  struct Batch {
    int64_t base;
    int64_t end;
    bool acks_all;
  };

  int64_t HighWatermark() const {
    for (const Batch& batch : batches) {
      if (batch.acks_all && batch.end > durable) return batch.base;
    }
    return end;
  }

  std::vector<Batch> batches;
  int64_t end = 0;
  int64_t durable = 0;
};

TEST_CASE("replica state: it agrees with its definition on random histories") {
  uint64_t seed = std::random_device()();
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  for (int run = 0; run < 200; ++run) {
    ReplicaState state(Offset(0));
    Model model;
    Offset shown(0);
    for (int step = 0; step < 60; ++step) {
      if (random() % 3 != 0 || model.batches.empty()) {
        int64_t end = model.end + 1 + static_cast<int64_t>(random() % 9);
        bool acks_all = random() % 2 == 0;
        state.OnAppend(Offset(model.end), Offset(end), acks_all);
        model.batches.push_back({model.end, end, acks_all});
        model.end = end;
      } else {
        int64_t durable = model.batches[random() % model.batches.size()].end;
        if (durable < model.durable) continue;
        state.OnDurable(Offset(durable));
        model.durable = durable;
      }
      REQUIRE(state.high_watermark() == Offset(model.HighWatermark()));
      REQUIRE(state.high_watermark() >= shown);
      REQUIRE(state.log_end() == Offset(model.end));
      REQUIRE(state.durable_end() == Offset(model.durable));
      bool waits = std::any_of(model.batches.begin(), model.batches.end(), [&](const auto& batch) {
        return batch.acks_all && batch.end > model.durable;
      });
      REQUIRE(state.needs_sync() == waits);
      shown = state.high_watermark();
    }
  }
}

}  // namespace
}  // namespace millrace::core
