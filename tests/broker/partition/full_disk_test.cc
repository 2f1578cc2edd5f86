// A disk without room: nothing is lost, nothing goes offline, and writing goes on when there is.
#include <atomic>
#include <future>
#include <string>

#include <catch2/catch.hpp>

#include "broker/partition/partition.h"
#include "broker/runtime/run_and_wait.h"
#include "tests/broker/partition/partition_pools.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/wait_until.h"

namespace millrace::partition {
namespace {

using test::WaitUntil;

using test::Operation;

constexpr TimestampMs kNow{1'700'000'000'000};
constexpr const char* kDirectory = "/data/t-0";

class Hosted {
 public:
  explicit Hosted(bool uses_reserve = false, const storage::LogOptions& options = {}) {
    REQUIRE(fs.CreateDirectories("/data").ok());
    auto log = storage::Log::Open(fs, kDirectory, options, {}, kNow);
    REQUIRE(log.ok());
    Environment environment = pools_.environment([this] { ++disk_failures; });
    environment.disk = &gate;
    environment.uses_reserve = uses_reserve;
    partition_ = std::make_shared<Partition>(
        environment, PartitionName{"t", TopicId{}, PartitionIndex(0)}, *std::move(log));
    gate.Set({.is_full = false, .reserve_bytes = 10, .headroom_bytes = 1 << 30});
  }
  ~Hosted() {
    fs.ClearFaults();
    CHECK(RunAndWait(pools_.shard(), partition_->Close(true)).ok());
  }

  AppendOutcome Append(bool acks_all = false, size_t bytes = 10) {
    std::vector<std::byte> batch = test::BatchOfSize(bytes, kNow);
    return RunAndWait(pools_.shard(),
                      partition_->Append(batch, {.acks_all = acks_all, .now = kNow}));
  }
  Offset high_watermark() {
    return pools_.On([this] { return partition_->high_watermark(); });
  }
  void FailWrites(Operation operation, std::string path, int64_t times) {
    fs.Inject({.operation = operation,
               .status = absl::ResourceExhaustedError("full"),
               .path_contains = std::move(path),
               .times = times});
  }

  test::FaultFileSystem fs;
  std::atomic<int> disk_failures = 0;
  std::atomic<int> wakes = 0;
  DiskGate gate{[this](DiskGate::Urgency) { ++wakes; }};

 private:
  test::PartitionPools pools_;
  std::shared_ptr<Partition> partition_;
};

TEST_CASE("full disk: records are refused with the reason, and taken when there is room") {
  Hosted hosted;
  hosted.gate.Set({.is_full = true, .reserve_bytes = 4096, .headroom_bytes = 0});
  AppendOutcome refused = hosted.Append();
  CHECK(refused.error == ErrorCode::kKafkaStorageError);
  CHECK(refused.message.find("log.dir.reserved.bytes (4096)") != std::string::npos);
  CHECK(hosted.gate.refused() == 1);
  hosted.gate.Set({.is_full = false, .reserve_bytes = 4096, .headroom_bytes = 4096});
  CHECK(hosted.Append().base_offset == Offset(0));
  CHECK(hosted.wakes == 1);
}

TEST_CASE("full disk: after much was written a measurement is asked for at once, and once") {
  int in_time = 0;
  int at_once = 0;
  DiskGate gate([&](DiskGate::Urgency urgency) {
    ++(urgency == DiskGate::Urgency::kNow ? at_once : in_time);
  });
  gate.Set({.unmeasured_bytes_max = 100});
  gate.OnAppended(99);
  CHECK(at_once == 0);
  gate.OnAppended(1);
  gate.OnAppended(100);
  CHECK(at_once == 1);
  CHECK(in_time == 1);
  gate.Rest();
  gate.OnAppended(99);
  CHECK(at_once == 1);
  CHECK(in_time == 2);
}

TEST_CASE("full disk: internal topics use the reserve") {
  Hosted hosted(true);
  hosted.gate.Set({.is_full = true, .reserve_bytes = 4096, .headroom_bytes = 0});
  CHECK(hosted.Append().error == ErrorCode::kNone);
}

TEST_CASE("full disk: an append that finds no room shuts the gate and loses nothing") {
  Hosted hosted;
  CHECK(hosted.Append().error == ErrorCode::kNone);
  hosted.FailWrites(Operation::kWrite, ".log", 1);
  CHECK(hosted.Append().error == ErrorCode::kKafkaStorageError);
  CHECK(hosted.gate.is_full());
  CHECK(hosted.disk_failures == 0);
  hosted.gate.Set({.is_full = false, .reserve_bytes = 10, .headroom_bytes = 100});
  AppendOutcome after = hosted.Append();
  CHECK(after.error == ErrorCode::kNone);
  CHECK(after.base_offset == Offset(1));
}

TEST_CASE("full disk: a roll that finds no room is tried again") {
  Hosted hosted(false, {.segment_bytes = 1000});
  CHECK(hosted.Append(false, 700).error == ErrorCode::kNone);
  hosted.FailWrites(Operation::kOpen, ".index", 1);
  CHECK(hosted.Append(false, 700).error == ErrorCode::kKafkaStorageError);
  CHECK(hosted.disk_failures == 0);
  CHECK(hosted.gate.is_full());
  hosted.gate.Set({.is_full = false, .reserve_bytes = 10, .headroom_bytes = 100});
  CHECK(hosted.Append(false, 700).base_offset == Offset(1));
}

TEST_CASE("full disk: a sync whose checkpoint has no room is tried until it has") {
  Hosted hosted;
  hosted.FailWrites(Operation::kWrite, "leader-epoch-checkpoint", 2);
  CHECK(hosted.Append(true).error == ErrorCode::kNone);
  WaitUntil([&] { return hosted.gate.is_full(); });
  WaitUntil([&] { return hosted.high_watermark() == Offset(1); });
  CHECK(hosted.disk_failures == 0);
}

TEST_CASE("full disk: records are durable though their indexes have no room") {
  Hosted hosted(false, {.segment_bytes = 1000, .index_interval_bytes = 1});
  CHECK(hosted.Append(true, 700).error == ErrorCode::kNone);
  hosted.FailWrites(Operation::kWrite, ".snapshot", 1000);
  CHECK(hosted.Append(true, 700).error == ErrorCode::kNone);
  WaitUntil([&] { return hosted.high_watermark() == Offset(2); });
  CHECK(hosted.disk_failures == 0);
}

TEST_CASE("full disk: space is reserved ahead only where there is headroom") {
  Hosted hosted(false, {.preallocate_segments = true});
  hosted.gate.Set({.is_full = false, .reserve_bytes = 10, .headroom_bytes = 100});
  CHECK(hosted.Append(true).error == ErrorCode::kNone);
  WaitUntil([&] { return hosted.high_watermark() == Offset(1); });
  CHECK(hosted.fs.used_bytes() < 1 << 20);
  CHECK(hosted.disk_failures == 0);
}

}  // namespace
}  // namespace millrace::partition
