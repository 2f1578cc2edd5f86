#include "broker/service/topic_value.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "proto/internal/metadata.pb.h"

namespace millrace::service {

namespace {

template <class Id>
bool ReadId(const std::string& bytes, Id& id) {
  if (bytes.size() != id.bytes.size()) return false;
  std::memcpy(id.bytes.data(), bytes.data(), bytes.size());
  return true;
}

// False: it has more or fewer directories than replicas, or one of them is no id.
bool DecodePartition(const internal::PartitionValue& entry, core::PartitionImage& partition) {
  partition.leader = BrokerId(entry.leader());
  partition.leader_epoch = LeaderEpoch(entry.leader_epoch());
  for (int32_t id : entry.replicas()) partition.replicas.emplace_back(id);
  for (int32_t id : entry.isr()) partition.isr.emplace_back(id);
  if (entry.directories_size() == 0) return true;
  for (const std::string& id : entry.directories()) {
    if (!ReadId(id, partition.directories.emplace_back())) return false;
  }
  return partition.directories.size() == partition.replicas.size();
}

}  // namespace

std::string TopicKey(std::string_view name) { return fmt::format("{}{}", kTopicPrefix, name); }

std::string EncodeTopic(const core::TopicImage& topic) {
  internal::TopicValue value;
  value.set_topic_id(topic.id.bytes.data(), topic.id.bytes.size());
  value.set_internal(topic.is_internal);
  for (const core::PartitionImage& partition : topic.partitions) {
    internal::PartitionValue* entry = value.add_partitions();
    entry->set_leader(partition.leader.value());
    entry->set_leader_epoch(partition.leader_epoch.value());
    for (BrokerId replica : partition.replicas) entry->add_replicas(replica.value());
    for (BrokerId replica : partition.isr) entry->add_isr(replica.value());
    for (const DirectoryId& directory : partition.directories) {
      entry->add_directories(directory.bytes.data(), directory.bytes.size());
    }
  }
  for (const auto& [name, text] : topic.configs) (*value.mutable_configs())[name] = text;
  return value.SerializeAsString();
}

std::shared_ptr<core::TopicImage> DecodeTopic(std::string name, const std::string& bytes) {
  internal::TopicValue value;
  auto topic = std::make_shared<core::TopicImage>();
  bool is_whole = value.ParseFromString(bytes) && ReadId(value.topic_id(), topic->id) &&
                  value.partitions_size() > 0;
  if (!is_whole) return nullptr;
  topic->name = std::move(name);
  topic->is_internal = value.internal();
  for (const internal::PartitionValue& entry : value.partitions()) {
    if (!DecodePartition(entry, topic->partitions.emplace_back())) return nullptr;
  }
  topic->configs = {value.configs().begin(), value.configs().end()};
  return topic;
}

std::optional<StoredTopic> FindStored(const metadata::Listing& listing, const std::string& name) {
  // The first key that starts with a topic's key is the topic's.
  if (listing.entries.empty() || listing.entries[0].key != TopicKey(name)) return std::nullopt;
  const metadata::Entry& entry = listing.entries[0];
  std::shared_ptr<core::TopicImage> topic = DecodeTopic(name, entry.value);
  if (topic == nullptr) return std::nullopt;
  return StoredTopic{std::move(topic), entry.modified};
}

metadata::Transaction ReplaceStored(const StoredTopic& stored) {
  metadata::Transaction transaction;
  transaction.conditions.push_back({TopicKey(stored.topic->name), stored.modified});
  transaction.mutations.push_back({TopicKey(stored.topic->name), EncodeTopic(*stored.topic)});
  return transaction;
}

}  // namespace millrace::service
