// A partition that is closed while its disk fails.
#include <future>
#include <memory>

#include <catch2/catch.hpp>

#include "broker/partition/partition.h"
#include "broker/runtime/run_and_wait.h"
#include "tests/broker/partition/partition_pools.h"
#include "tests/support/fault_file_system.h"

namespace millrace::partition {
namespace {

using test::Operation;

constexpr TimestampMs kNow{1'700'000'000'000};

TEST_CASE("partition: it is not closed in order when the sync under way fails") {
  test::FaultFileSystem fs;
  test::PartitionPools pools;
  REQUIRE(fs.CreateDirectories("/data").ok());
  auto log = storage::Log::Open(fs, "/data/t-0", {}, {}, kNow);
  REQUIRE(log.ok());
  auto partition = std::make_shared<Partition>(
      pools.environment(), PartitionName{"t", TopicId{}, PartitionIndex(0)}, *std::move(log));
  std::vector<std::byte> first = test::BatchOfSize(10, kNow);
  REQUIRE(RunAndWait(pools.shard(), partition->Append(first, {.now = kNow})).error ==
          ErrorCode::kNone);
  std::promise<void> begun;
  std::promise<void> go_on;
  bool is_held = false;
  fs.Before(Operation::kSync, [&] {
    if (std::exchange(is_held, true)) return;
    begun.set_value();
    go_on.get_future().wait();
  });
  fs.Inject({.operation = Operation::kSync,
             .status = absl::InternalError("EIO"),
             .path_contains = ".log"});
  std::vector<std::byte> batch = test::BatchOfSize(10, kNow);
  pools.On([&] { REQUIRE(partition->TryAppend(batch, {.acks_all = true, .now = kNow})); });
  begun.get_future().wait();
  std::future<absl::Status> closed =
      asio::co_spawn(pools.shard().context(), partition->Close(true), asio::use_future);
  pools.On([] {});
  go_on.set_value();
  CHECK(absl::IsInternal(closed.get()));
}

}  // namespace
}  // namespace millrace::partition
