// The part of GroupClient that is about offsets in partitions.
#include <set>
#include <string_view>
#include <utility>

#include "proto/wire/list_offsets.h"
#include "proto/wire/offset_commit.h"
#include "proto/wire/offset_delete.h"
#include "tools/group_client.h"
#include "tools/kafka_status.h"

namespace millrace::tools {

namespace {

constexpr int16_t kListOffsetsVersion = 7;
constexpr int16_t kOffsetCommitVersion = 9;
constexpr int16_t kOffsetDeleteVersion = 0;

// A request's array of topics with their partitions. The names must outlive it.
template <class WireTopic, class WirePartition>
class RequestTopics {
 public:
  void Add(const TopicPartition& at, const WirePartition& partition) {
    partitions_[at.topic].push_back(partition);
  }
  // Valid until the next Add.
  wire::Array<WireTopic> array() {
    topics_.clear();
    for (auto& [name, partitions] : partitions_) {
      WireTopic topic{.name = name};
      topic.partitions = wire::Array(partitions.data(), partitions.size());
      topics_.push_back(topic);
    }
    return {topics_.data(), topics_.size()};
  }

 private:
  std::map<std::string_view, std::vector<WirePartition>> partitions_;
  std::vector<WireTopic> topics_;
};

template <class Response>
PartitionErrors ErrorsOf(const Response& response) {
  PartitionErrors errors;
  for (const auto& topic : response.topics) {
    for (const auto& partition : topic.partitions) {
      errors[{std::string(topic.name), partition.partition_index}] = partition.error_code;
    }
  }
  return errors;
}

absl::Status AskLeader(AdminConnection& leader, const TopicPartitions& partitions,
                       int64_t timestamp, FoundOffsets& found) {
  using Request = wire::ListOffsetsRequest;
  RequestTopics<Request::Topic, Request::Partition> topics;
  for (const TopicPartition& at : partitions) {
    topics.Add(at, {.partition_index = at.partition, .timestamp = timestamp});
  }
  Request request{.topics = topics.array()};
  wire::ListOffsetsResponse response;
  absl::Status status = leader.Call(kListOffsetsVersion, request, response);
  if (!status.ok()) return status;
  for (const auto& topic : response.topics) {
    for (const auto& partition : topic.partitions) {
      found[{std::string(topic.name), partition.partition_index}] = {partition.error_code,
                                                                     partition.offset};
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TopicPartitions> GroupClient::PartitionsOfTopic(const std::string& topic) {
  auto topics = cluster_->FindLeaders({topic});
  if (!topics.ok()) return topics.status();
  const TopicLeaders& found = (*topics)[topic];
  if (found.error != ErrorCode::kNone) return KafkaError(found.error);
  TopicPartitions partitions;
  for (const auto& [partition, leader] : found.leaders) partitions.push_back({topic, partition});
  return partitions;
}

absl::StatusOr<FoundOffsets> GroupClient::Offsets(const TopicPartitions& partitions,
                                                  int64_t timestamp) {
  std::set<std::string> names;
  for (const TopicPartition& at : partitions) names.insert(at.topic);
  auto topics = cluster_->FindLeaders(names);
  if (!topics.ok()) return topics.status();
  FoundOffsets found;
  std::map<BrokerId, TopicPartitions> by_leader;
  for (const TopicPartition& at : partitions) {
    const TopicLeaders& topic = (*topics)[at.topic];
    auto leader = topic.leaders.find(at.partition);
    if (topic.error != ErrorCode::kNone) {
      found[at] = {.error = topic.error};
    } else if (leader == topic.leaders.end()) {
      found[at] = {.error = ErrorCode::kUnknownTopicOrPartition};
    } else if (!leader->second.has_value()) {
      found[at] = {.error = ErrorCode::kLeaderNotAvailable};
    } else {
      found[at] = {.error = ErrorCode::kUnknownServerError};  // until it is answered
      by_leader[*leader->second].push_back(at);
    }
  }
  for (const auto& [broker, led] : by_leader) {
    auto connection = cluster_->ToBroker(broker);
    if (!connection.ok()) return connection.status();
    absl::Status status = AskLeader(**connection, led, timestamp, found);
    if (!status.ok()) return status;
  }
  return found;
}

absl::StatusOr<PartitionErrors> GroupClient::Commit(const std::string& group,
                                                    const OffsetMap& offsets) {
  using Request = wire::OffsetCommitRequest;
  auto coordinator = cluster_->ToCoordinator(group);
  if (!coordinator.ok()) return coordinator.status();
  RequestTopics<Request::Topic, Request::Partition> topics;
  for (const auto& [at, offset] : offsets) {
    topics.Add(at, {.partition_index = at.partition,
                    .committed_offset = offset,
                    .committed_metadata = std::string_view()});
  }
  Request request{.group_id = group, .topics = topics.array()};
  wire::OffsetCommitResponse response;
  absl::Status status = coordinator->connection->Call(kOffsetCommitVersion, request, response);
  if (!status.ok()) return status;
  return ErrorsOf(response);
}

absl::StatusOr<PartitionErrors> GroupClient::DeleteOffsets(const std::string& group,
                                                           const TopicPartitions& partitions) {
  using Request = wire::OffsetDeleteRequest;
  auto coordinator = cluster_->ToCoordinator(group);
  if (!coordinator.ok()) return coordinator.status();
  RequestTopics<Request::Topic, PartitionIndex> topics;
  for (const TopicPartition& at : partitions) topics.Add(at, at.partition);
  Request request{.group_id = group, .topics = topics.array()};
  wire::OffsetDeleteResponse response;
  absl::Status status = coordinator->connection->Call(kOffsetDeleteVersion, request, response);
  if (!status.ok()) return status;
  if (response.error_code != ErrorCode::kNone) return KafkaError(response.error_code);
  return ErrorsOf(response);
}

}  // namespace millrace::tools
