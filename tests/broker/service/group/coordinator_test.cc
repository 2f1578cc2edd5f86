// The driver of a coordinator on a disk that fails on demand: what is answered is durable, and what
// could not be written was never decided.
#include "broker/service/group/coordinator.h"

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "broker/runtime/run_and_wait.h"
#include "proto/record/batch_builder.h"
#include "tests/broker/partition/partition_pools.h"
#include "tests/support/fault_file_system.h"
#include "tests/support/wait_until.h"

namespace millrace::service {
namespace {

using core::group::Commit;
using core::group::Fetch;
using test::FaultFileSystem;
using test::Operation;

constexpr const char* kDirectory = "/data/__consumer_offsets-0";

// The directory itself is the host's work, and durable when a log is opened.
FaultFileSystem MakeDisk() {
  FaultFileSystem disk;
  REQUIRE(disk.CreateDirectories(kDirectory).ok());
  disk.SyncAll();
  return disk;
}

class CoordinatorRig {
 public:
  explicit CoordinatorRig(FaultFileSystem& disk, storage::LogOptions log_options = {},
                          CoordinatorOptions options = {})
      : options_(options) {
    auto log = storage::Log::Open(disk, kDirectory, log_options, {}, WallNow());
    REQUIRE(log.ok());
    RunAndWait(pools_.shard(), Open(*std::move(log)));
  }

  ~CoordinatorRig() { RunAndWait(pools_.shard(), Close()); }

  template <class Input>
  typename Input::Answer Call(Input input) {
    return RunAndWait(pools_.shard(), coordinator_->Call(input));
  }

  ErrorCode CommitOffset(int64_t offset) {
    Commit::Partition one{{TopicId{}, PartitionIndex(0)}, Offset(offset), std::nullopt, ""};
    Commit commit{
        .group_id = "g", .who = {}, .retention_ms = std::nullopt, .partitions = {&one, 1}};
    core::group::CommitAnswer answer = Call(commit);
    return answer.error == ErrorCode::kNone ? answer.partitions.at(0) : answer.error;
  }

  // What is asked while the disk does nothing for at least so long, and what needs no disk.
  template <class Input, class Other>
  typename Input::Answer CallOnStalledDisk(Input input, Other meanwhile, int64_t stall_ms) {
    std::promise<void> go;
    pools_.disk().Submit(
        pools_.shard(),
        [going = go.get_future().share()] {
          going.wait();
          return absl::OkStatus();
        },
        [](const absl::Status&) {});
    auto answer = std::async(std::launch::async, [&] { return Call(input); });
    const bool is_early =
        answer.wait_for(std::chrono::milliseconds(stall_ms)) == std::future_status::ready;
    CHECK(Call(meanwhile).error == ErrorCode::kNone);
    go.set_value();
    CHECK_FALSE(is_early);
    return answer.get();
  }

  // Until the log has been read; none: there is no offset.
  std::optional<int64_t> FetchOffset() {
    for (;;) {
      core::group::FetchAnswer answer = Call(Fetch{.group_id = "g", .all = true, .partitions = {}});
      if (answer.error == ErrorCode::kCoordinatorLoadInProgress) continue;
      REQUIRE(answer.error == ErrorCode::kNone);
      if (answer.found.empty()) return std::nullopt;
      return answer.found[0].committed.offset.value();
    }
  }

 private:
  awaitable<void> Open(std::unique_ptr<storage::Log> log) {
    partition::PartitionName name{"__consumer_offsets", TopicId{}, PartitionIndex(0)};
    partition_ = std::make_shared<partition::Partition>(pools_.environment(), std::move(name),
                                                        std::move(log));
    auto image = std::make_shared<const core::ClusterImage>();
    coordinator_ =
        std::make_shared<Coordinator>(Coordinator::Environment{pools_.shard(), pools_.disk(),
                                                               [image] { return image; }, options_},
                                      partition_);
    coordinator_->Start();
    co_return;
  }

  awaitable<void> Close() {
    co_await coordinator_->Stop();
    static_cast<void>(co_await partition_->Close(true));
  }

  CoordinatorOptions options_;
  test::PartitionPools pools_;
  std::shared_ptr<partition::Partition> partition_;
  std::shared_ptr<Coordinator> coordinator_;
};

TEST_CASE("coordinator: a commit that finds the disk full is refused, and was never made") {
  FaultFileSystem disk = MakeDisk();
  CoordinatorRig rig(disk);
  REQUIRE(rig.CommitOffset(1) == ErrorCode::kNone);
  disk.Inject({.operation = Operation::kWrite,
               .status = absl::ResourceExhaustedError("full"),
               .path_contains = ".log",
               .written_prefix = 10});
  CHECK(rig.CommitOffset(2) == ErrorCode::kNotCoordinator);
  CHECK(rig.FetchOffset() == 1);
  CHECK(rig.CommitOffset(3) == ErrorCode::kNone);
  CHECK(rig.FetchOffset() == 3);
}

TEST_CASE("coordinator: a commit whose sync fails is not acknowledged, and nothing is after it") {
  FaultFileSystem disk = MakeDisk();
  CoordinatorRig rig(disk);
  REQUIRE(rig.CommitOffset(1) == ErrorCode::kNone);
  disk.Inject({.operation = Operation::kSync,
               .status = absl::InternalError("EIO"),
               .path_contains = ".log",
               .times = 1000});
  CHECK(rig.CommitOffset(2) == ErrorCode::kNotCoordinator);
  CHECK(rig.CommitOffset(3) == ErrorCode::kNotCoordinator);
  disk.ClearFaults();
}

TEST_CASE("coordinator: what was acknowledged is there after a power loss, and after rolls") {
  FaultFileSystem disk = MakeDisk();
  {
    CoordinatorRig rig(disk, {.segment_bytes = 1000});
    for (int64_t offset = 1; offset <= 100; ++offset) {
      REQUIRE(rig.CommitOffset(offset) == ErrorCode::kNone);
    }
    disk.Crash();
  }
  CoordinatorRig rig(disk, {.segment_bytes = 1000});
  CHECK(rig.FetchOffset() == 100);
  CHECK(rig.CommitOffset(101) == ErrorCode::kNone);
  CHECK(rig.FetchOffset() == 101);
}

TEST_CASE("coordinator: more records than one batch takes are appended in several") {
  FaultFileSystem disk = MakeDisk();
  std::string metadata(4000, 'm');
  std::vector<Commit::Partition> many;
  for (int32_t index = 0; index < 1000; ++index) {
    many.push_back({{TopicId{}, PartitionIndex(index)}, Offset(index), std::nullopt, metadata});
  }
  {
    CoordinatorRig rig(disk);
    Commit commit{.group_id = "g", .who = {}, .retention_ms = std::nullopt, .partitions = many};
    CHECK(rig.Call(commit).partitions == std::vector<ErrorCode>(1000, ErrorCode::kNone));
    disk.Crash();
  }
  CoordinatorRig rig(disk);
  REQUIRE(rig.FetchOffset().has_value());
  Fetch all{.group_id = "g", .all = true, .partitions = {}};
  CHECK(rig.Call(all).found.size() == 1000);
}

TEST_CASE("coordinator: a member that waits for the disk keeps its place, a silent one loses it") {
  constexpr int32_t kSessionMs = 200;
  FaultFileSystem disk = MakeDisk();
  CoordinatorRig rig(disk, {}, {.machine = {.session_timeout_ms_min = 1}, .stall_ms = 50});
  core::group::Join::Protocol protocol{.name = "range", .metadata = ""};
  core::group::JoinAnswer joined = rig.Call(core::group::Join{.group_id = "g",
                                                              .who = {},
                                                              .client_id = "c",
                                                              .client_host = "h",
                                                              .session_timeout_ms = kSessionMs,
                                                              .rebalance_timeout_ms = 60'000,
                                                              .protocol_type = "consumer",
                                                              .protocols = {&protocol, 1},
                                                              .needs_member_id = false,
                                                              .fresh_id = "1"});
  REQUIRE(joined.error == ErrorCode::kNone);
  const core::group::Identity who{joined.member_id, std::nullopt};
  core::group::Sync::Assignment assignment{joined.member_id, "all"};
  REQUIRE(rig.Call(core::group::Sync{.group_id = "g",
                                     .who = who,
                                     .generation = *joined.generation,
                                     .protocol_type = std::nullopt,
                                     .protocol = std::nullopt,
                                     .assignments = {&assignment, 1}})
              .error == ErrorCode::kNone);
  Commit::Partition one{{TopicId{}, PartitionIndex(0)}, Offset(1), std::nullopt, ""};
  Commit commit{.group_id = "g",
                .who = who,
                .generation = joined.generation,
                .retention_ms = std::nullopt,
                .partitions = {&one, 1}};
  core::group::Heartbeat heartbeat{"g", who, *joined.generation};
  CHECK(rig.CallOnStalledDisk(commit, heartbeat, 5 * kSessionMs).error == ErrorCode::kNone);
  CHECK(rig.Call(heartbeat).error == ErrorCode::kNone);
  auto is_removed = [&] {
    return rig.Call(core::group::Describe{.group_id = "g"}).membership.members.empty();
  };
  test::WaitUntil(is_removed);
}

TEST_CASE("coordinator: a log that is no group's log leaves its groups without a coordinator") {
  FaultFileSystem disk = MakeDisk();
  {
    storage::LogOptions options;
    auto log = storage::Log::Open(disk, kDirectory, options, {}, WallNow());
    REQUIRE(log.ok());
    record::BatchBuilder builder({});
    std::string key = "\xff\xff\xff";
    builder.Add({.timestamp = WallNow(), .key = std::as_bytes(std::span(key))});
    auto batch = std::move(builder).Build();
    REQUIRE(batch.ok());
    REQUIRE((*log)->Append(*batch, {LeaderEpoch(0), WallNow()}).ok());
    REQUIRE((*log)->Close().ok());
  }
  CoordinatorRig rig(disk);
  ErrorCode error = ErrorCode::kCoordinatorLoadInProgress;
  while (error == ErrorCode::kCoordinatorLoadInProgress) error = rig.CommitOffset(1);
  CHECK(error == ErrorCode::kNotCoordinator);
}

}  // namespace
}  // namespace millrace::service
