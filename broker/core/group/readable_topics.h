// What the subscriptions of a consumer group come to in the cluster as it is: topics and their
// sizes.
//
// Pure. Lives while its group is looked at; the group and the image outlive it.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
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
  uint64_t Hash() const;

 private:
  // Members that have subscribed to the same share one entry.
  using Subscription = std::pair<std::vector<std::string>, std::string>;

  std::vector<TopicId> Find(const Subscription& subscription, const ClusterImage& image) const;

  std::vector<TopicSize> topics_;  // by id, ascending
  std::map<Subscription, std::vector<uint32_t>> places_;
};

}  // namespace millrace::core::group
