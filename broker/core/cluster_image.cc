#include "broker/core/cluster_image.h"

#include <algorithm>
#include <utility>

#include "proto/invariant.h"

namespace millrace::core {

namespace {

size_t PlaceOf(const PartitionImage& partition, BrokerId broker) {
  const std::vector<BrokerId>& replicas = partition.replicas;
  return static_cast<size_t>(std::find(replicas.begin(), replicas.end(), broker) -
                             replicas.begin());
}

}  // namespace

std::optional<DirectoryId> DirectoryOf(const PartitionImage& partition, BrokerId broker) {
  const size_t place = PlaceOf(partition, broker);
  if (place >= partition.directories.size()) return std::nullopt;
  const DirectoryId& directory = partition.directories[place];
  return directory.is_zero() ? std::nullopt : std::optional(directory);
}

void SetDirectory(PartitionImage& partition, BrokerId broker, DirectoryId directory) {
  const size_t place = PlaceOf(partition, broker);
  INVARIANT(place < partition.replicas.size());
  partition.directories.resize(partition.replicas.size());
  partition.directories[place] = directory;
}

const TopicImage* ClusterImage::FindTopic(std::string_view name) const {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second.get();
}

const TopicImage* ClusterImage::FindTopic(const TopicId& id) const {
  auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second.get();
}

void ClusterImage::PutTopic(TopicPtr topic) {
  RemoveTopic(topic->name);
  by_id_[topic->id] = topic;
  by_name_[topic->name] = topic;
  sorted_[topic->name] = std::move(topic);
}

void ClusterImage::RemoveTopic(std::string_view name) {
  auto found = sorted_.find(name);
  if (found == sorted_.end()) return;
  by_id_.erase(found->second->id);
  by_name_.erase(by_name_.find(name));
  sorted_.erase(found);
}

}  // namespace millrace::core
