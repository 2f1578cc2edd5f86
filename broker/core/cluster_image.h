// What the cluster looks like: brokers, topics, partitions and their leaders, at one revision.
//
// Immutable: a change builds a new image and hands each shard a pointer to it (`ImagePtr`), so any
// thread may read one without a lock. Format of what it is built from: docs/formats/metadata.md.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "broker/core/broker_configs.h"
#include "broker/core/properties.h"
#include "proto/directory_id.h"
#include "proto/types.h"

namespace millrace::core {

struct BrokerImage {
  BrokerId id;
  std::string host;
  uint16_t port = 0;
  std::optional<std::string> rack;
};

struct PartitionImage {
  BrokerId leader;
  LeaderEpoch leader_epoch;
  std::vector<BrokerId> replicas;
  std::vector<BrokerId> isr;
  // The log directory of each of the replicas; empty: recorded by a version that knew of none.
  std::vector<DirectoryId> directories = {};
};

// The log directory of the broker's replica; none: not known, or it has no replica.
std::optional<DirectoryId> DirectoryOf(const PartitionImage& partition, BrokerId broker);
// Precondition: the broker has a replica.
void SetDirectory(PartitionImage& partition, BrokerId broker, DirectoryId directory);

struct TopicImage {
  std::string name;
  TopicId id;
  bool is_internal = false;
  int32_t min_insync_replicas = 1;
  std::vector<PartitionImage> partitions;
  PropertyValues configs;  // what was set, by Kafka's names

  bool HasPartition(PartitionIndex index) const {
    return index.value() >= 0 && static_cast<size_t>(index.value()) < partitions.size();
  }
};

// Look-up by std::string_view without making a string.
struct NameHash {
  using is_transparent = void;
  size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
};
struct NameEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return a == b; }
};

class ClusterImage {
 public:
  using TopicPtr = std::shared_ptr<const TopicImage>;

  std::string cluster_id;
  BrokerId controller;
  std::vector<BrokerImage> brokers;
  // The properties of the broker that holds this image.
  std::shared_ptr<const BrokerConfigs> configs;
  // What was set for single groups, by their names; never null.
  using GroupConfigs = std::map<std::string, PropertyValues, std::less<>>;
  std::shared_ptr<const GroupConfigs> groups = std::make_shared<const GroupConfigs>();

  // Null when there is no such topic.
  const TopicImage* FindTopic(std::string_view name) const;
  const TopicImage* FindTopic(const TopicId& id) const;
  // By name, ascending.
  const std::map<std::string, TopicPtr, std::less<>>& topics() const { return sorted_; }

  // For building a new image from a copy of the old.
  void PutTopic(TopicPtr topic);
  void RemoveTopic(std::string_view name);

 private:
  std::map<std::string, TopicPtr, std::less<>> sorted_;
  absl::flat_hash_map<std::string, TopicPtr, NameHash, NameEqual> by_name_;
  absl::flat_hash_map<TopicId, TopicPtr> by_id_;
};

using ImagePtr = std::shared_ptr<const ClusterImage>;

}  // namespace millrace::core
