// Cold reads of one partition, on a disk whose page cache the test decides about.
#include <future>
#include <string>

#include <catch2/catch.hpp>

#include "broker/partition/partition.h"
#include "broker/runtime/run_and_wait.h"
#include "tests/broker/partition/partition_pools.h"
#include "tests/support/fault_file_system.h"

namespace millrace::partition {
namespace {

using test::FaultFileSystem;
using test::Operation;

constexpr char kDirectory[] = "/data/t-0";
constexpr TimestampMs kNow{1'700'000'000'000};
constexpr int64_t kFetchBytes = 600 << 10;
constexpr size_t kBatchBytes = 100 << 10;
constexpr int kBatches = 100;

// Batches of one record in segments of 5 MB, all synced, and nothing in memory but what the last
// segment remembers.
class ColdPartition {
 public:
  ColdPartition() {
    REQUIRE(disk.CreateDirectories(kDirectory).ok());
    auto log = storage::Log::Open(disk, kDirectory, {.segment_bytes = 5'000'000}, {}, kNow);
    REQUIRE(log.ok());
    partition_ = std::make_shared<Partition>(
        pools_.environment(), PartitionName{"t", TopicId{}, PartitionIndex(0)}, *std::move(log));
    for (int i = 0; i < kBatches; ++i) Append();
    RunAndWait(pools_.shard(), FlushAlways());
    // What is dirty stays in memory.
    while (!pools_.On([this] { return IsSynced(); })) pools_.DrainDisk();
    disk.Evict(kDirectory);
  }
  ~ColdPartition() {
    if (partition_ != nullptr) CHECK(Close().ok());
  }

  template <class Work>
  auto On(Work work) {
    return pools_.On(std::move(work));
  }
  FetchOutcome Fetch(Offset from) {
    return On([&] {
      return partition_->Fetch({.from = from,
                                .max_bytes = kFetchBytes,
                                .at_least_one_batch = true,
                                .resident_bytes = kFetchBytes});
    });
  }
  absl::Status Load(const FetchOutcome& outcome) {
    storage::FileSlice slice = outcome.missing.size > 0 ? outcome.missing : outcome.slice;
    using Loaded = Partition::Loaded;
    Loaded what = slice.file == outcome.log ? Loaded::kRecords : Loaded::kIndex;
    return RunAndWait(pools_.shard(), partition_->Load(std::move(slice), what, this));
  }
  // Loads until the fetch finds all it needs.
  FetchOutcome FetchLoaded(Offset from) {
    FetchOutcome outcome = Fetch(from);
    for (int i = 0; i < 5 && (outcome.missing.size > 0 || !outcome.is_resident); ++i) {
      REQUIRE(Load(outcome).ok());
      outcome = Fetch(from);
    }
    REQUIRE(outcome.missing.size == 0);
    REQUIRE(outcome.is_resident);
    return outcome;
  }
  // Until every load that was submitted before has ended, and what it has led to.
  void DrainLoads() {
    for (int i = 0; i < 20; ++i) {
      static_cast<void>(RunAndWait(pools_.shard(), Nothing()));
    }
  }
  absl::Status Close() {
    absl::Status closed = RunAndWait(pools_.shard(), partition_->Close(true));
    partition_.reset();
    return closed;
  }
  LoadCounts counts() { return pools_.load().counts(); }
  int64_t cold_reads() const { return disk.cache().cold_reads(); }

  FaultFileSystem disk;

 private:
  void Append() {
    std::vector<std::byte> batch = test::BatchOfSize(kBatchBytes, kNow);
    auto appended = RunAndWait(pools_.shard(), partition_->Append(batch, {.now = kNow}));
    REQUIRE(appended.error == ErrorCode::kNone);
  }
  bool IsSynced() const { return partition_->log().durable_end() == Offset(kBatches); }
  awaitable<bool> FlushAlways() {
    partition_->SetOptions({.segment_bytes = 5'000'000}, {.flush_ms = 0});
    co_return true;
  }
  // Of the partition, whose loads are done one after the other.
  awaitable<absl::Status> Nothing() {
    co_return co_await pools_.load().Run(partition_.get(), [] { return absl::OkStatus(); });
  }

  test::PartitionPools pools_;
  std::shared_ptr<Partition> partition_;
};

TEST_CASE("partition: a cold fetch is loaded on another thread, and the shard reads nothing cold") {
  ColdPartition cold;
  const int64_t before = cold.cold_reads();
  FetchOutcome outcome = cold.Fetch(Offset(10));
  CHECK(outcome.error == ErrorCode::kNone);
  CHECK(outcome.slice.size == 0);
  CHECK(outcome.missing.size > 0);
  outcome = cold.FetchLoaded(Offset(10));
  CHECK(outcome.slice.size == kFetchBytes);
  CHECK(cold.counts().bytes > 0);
  CHECK(cold.cold_reads() == before);
}

TEST_CASE("partition: a sequential reader of cold records is read ahead of, and released behind") {
  ColdPartition cold;
  const int64_t before = cold.cold_reads();
  int waited = 0;
  Offset next(0);
  // Two segments' worth.
  while (next < Offset(90)) {
    FetchOutcome outcome = cold.Fetch(next);
    if (outcome.missing.size > 0 || !outcome.is_resident) {
      ++waited;
      REQUIRE(cold.Load(outcome).ok());
      continue;
    }
    next = next + outcome.slice.size / outcome.first_batch_bytes;
    cold.DrainLoads();
  }
  // The first fetches of each segment wait, the others find their records loaded.
  CHECK(waited <= 12);
  CHECK(cold.counts().released > 0);
  CHECK_FALSE(cold.disk.cache().releases().empty());
  CHECK(cold.cold_reads() == before);
}

TEST_CASE("partition: what is in memory is not loaded ahead of its reader") {
  ColdPartition cold;
  FetchOutcome outcome = cold.FetchLoaded(Offset(0));
  CHECK(outcome.log->Load(0, outcome.log->Size().value()).ok());
  cold.DrainLoads();
  const auto loaded = cold.counts().bytes;
  REQUIRE(cold.Fetch(Offset(5)).is_resident);
  REQUIRE(cold.Fetch(Offset(11)).is_resident);
  cold.DrainLoads();
  CHECK(cold.counts().bytes == loaded);
}

TEST_CASE("partition: a load thread comes first also to what the kernel has read ahead") {
  ColdPartition cold;
  // A reader at the beginning, and one in front of it for whom much is loaded.
  cold.FetchLoaded(Offset(0));
  for (int64_t at : {6, 11, 16}) cold.FetchLoaded(Offset(at));
  cold.DrainLoads();
  const auto loaded = cold.counts().bytes;
  REQUIRE(cold.Fetch(Offset(5)).is_resident);
  cold.DrainLoads();
  CHECK(cold.counts().bytes > loaded);
}

TEST_CASE("partition: a load that fails is told and counted, and takes nothing offline") {
  ColdPartition cold;
  FetchOutcome outcome = cold.Fetch(Offset(10));
  cold.disk.Inject({.operation = Operation::kLoad, .status = absl::InternalError("EIO")});
  CHECK(absl::IsInternal(cold.Load(outcome)));
  CHECK(cold.counts().errors == 1);
  CHECK(cold.FetchLoaded(Offset(10)).slice.size > 0);
}

TEST_CASE("partition: a fetch finds the partition closed after its load") {
  ColdPartition cold;
  FetchOutcome outcome = cold.Fetch(Offset(10));
  REQUIRE(outcome.missing.size > 0);
  CHECK(cold.Close().ok());
  // The slice keeps its file open.
  CHECK(outcome.missing.file->Load(outcome.missing.position, outcome.missing.size).ok());
}

TEST_CASE("partition: records near the end are answered without a load") {
  ColdPartition cold;
  FetchOutcome outcome = cold.Fetch(Offset(kBatches));
  CHECK(outcome.slice.size == 0);
  CHECK(outcome.is_resident);
  outcome = cold.Fetch(Offset(kBatches - 1));
  CHECK(outcome.missing.size == 0);
  CHECK(outcome.slice.size > 0);
}

}  // namespace
}  // namespace millrace::partition
