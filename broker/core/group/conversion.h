// A group of consumers from one protocol to the other, with its members and what they hold: values
// only, migration.cc decides when.
//
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/cluster_image.h"
#include "broker/core/group/consumer_group.h"
#include "broker/core/group/live.h"

namespace millrace::core::group {

// What a consumer says when it joins in the classic way.
struct ClassicSubscription {
  std::vector<std::string> topics;  // ascending
  std::optional<std::string> rack_id;
  // What it has not given up to join. Of topics that do not exist nothing.
  PartitionSet owned;
};

// None: the metadata is not that of a consumer.
std::optional<ClassicSubscription> ReadClassicSubscription(std::string_view metadata,
                                                           const ClusterImage& image);

// As the member itself would say it, in the version of its subscription.
std::string ClassicAssignment(const PartitionSet& partitions, const ClassicSide& classic,
                              const ClusterImage& image);

// A classic group as it stands: `now` is what it has come to, `recorded` its last generation (null:
// it has had none), `live` who waits (null: nobody).
struct ClassicGroupView {
  const Membership& now;
  const Membership* recorded;
  const Live* live;
};

// The consumer group of the same members, each of which holds what it may still be reading. Those
// that wait and have never been told of a generation are not in it: they are to join it. None: what
// a member says, or was assigned, is not that of a consumer, or would not fit into its record.
std::optional<ConsumerGroup> ToConsumerGroup(const ClassicGroupView& group,
                                             const ClusterImage& image);

// The classic group of the same members, all of which are to join again. None: they have no
// protocol in common. Precondition: the group is all classic.
std::optional<Membership> ToClassicGroup(const ConsumerGroup& group, const ClusterImage& image);

}  // namespace millrace::core::group
