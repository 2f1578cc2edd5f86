#include "broker/core/cluster_image.h"

#include <utility>

namespace millrace::core {

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
