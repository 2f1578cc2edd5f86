// Which topics a consumer has subscribed to. In a classic group this is read from the metadata it
// joins with ("consumer" protocols only; Kafka's ConsumerProtocolSubscription, of which every
// version begins alike).
//
// Pure. The bytes come from clients and may be anything.
#pragma once

#include <string_view>
#include <vector>

#include <absl/container/flat_hash_set.h>

#include "broker/core/group/group.h"
#include "broker/core/group/topic_pattern.h"

namespace millrace::core::group {

// The protocol type of consumers; other types share out other things than partitions.
inline constexpr std::string_view kConsumerProtocolType = "consumer";

// The topics that the members of a group have subscribed to, read once however many are looked for.
// The membership must outlive it.
class SubscribedTopics {
 public:
  explicit SubscribedTopics(const Membership& membership);
  explicit SubscribedTopics(Membership&&) = delete;
  explicit SubscribedTopics(const ConsumerGroup& group);
  explicit SubscribedTopics(ConsumerGroup&&) = delete;

  // Whether a member has subscribed to the topic, or may have: metadata that does not parse counts
  // as a subscription to everything. Groups of other types subscribe to nothing.
  bool MayContain(std::string_view topic) const;

 private:
  // False: the metadata does not parse.
  bool Read(std::string_view metadata);

  absl::flat_hash_set<std::string_view> names_;
  std::vector<TopicPattern> patterns_;
  bool may_be_any_ = false;
};

}  // namespace millrace::core::group
