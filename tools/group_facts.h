// What brokers say of a group, as values of the command line's own.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/types.h"

namespace millrace::tools {

struct TopicPartition {
  std::string topic;
  PartitionIndex partition;

  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;
};

using TopicPartitions = std::vector<TopicPartition>;
using OffsetMap = std::map<TopicPartition, Offset>;

struct GroupMember {
  std::string member_id;
  std::string instance_id;  // empty: the member is not static
  std::string client_id;
  std::string host;
  // None: the group's members are no consumers, or the bytes are not those of a consumer.
  std::optional<TopicPartitions> assignment;
};

struct GroupCoordinator {
  BrokerId id;
  std::string host;
  int32_t port = 0;
};

struct GroupFacts {
  std::string group;
  std::string state;
  std::string protocol_type;
  std::string protocol;  // what the members have agreed on, for consumers the assignor
  GroupCoordinator coordinator;
  std::vector<GroupMember> members;
};

}  // namespace millrace::tools
