#include "broker/core/group/readable_topics.h"

#include <algorithm>
#include <cstddef>

#include "broker/core/group/topic_pattern.h"
#include "proto/invariant.h"

namespace millrace::core::group {

namespace {

constexpr uint64_t kFnvOffset = 0xcbf29ce484222325;
constexpr uint64_t kFnvPrime = 0x100000001b3;

uint64_t Add(uint64_t hash, std::byte byte) {
  return (hash ^ static_cast<uint64_t>(byte)) * kFnvPrime;
}

}  // namespace

ReadableTopics::ReadableTopics(const ConsumerGroup& group, const ClusterImage& image) {
  std::map<const ConsumerMember*, std::vector<TopicId>, SubscribesLess> found;
  std::map<TopicId, int32_t> sizes;
  for (const auto& [id, member] : group.members) {
    auto [entry, is_new] = found.try_emplace(&member);
    if (!is_new) continue;
    entry->second = Find(member, image);
    for (const TopicId& topic : entry->second) {
      sizes[topic] = static_cast<int32_t>(image.FindTopic(topic)->partitions.size());
    }
  }
  std::map<TopicId, uint32_t> place_of;
  for (const auto& [topic, partitions] : sizes) {
    place_of[topic] = static_cast<uint32_t>(topics_.size());
    topics_.push_back({topic, partitions});
  }
  hash_ = HashOfTopics();
  for (auto& [subscription, topics] : found) {
    std::vector<uint32_t>& places = places_[subscription];
    for (const TopicId& topic : topics) places.push_back(place_of[topic]);
    std::sort(places.begin(), places.end());
  }
}

// A pattern matches no internal topics: whoever wants those names them.
std::vector<TopicId> ReadableTopics::Find(const ConsumerMember& member, const ClusterImage& image) {
  std::vector<TopicId> found;
  for (const std::string& name : member.topics) {
    const TopicImage* topic = image.FindTopic(name);
    if (topic != nullptr) found.push_back(topic->id);
  }
  if (!member.regex.empty()) {
    TopicPattern pattern(member.regex);
    for (const auto& [name, topic] : image.topics()) {
      if (!topic->is_internal && pattern.Matches(name)) found.push_back(topic->id);
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

std::span<const uint32_t> ReadableTopics::Of(const ConsumerMember& member) const {
  auto found = places_.find(&member);
  INVARIANT(found != places_.end());
  return found->second;
}

// FNV-1a over the ids and sizes.
uint64_t ReadableTopics::HashOfTopics() const {
  uint64_t hash = kFnvOffset;
  for (const TopicSize& topic : topics_) {
    for (std::byte byte : topic.id.bytes) hash = Add(hash, byte);
    const auto size = static_cast<uint32_t>(topic.partitions);
    for (int shift = 0; shift < 32; shift += 8) {
      hash = Add(hash, static_cast<std::byte>(size >> shift & 0xff));
    }
  }
  return hash;
}

}  // namespace millrace::core::group
