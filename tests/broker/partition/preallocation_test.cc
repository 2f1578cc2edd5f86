// While the file system reserves room for a log it lets nobody write to it: appends wait, and the
// shard does not.
#include <future>
#include <optional>

#include <catch2/catch.hpp>

#include "broker/partition/partition.h"
#include "broker/runtime/run_and_wait.h"
#include "tests/broker/partition/partition_pools.h"
#include "tests/support/fault_file_system.h"

namespace millrace::partition {
namespace {

constexpr TimestampMs kNow{1'700'000'000'000};
// Room is reserved for a log of a MiB: of two such batches.
constexpr size_t kLargeBytes = 600 << 10;

// Holds up each reservation until it is told to go on.
class HeldDisk {
 public:
  HeldDisk() {
    fs.Before(test::Operation::kPreallocate, [this] {
      begun_.set_value();
      go_on_.get_future().wait();
    });
  }
  void AwaitReservation() { begun_.get_future().wait(); }
  void GoOn() { go_on_.set_value(); }

  test::FaultFileSystem fs;

 private:
  std::promise<void> begun_;
  std::promise<void> go_on_;
};

class Hosted {
 public:
  explicit Hosted(storage::FileSystem& fs) {
    REQUIRE(fs.CreateDirectories("/data").ok());
    auto log = storage::Log::Open(fs, "/data/t-0", {}, {}, kNow);
    REQUIRE(log.ok());
    partition_ = std::make_shared<Partition>(
        pools_.environment(), PartitionName{"t", TopicId{}, PartitionIndex(0)}, *std::move(log));
  }
  ~Hosted() { CHECK(RunAndWait(pools_.shard(), partition_->Close(true)).ok()); }

  test::PartitionPools& pools() { return pools_; }
  Partition& partition() { return *partition_; }
  std::optional<AppendOutcome> TryAppend(std::span<std::byte> batch) {
    return pools_.On([&] { return partition_->TryAppend(batch, {.now = kNow}); });
  }

 private:
  test::PartitionPools pools_;
  std::shared_ptr<Partition> partition_;
};

TEST_CASE("partition: appends wait for a reservation of room, and the shard does not") {
  HeldDisk disk;
  Hosted hosted(disk.fs);
  for (int i = 0; i < 2; ++i) {
    std::vector<std::byte> large = test::BatchOfSize(kLargeBytes, kNow);
    const AppendOutcome outcome =
        RunAndWait(hosted.pools().shard(), hosted.partition().Append(large, {.now = kNow}));
    REQUIRE(outcome.error == ErrorCode::kNone);
  }
  disk.AwaitReservation();
  std::vector<std::byte> next = test::BatchOfSize(10, kNow);
  CHECK_FALSE(hosted.TryAppend(next).has_value());
  std::future<AppendOutcome> appended =
      asio::co_spawn(hosted.pools().shard().context(),
                     hosted.partition().Append(next, {.now = kNow}), asio::use_future);
  // The shard handles other things meanwhile, an end of the log that has not moved among them.
  CHECK(hosted.pools().On([&] { return hosted.partition().log().log_end(); }) == Offset(2));
  disk.GoOn();
  const AppendOutcome outcome = appended.get();
  CHECK(outcome.error == ErrorCode::kNone);
  CHECK(outcome.base_offset == Offset(2));
}

}  // namespace
}  // namespace millrace::partition
