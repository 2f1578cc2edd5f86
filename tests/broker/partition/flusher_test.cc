// One sync after the other while somebody waits, without the shard between them.
#include "broker/partition/flusher.h"

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <semaphore>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/broker/partition/partition_pools.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/wait_until.h"

namespace millrace::partition {
namespace {

using test::Operation;
using test::WaitUntil;

constexpr TimestampMs kNow{1'700'000'000'000};

// Each sync of the log's file waits until it is let through.
class HeldSyncs {
 public:
  explicit HeldSyncs(test::FaultFileSystem& fs) {
    fs.Before(Operation::kSync, [this] {
      ++begun;
      allowed_.acquire();
    });
  }
  void Allow(int syncs) { allowed_.release(syncs); }

  std::atomic<int> begun = 0;

 private:
  std::counting_semaphore<> allowed_{0};
};

class Hosted {
 public:
  Hosted() {
    REQUIRE(fs.CreateDirectories("/data").ok());
    auto log = storage::Log::Open(fs, "/data/t-0", {}, {}, kNow);
    REQUIRE(log.ok());
    log_ = *std::move(log);
    storage::DiskJob prepare = log_->Prepare();
    REQUIRE(prepare.run().ok());
    prepare.finish();
    // With the first leader epoch: from here on a sync is all that there is to do.
    AppendNow();
    storage::DiskJob flush = log_->Flush();
    REQUIRE(flush.run().ok());
    flush.finish();
    flusher_.emplace(pools_.shard(), pools_.disk(), *log_, &counts,
                     [this](const absl::Status& status) { statuses_.push_back(status); });
  }
  ~Hosted() {
    pools_.DrainDisk();
    pools_.On([] {});
  }

  test::PartitionPools& pools() { return pools_; }
  void AppendAndWant(LeaderEpoch epoch = LeaderEpoch(0)) {
    pools_.On([this, epoch] {
      AppendNow(epoch);
      flusher_->Want();
    });
  }
  // Without giving the shard to anybody between.
  void AppendAndWantAfter(const std::shared_future<void>& event) {
    pools_.shard().Post([this, event] {
      event.wait();
      AppendNow();
      flusher_->Want();
    });
  }
  void Want() {
    pools_.On([this] { flusher_->Want(); });
  }
  void AwaitIdle() {
    WaitUntil([this] { return pools_.On([this] { return flusher_->idle(); }); });
  }
  Offset durable_end() {
    return pools_.On([this] { return log_->durable_end(); });
  }
  std::vector<absl::Status> statuses() {
    return pools_.On([this] { return statuses_; });
  }

  test::FaultFileSystem fs;
  FlushCounts counts;

 private:
  void AppendNow(LeaderEpoch epoch = LeaderEpoch(0)) {
    std::vector<std::byte> batch = test::BatchOfSize(10, kNow);
    REQUIRE(log_->Append(batch, {.leader_epoch = epoch, .now = kNow}).ok());
  }

  test::PartitionPools pools_;
  std::unique_ptr<storage::Log> log_;
  std::vector<absl::Status> statuses_;
  std::optional<Flusher> flusher_;
};

storage::Log::Tail UpTo(Offset end) {
  return {.file = nullptr, .segment = nullptr, .bytes = 0, .end = end};
}

TEST_CASE("next sync: nothing is accepted after the thread has looked for the last time") {
  NextSync next;
  CHECK_FALSE(next.Offer(UpTo(Offset(1))));
  next.Open(Offset(2));
  CHECK_FALSE(next.TakeOrClose().has_value());
  CHECK_FALSE(next.Offer(UpTo(Offset(3))));
  CHECK_FALSE(next.Close());
}

TEST_CASE("next sync: the newest offer is taken, and none that the sync under way covers") {
  NextSync next;
  next.Open(Offset(2));
  CHECK(next.Offer(UpTo(Offset(2))));
  CHECK(next.Offer(UpTo(Offset(3))));
  CHECK(next.Offer(UpTo(Offset(4))));
  CHECK(next.TakeOrClose()->end == Offset(4));
  CHECK(next.Offer(UpTo(Offset(4))));
  CHECK_FALSE(next.Close());
  next.Open(Offset(4));
  CHECK(next.Offer(UpTo(Offset(5))));
  CHECK(next.Close());
}

TEST_CASE("flusher: what was appended beside a sync is synced next, while the shard is busy") {
  Hosted hosted;
  HeldSyncs syncs(hosted.fs);
  hosted.AppendAndWant();
  WaitUntil([&] { return syncs.begun == 1; });
  hosted.AppendAndWant();
  hosted.AppendAndWant();
  std::promise<void> go_on;
  hosted.pools().shard().Post([busy = go_on.get_future().share()] { busy.wait(); });
  syncs.Allow(1);
  WaitUntil([&] { return syncs.begun == 2; });
  go_on.set_value();
  WaitUntil([&] { return hosted.durable_end() == Offset(2); });
  CHECK(hosted.statuses().size() == 1);
  syncs.Allow(1);
  hosted.AwaitIdle();
  CHECK(hosted.durable_end() == Offset(4));
  CHECK(hosted.statuses() == std::vector<absl::Status>(2));
  CHECK(syncs.begun == 2);
  CHECK(hosted.counts.totals().flushes == 2);
}

TEST_CASE("flusher: what a sync of the file does not make durable is flushed afterwards") {
  Hosted hosted;
  HeldSyncs syncs(hosted.fs);
  hosted.AppendAndWant();
  WaitUntil([&] { return syncs.begun == 1; });
  hosted.AppendAndWant(LeaderEpoch(1));
  // The checkpoint of epochs is synced, too.
  syncs.Allow(10);
  WaitUntil([&] { return hosted.durable_end() == Offset(3); });
  hosted.AwaitIdle();
  CHECK(syncs.begun == 3);
}

TEST_CASE("flusher: what is wanted when a sync has ended, but not been told, is synced") {
  Hosted hosted;
  HeldSyncs syncs(hosted.fs);
  hosted.AppendAndWant();
  WaitUntil([&] { return syncs.begun == 1; });
  std::promise<void> ended;
  hosted.pools().disk().Submit(
      hosted.pools().shard(),
      [&] {
        ended.set_value();
        return absl::OkStatus();
      },
      [](const absl::Status&) {});
  hosted.AppendAndWantAfter(ended.get_future().share());
  syncs.Allow(2);
  hosted.AwaitIdle();
  CHECK(hosted.durable_end() == Offset(3));
}

TEST_CASE("flusher: what the sync under way covers is not synced again") {
  Hosted hosted;
  HeldSyncs syncs(hosted.fs);
  hosted.AppendAndWant();
  WaitUntil([&] { return syncs.begun == 1; });
  hosted.Want();
  syncs.Allow(2);
  hosted.AwaitIdle();
  CHECK(syncs.begun == 1);
  CHECK(hosted.durable_end() == Offset(2));
}

TEST_CASE("flusher: after a sync that failed there is no other") {
  Hosted hosted;
  HeldSyncs syncs(hosted.fs);
  hosted.AppendAndWant();
  WaitUntil([&] { return syncs.begun == 1; });
  hosted.AppendAndWant();
  hosted.fs.Inject(
      {.operation = Operation::kSync, .status = absl::InternalError("EIO"), .skip = 1});
  syncs.Allow(1);
  WaitUntil([&] { return syncs.begun == 2; });
  hosted.AppendAndWant();
  syncs.Allow(1);
  hosted.AwaitIdle();
  CHECK(hosted.durable_end() == Offset(2));
  CHECK(hosted.statuses() ==
        std::vector<absl::Status>{absl::OkStatus(), absl::InternalError("EIO")});
  CHECK(syncs.begun == 2);
}

TEST_CASE("flusher: a log that is written to all the time leaves the threads to others") {
  Hosted hosted;
  HeldSyncs syncs(hosted.fs);
  hosted.AppendAndWant();
  WaitUntil([&] { return syncs.begun == 1; });
  hosted.AppendAndWant();
  std::promise<int> syncs_before;
  hosted.pools().disk().Submit(
      hosted.pools().shard(),
      [&] {
        syncs_before.set_value(syncs.begun);
        return absl::OkStatus();
      },
      [](const absl::Status&) {});
  syncs.Allow(2);
  CHECK(syncs_before.get_future().get() == 1);
  hosted.AwaitIdle();
  CHECK(hosted.durable_end() == Offset(3));
}

}  // namespace
}  // namespace millrace::partition
