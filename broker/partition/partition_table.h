// The partitions hosted by this broker, by shard: each shard sees only its own.
//
// Threading: ShardOf and ForEachShard may be called on any shard; a ShardTable only on its shard.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "broker/partition/partition.h"
#include "broker/runtime/shard.h"

namespace millrace::partition {

struct PartitionKey {
  TopicId topic;
  PartitionIndex index;

  friend bool operator==(const PartitionKey&, const PartitionKey&) = default;
  template <class H>
  friend H AbslHashValue(H h, const PartitionKey& key) {
    return H::combine(std::move(h), key.topic, key.index);
  }
};

class ShardTable {
 public:
  // Null when the partition is not hosted here (any more).
  Partition* Find(const PartitionKey& key) const;
  // One whose log can be read; null otherwise, with the reason in `error`.
  Partition* FindServing(const PartitionKey& key, ErrorCode& error) const;
  void Put(const PartitionKey& key, std::shared_ptr<Partition> partition);
  std::shared_ptr<Partition> Take(const PartitionKey& key);
  std::vector<std::shared_ptr<Partition>> All() const;

 private:
  absl::flat_hash_map<PartitionKey, std::shared_ptr<Partition>> partitions_;
};

class PartitionTable {
 public:
  explicit PartitionTable(ShardSet& shards) : shards_(shards), tables_(shards.size()) {}

  // Where a partition lives; the same in every run with the same number of shards.
  Shard& ShardOf(const PartitionKey& key) const;
  ShardTable& On(const Shard& shard) { return tables_[shard.index()].table; }
  ShardSet& shards() { return shards_; }

 private:
  // Shards write to their tables at the same time: each gets its own cache line.
  struct alignas(64) Aligned {
    ShardTable table;
  };

  ShardSet& shards_;
  std::vector<Aligned> tables_;
};

}  // namespace millrace::partition
