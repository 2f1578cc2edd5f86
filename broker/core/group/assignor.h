// Who is to read which partition: the assignors of consumer groups, by Kafka's names.
//
//   uniform  every member gets as many partitions as the others, or one less, and keeps what it has
//            where that can be
//   range    of each topic every member gets a stretch of neighbouring partitions, the same stretch
//            of topics that have the same number of partitions and the same readers
//
// Pure. Every partition of a topic that somebody reads goes to exactly one of those who read it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "broker/core/group/partition_set.h"

namespace millrace::core::group {

enum class Assignor { kUniform, kRange };

std::string_view AssignorName(Assignor assignor);
std::optional<Assignor> FindAssignor(std::string_view name);

struct TopicSize {
  TopicId id;
  int32_t partitions = 0;
};

struct Subscriber {
  std::string_view member_id;
  std::optional<std::string_view> instance_id;
  std::span<const uint32_t> topics;  // places in `topics` below, ascending
  const PartitionSet* before;        // what it was to have so far
};

// What each is to have, in the order of the subscribers. Precondition: no topic stands twice in
// `topics`.
std::vector<PartitionSet> Assign(Assignor assignor, std::span<const Subscriber> subscribers,
                                 std::span<const TopicSize> topics);

}  // namespace millrace::core::group
