// What the group commands ask brokers, as values.
//
// One thread. Errors: absl::Status with a sentence for the user (kafka_status.h); what is refused
// for single partitions stands at them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "proto/error_code.h"
#include "tools/cluster_connection.h"
#include "tools/group_facts.h"

namespace millrace::tools {

struct ListedGroup {
  std::string group;
  std::string state;
  std::string protocol_type;
  std::string type;
  std::optional<size_t> members;  // none: not a group that DescribeGroups knows
};

struct FoundOffset {
  ErrorCode error = ErrorCode::kNone;
  std::optional<Offset> offset;  // none: an error, or no record is so young
};

using FoundOffsets = std::map<TopicPartition, FoundOffset>;
using PartitionErrors = std::map<TopicPartition, ErrorCode>;

class GroupClient {
 public:
  static absl::StatusOr<GroupClient> Connect(const std::string& bootstrap_server);

  // By name. `states` empty: all.
  absl::StatusOr<std::vector<ListedGroup>> List(const std::vector<std::string>& states);
  // A group that does not exist is an error, kGroupIdNotFound.
  absl::StatusOr<GroupFacts> Describe(const std::string& group);
  // Nothing for a group that does not exist.
  absl::StatusOr<OffsetMap> Committed(const std::string& group);
  // All that a topic has, in their order.
  absl::StatusOr<TopicPartitions> PartitionsOfTopic(const std::string& topic);
  // One for each partition; the timestamp may be one of the special ones of ListOffsets.
  absl::StatusOr<FoundOffsets> Offsets(const TopicPartitions& partitions, int64_t timestamp);
  absl::StatusOr<PartitionErrors> Commit(const std::string& group, const OffsetMap& offsets);
  absl::StatusOr<PartitionErrors> DeleteOffsets(const std::string& group,
                                                const TopicPartitions& partitions);
  absl::Status Delete(const std::string& group);

 private:
  explicit GroupClient(std::unique_ptr<ClusterConnection> cluster) : cluster_(std::move(cluster)) {}
  // False: it is no group whose members the broker gives their partitions.
  static absl::StatusOr<bool> DescribeConsumers(AdminConnection& connection, GroupFacts& facts);
  static absl::Status CountMembers(AdminConnection& connection, std::vector<ListedGroup>& groups);

  std::unique_ptr<ClusterConnection> cluster_;
};

}  // namespace millrace::tools
