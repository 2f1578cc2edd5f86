// What the subscriptions of a consumer group come to in the cluster as it is: topics and their
// sizes.
//
// Pure. Lives while its group is looked at; the group and the image outlive it.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <vector>

#include "broker/core/cluster_image.h"
#include "broker/core/group/assignor.h"
#include "broker/core/group/consumer_group.h"

namespace millrace::core::group {

class ReadableTopics {
 public:
  ReadableTopics(const ConsumerGroup& group, const ClusterImage& image);
  ReadableTopics(const ReadableTopics&) = delete;
  ReadableTopics& operator=(const ReadableTopics&) = delete;

  // All that some member reads.
  std::span<const TopicSize> topics() const { return topics_; }
  // The places in topics() of those that the member reads. Precondition: it is one of the group's.
  std::span<const uint32_t> Of(const ConsumerMember& member) const;
  // Changes with the topics and their sizes. It is stored: it must never be computed otherwise.
  uint64_t hash() const { return hash_; }

 private:
  // Members that have subscribed to the same share one entry.
  struct SubscribesLess {
    bool operator()(const ConsumerMember* a, const ConsumerMember* b) const {
      return std::tie(a->topics, a->regex) < std::tie(b->topics, b->regex);
    }
  };

  static std::vector<TopicId> Find(const ConsumerMember& member, const ClusterImage& image);

  uint64_t HashOfTopics() const;

  std::vector<TopicSize> topics_;  // by id, ascending
  uint64_t hash_ = 0;
  std::map<const ConsumerMember*, std::vector<uint32_t>, SubscribesLess> places_;
};

}  // namespace millrace::core::group
