#include "broker/partition/partition_table.h"

#include <cstring>
#include <utility>

#include "proto/invariant.h"

namespace millrace::partition {

Partition* ShardTable::Find(const PartitionKey& key) const {
  auto found = partitions_.find(key);
  return found == partitions_.end() ? nullptr : found->second.get();
}

Partition* ShardTable::FindServing(const PartitionKey& key, ErrorCode& error) const {
  Partition* found = Find(key);
  error = found == nullptr ? ErrorCode::kKafkaStorageError : found->failure();
  return error == ErrorCode::kNone ? found : nullptr;
}

void ShardTable::Put(const PartitionKey& key, std::shared_ptr<Partition> partition) {
  bool inserted = partitions_.emplace(key, std::move(partition)).second;
  INVARIANT(inserted);
}

std::shared_ptr<Partition> ShardTable::Take(const PartitionKey& key) {
  auto node = partitions_.extract(key);
  return node.empty() ? nullptr : std::move(node.mapped());
}

std::vector<std::shared_ptr<Partition>> ShardTable::All() const {
  std::vector<std::shared_ptr<Partition>> all;
  all.reserve(partitions_.size());
  for (const auto& [key, partition] : partitions_) all.push_back(partition);
  return all;
}

// Topic ids are random, so their bytes are the hash; the index spreads a topic over the shards.
Shard& PartitionTable::ShardOf(const PartitionKey& key) const {
  uint32_t hash = 0;
  std::memcpy(&hash, key.topic.bytes.data(), sizeof(hash));
  return shards_.For(hash + static_cast<uint32_t>(key.index.value()));
}

}  // namespace millrace::partition
