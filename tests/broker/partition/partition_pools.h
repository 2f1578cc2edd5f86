// One shard and the pools that a partition needs, for tests of a partition or of what drives one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "broker/partition/partition.h"
#include "proto/record/batch_builder.h"

namespace millrace::test {

// Each pool has one thread, so that its jobs end in order. Whatever uses them goes before they do.
class PartitionPools {
 public:
  PartitionPools() { shards_.Start(); }
  PartitionPools(const PartitionPools&) = delete;
  PartitionPools& operator=(const PartitionPools&) = delete;
  // The pools finish what was submitted, while the shard still runs.
  ~PartitionPools() {
    load_.reset();
    codec_.reset();
    disk_.reset();
    shards_.Stop();
  }

  Shard& shard() { return shards_[0]; }
  DiskPool& disk() { return *disk_; }
  LoadPool& load() { return *load_; }
  partition::Environment environment(std::function<void()> on_disk_failure = [] {}) {
    return {shard(), *disk_, *codec_, *load_, std::move(on_disk_failure)};
  }

  // Until every disk job that was submitted before has ended.
  void DrainDisk() {
    std::promise<void> done;
    disk_->Submit(
        shard(), [] { return absl::OkStatus(); },
        [&done](const absl::Status&) { done.set_value(); });
    done.get_future().get();
  }
  // On the shard.
  template <class Work>
  auto On(Work work) {
    std::packaged_task<decltype(work())()> task(std::move(work));
    auto done = task.get_future();
    shard().Post([&task] { task(); });
    return done.get();
  }

 private:
  ShardSet shards_{1};
  MemoryBudget budget_{SIZE_MAX};
  std::unique_ptr<DiskPool> disk_ = std::make_unique<DiskPool>(1);
  std::unique_ptr<CodecPool> codec_ = std::make_unique<CodecPool>(1, budget_);
  std::unique_ptr<LoadPool> load_ = std::make_unique<LoadPool>(1);
};

// One record with a value of so many bytes.
inline std::vector<std::byte> BatchOfSize(size_t value_bytes, TimestampMs timestamp) {
  record::BatchBuilder builder({});
  const std::string value(value_bytes, 'x');
  builder.Add({.timestamp = timestamp, .value = std::as_bytes(std::span(value))});
  auto batch = std::move(builder).Build();
  REQUIRE(batch.ok());
  return *std::move(batch);
}

}  // namespace millrace::test
