// Sets of partitions, as members of a consumer group have them.
//
// Pure values.
#pragma once

#include <algorithm>
#include <compare>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include "proto/types.h"

namespace millrace::core::group {

struct TopicPartition {
  TopicId topic;
  PartitionIndex index;

  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
  template <class H>
  friend H AbslHashValue(H h, const TopicPartition& partition) {
    return H::combine(std::move(h), partition.topic, partition.index);
  }
};

// Ascending, each once.
using PartitionSet = std::vector<TopicPartition>;

// Whatever order they come in.
inline PartitionSet MakeSet(PartitionSet partitions) {
  std::sort(partitions.begin(), partitions.end());
  partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
  return partitions;
}

inline bool Contains(const PartitionSet& set, const TopicPartition& partition) {
  return std::binary_search(set.begin(), set.end(), partition);
}

inline PartitionSet Union(const PartitionSet& a, const PartitionSet& b) {
  PartitionSet both;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

inline PartitionSet Intersection(const PartitionSet& a, const PartitionSet& b) {
  PartitionSet common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  return common;
}

// What is in `a` and not in `b`.
inline PartitionSet Difference(const PartitionSet& a, const PartitionSet& b) {
  PartitionSet rest;
  std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(rest));
  return rest;
}

inline bool Includes(const PartitionSet& all, const PartitionSet& some) {
  return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

inline bool Overlap(const PartitionSet& a, const PartitionSet& b) {
  return !Intersection(a, b).empty();
}

// Calls visit(topic, its partitions) for each topic of the set.
template <class Visit>
void ForEachTopic(const PartitionSet& set, Visit visit) {
  for (auto first = set.begin(); first != set.end();) {
    const TopicId topic = first->topic;
    auto end = std::find_if(first, set.end(), [&](const auto& one) { return one.topic != topic; });
    visit(topic, std::span<const TopicPartition>(first, end));
    first = end;
  }
}

}  // namespace millrace::core::group
