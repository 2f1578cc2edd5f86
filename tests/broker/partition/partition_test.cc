// Syncs and deletions that nobody waits for: flush.messages, flush.ms, file.delete.delay.ms.
#include "broker/partition/partition.h"

#include <filesystem>
#include <future>
#include <string>

#include <catch2/catch.hpp>

#include "broker/runtime/run_and_wait.h"
#include "tests/broker/partition/partition_pools.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wait_until.h"

namespace millrace::partition {
namespace {

using test::WaitUntil;

constexpr int64_t kHourMs = 3'600'000;
constexpr TimestampMs kNow{1'700'000'000'000};

// A partition on a shard of its own, with one disk thread, so that disk jobs end in order.
class Hosted {
 public:
  explicit Hosted(const storage::LogOptions& options = {}) {
    auto log = storage::Log::Open(storage::PosixFileSystem(), directory_.path(), options, {}, kNow);
    REQUIRE(log.ok());
    partition_ = std::make_shared<Partition>(
        pools_.environment(), PartitionName{"t", TopicId{}, PartitionIndex(0)}, *std::move(log));
  }
  ~Hosted() { CHECK(RunAndWait(pools_.shard(), partition_->Close(true)).ok()); }

  template <class Work>
  auto On(Work work) {
    return pools_.On(std::move(work));
  }
  void DrainDisk() { pools_.DrainDisk(); }

  void Configure(const storage::LogOptions& log, const PartitionOptions& options) {
    On([&] { partition_->SetOptions(log, options); });
  }
  void Append(size_t bytes = 10) {
    std::vector<std::byte> batch = test::BatchOfSize(bytes, kNow);
    auto appended = RunAndWait(pools_.shard(), partition_->Append(batch, {.now = kNow}));
    REQUIRE(appended.error == ErrorCode::kNone);
  }
  void Maintain() { RunAndWait(pools_.shard(), partition_->Maintain(kNow)); }

  Offset durable_end() {
    return On([this] { return partition_->log().durable_end(); });
  }
  Offset log_start() {
    return On([this] { return partition_->log().log_start_offset(); });
  }
  size_t DeletedFiles() const {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      count += entry.path().extension() == ".deleted" ? 1 : 0;
    }
    return count;
  }

 private:
  test::TemporaryDirectory directory_;
  test::PartitionPools pools_;
  std::shared_ptr<Partition> partition_;
};

TEST_CASE("partition: what no producer waits for is not synced without being told so") {
  Hosted hosted;
  for (int i = 0; i < 5; ++i) hosted.Append();
  hosted.DrainDisk();
  CHECK(hosted.durable_end() == Offset(0));
}

TEST_CASE("partition: a sync starts with every so many records") {
  Hosted hosted;
  hosted.Configure({}, {.flush_messages = 3});
  hosted.Append();
  hosted.Append();
  hosted.DrainDisk();
  CHECK(hosted.durable_end() == Offset(0));
  hosted.Append();
  WaitUntil([&] { return hosted.durable_end() == Offset(3); });
  hosted.Append();
  hosted.DrainDisk();
  CHECK(hosted.durable_end() == Offset(3));
  // The setting is taken for what is there already.
  hosted.Configure({}, {.flush_messages = 1});
  WaitUntil([&] { return hosted.durable_end() == Offset(4); });
}

TEST_CASE("partition: a sync starts some time after a record") {
  Hosted hosted;
  hosted.Configure({}, {.flush_ms = kHourMs});
  hosted.Append();
  hosted.DrainDisk();
  CHECK(hosted.durable_end() == Offset(0));
  hosted.Configure({}, {.flush_ms = 5});
  WaitUntil([&] { return hosted.durable_end() == Offset(1); });
  hosted.Append();
  WaitUntil([&] { return hosted.durable_end() == Offset(2); });
  hosted.Configure({}, {.flush_ms = 0});
  hosted.Append();
  WaitUntil([&] { return hosted.durable_end() == Offset(3); });
}

TEST_CASE("partition: the files of removed segments stay for the delay") {
  const storage::LogOptions keep{.segment_bytes = 2000, .timestamp_before_max_ms = std::nullopt};
  storage::LogOptions drop = keep;
  drop.retention_bytes = 0;
  Hosted hosted(keep);
  for (int i = 0; i < 3; ++i) hosted.Append(1500);
  hosted.Configure(drop, {.file_delete_delay_ms = kHourMs});
  hosted.Maintain();
  hosted.DrainDisk();
  const size_t waiting = hosted.DeletedFiles();
  CHECK(waiting >= 6);
  // The delay counts from the removal, as it is then.
  hosted.Append(1500);
  hosted.Configure(drop, {.file_delete_delay_ms = 0});
  hosted.Maintain();
  CHECK(hosted.log_start() == Offset(3));
  WaitUntil([&] { return hosted.DeletedFiles() == waiting; });
}

}  // namespace
}  // namespace millrace::partition
