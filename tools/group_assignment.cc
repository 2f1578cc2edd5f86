#include "tools/group_assignment.h"

#include <algorithm>

#include "proto/wire/reader.h"

namespace millrace::tools {

namespace {

// Later versions of Kafka's ConsumerProtocolAssignment append fields, they do not change these.
struct Assignment {
  struct Topic {
    std::string_view name;
    wire::Array<PartitionIndex> partitions;
  };

  int16_t version = 0;
  wire::Array<Topic> topics;
};

template <class Archive>
void Describe(Archive& ar, Assignment::Topic& topic) {
  ar.Field(topic.name);
  ar.Field(topic.partitions);
}

template <class Archive>
void Describe(Archive& ar, Assignment& assignment) {
  ar.Field(assignment.version);
  ar.Field(assignment.topics);
}

}  // namespace

std::optional<TopicPartitions> DecodeConsumerAssignment(wire::Bytes bytes) {
  TopicPartitions partitions;
  if (bytes.empty()) return partitions;
  wire::Arena arena;
  wire::Reader reader(bytes, 0, false, arena);
  Assignment assignment;
  Describe(reader, assignment);
  if (!reader.ok() || assignment.version < 0) return std::nullopt;
  for (const Assignment::Topic& topic : assignment.topics) {
    for (PartitionIndex partition : topic.partitions) {
      partitions.push_back({std::string(topic.name), partition});
    }
  }
  std::sort(partitions.begin(), partitions.end());
  partitions.erase(std::unique(partitions.begin(), partitions.end()), partitions.end());
  return partitions;
}

}  // namespace millrace::tools
