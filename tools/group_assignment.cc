#include "tools/group_assignment.h"

#include <algorithm>

#include "proto/wire/consumer_protocol.h"

namespace millrace::tools {

std::optional<TopicPartitions> DecodeConsumerAssignment(wire::Bytes bytes) {
  TopicPartitions partitions;
  if (bytes.empty()) return partitions;
  wire::Arena arena;
  std::optional<wire::ConsumerProtocolAssignment> assignment = wire::ReadAssignment(bytes, arena);
  if (!assignment.has_value()) return std::nullopt;
  for (const wire::ConsumerProtocolTopic& topic : assignment->assigned_partitions) {
    for (PartitionIndex partition : topic.partitions) {
      partitions.push_back({std::string(topic.topic), partition});
    }
  }
  std::sort(partitions.begin(), partitions.end());
  partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
  return partitions;
}

}  // namespace millrace::tools
