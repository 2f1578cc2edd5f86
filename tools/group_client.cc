#include "tools/group_client.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "proto/wire/consumer_group_describe.h"
#include "proto/wire/delete_groups.h"
#include "proto/wire/describe_groups.h"
#include "proto/wire/list_groups.h"
#include "proto/wire/offset_fetch.h"
#include "tools/group_assignment.h"
#include "tools/kafka_status.h"

namespace millrace::tools {

namespace {

// Versions that name topics, for that is what the user does.
constexpr int16_t kConsumerGroupDescribeVersion = 0;
constexpr int16_t kDeleteGroupsVersion = 2;
constexpr int16_t kDescribeGroupsVersion = 6;
constexpr int16_t kListGroupsVersion = 5;
constexpr int16_t kOffsetFetchVersion = 9;

constexpr std::string_view kConsumerProtocol = "consumer";
constexpr std::string_view kDeadState = "Dead";

absl::Status DoesNotFit() {
  return absl::DataLossError("the broker's answer does not fit the request");
}

GroupMember MemberOf(const wire::DescribeGroupsResponse::Member& member, bool is_consumer) {
  GroupMember copy{.member_id = std::string(member.member_id),
                   .instance_id = std::string(member.group_instance_id.value_or("")),
                   .client_id = std::string(member.client_id),
                   .host = std::string(member.client_host)};
  if (is_consumer) copy.assignment = DecodeConsumerAssignment(member.member_assignment);
  return copy;
}

// "consumer" or "Consumer": brokers differ.
bool IsConsumerGroup(const ListedGroup& group) {
  return group.type == "consumer" || group.type == "Consumer";
}

// Of groups whose members the broker gives their partitions.
absl::Status AskConsumerGroups(AdminConnection& connection,
                               const std::vector<std::string_view>& groups,
                               wire::ConsumerGroupDescribeResponse& response) {
  std::vector<std::string_view> names = groups;
  wire::ConsumerGroupDescribeRequest request{.group_ids = wire::Array(names.data(), names.size())};
  return connection.Call(kConsumerGroupDescribeVersion, request, response);
}

GroupMember MemberOf(const wire::ConsumerGroupDescribeResponse::Member& member) {
  GroupMember copy{.member_id = std::string(member.member_id),
                   .instance_id = std::string(member.instance_id.value_or("")),
                   .client_id = std::string(member.client_id),
                   .host = std::string(member.client_host),
                   .assignment = TopicPartitions()};
  for (const auto& topic : member.assignment.topic_partitions) {
    for (PartitionIndex index : topic.partitions) {
      copy.assignment->push_back({std::string(topic.topic_name), index});
    }
  }
  std::sort(copy.assignment->begin(), copy.assignment->end());
  return copy;
}

absl::StatusOr<std::vector<ListedGroup>> ListOf(AdminConnection& connection,
                                                const std::vector<std::string>& states) {
  std::vector<std::string_view> filter(states.begin(), states.end());
  wire::ListGroupsRequest request{.states_filter = wire::Array(filter.data(), filter.size())};
  wire::ListGroupsResponse response;
  absl::Status status = connection.Call(kListGroupsVersion, request, response);
  if (!status.ok()) return status;
  if (response.error_code != ErrorCode::kNone) return KafkaError(response.error_code);
  std::vector<ListedGroup> groups;
  for (const auto& group : response.groups) {
    groups.push_back({.group = std::string(group.group_id),
                      .state = std::string(group.group_state),
                      .protocol_type = std::string(group.protocol_type),
                      .type = std::string(group.group_type)});
  }
  return groups;
}

}  // namespace

absl::StatusOr<GroupClient> GroupClient::Connect(const std::string& bootstrap_server) {
  auto cluster = ClusterConnection::Connect(bootstrap_server);
  if (!cluster.ok()) return cluster.status();
  return GroupClient(std::move(*cluster));
}

absl::StatusOr<std::vector<ListedGroup>> GroupClient::List(const std::vector<std::string>& states) {
  std::vector<ListedGroup> all;
  for (const auto& [broker, address] : cluster_->brokers()) {
    auto connection = cluster_->ToBroker(broker);
    if (!connection.ok()) return connection.status();
    auto groups = ListOf(**connection, states);
    if (!groups.ok()) return groups.status();
    absl::Status counted = CountMembers(**connection, *groups);
    if (!counted.ok()) return counted;
    std::move(groups->begin(), groups->end(), std::back_inserter(all));
  }
  std::sort(all.begin(), all.end(),
            [](const ListedGroup& a, const ListedGroup& b) { return a.group < b.group; });
  return all;
}

absl::Status GroupClient::CountMembers(AdminConnection& connection,
                                       std::vector<ListedGroup>& groups) {
  if (groups.empty()) return absl::OkStatus();
  std::vector<std::string_view> names;
  for (const ListedGroup& group : groups) names.push_back(group.group);
  wire::DescribeGroupsRequest request{.groups = wire::Array(names.data(), names.size())};
  wire::DescribeGroupsResponse response;
  absl::Status status = connection.Call(kDescribeGroupsVersion, request, response);
  if (!status.ok()) return status;
  std::map<std::string, size_t, std::less<>> counts;
  auto count = [&counts](const auto& groups_described) {
    for (const auto& group : groups_described) {
      if (group.error_code != ErrorCode::kNone) continue;
      counts[std::string(group.group_id)] = group.members.size();
    }
  };
  count(response.groups);
  std::vector<std::string_view> consumers;
  for (const ListedGroup& group : groups) {
    if (IsConsumerGroup(group)) consumers.push_back(group.group);
  }
  if (!consumers.empty()) {
    wire::ConsumerGroupDescribeResponse described;
    status = AskConsumerGroups(connection, consumers, described);
    if (!status.ok()) return status;
    count(described.groups);
  }
  for (ListedGroup& group : groups) {
    auto found = counts.find(group.group);
    if (found != counts.end()) group.members = found->second;
  }
  return absl::OkStatus();
}

// Older brokers know no consumer groups and list none.
absl::StatusOr<bool> GroupClient::DescribeConsumers(AdminConnection& connection,
                                                    GroupFacts& facts) {
  auto listed = ListOf(connection, {});
  if (!listed.ok()) return listed.status();
  const bool is_one = std::any_of(listed->begin(), listed->end(), [&](const ListedGroup& one) {
    return one.group == facts.group && IsConsumerGroup(one);
  });
  if (!is_one) return false;
  wire::ConsumerGroupDescribeResponse response;
  absl::Status status = AskConsumerGroups(connection, {facts.group}, response);
  if (!status.ok()) return status;
  if (response.groups.size() != 1) return DoesNotFit();
  const auto& described = response.groups[0];
  if (described.error_code != ErrorCode::kNone) {
    return KafkaError(described.error_code, described.error_message.value_or(""));
  }
  facts.state = described.group_state;
  facts.protocol_type = kConsumerProtocol;
  facts.protocol = described.assignor_name;
  for (const auto& member : described.members) facts.members.push_back(MemberOf(member));
  return true;
}

absl::StatusOr<GroupFacts> GroupClient::Describe(const std::string& group) {
  auto coordinator = cluster_->ToCoordinator(group);
  if (!coordinator.ok()) return coordinator.status();
  std::string_view name = group;
  wire::DescribeGroupsRequest request{.groups = wire::Array(&name, 1)};
  wire::DescribeGroupsResponse response;
  absl::Status status = coordinator->connection->Call(kDescribeGroupsVersion, request, response);
  if (!status.ok()) return status;
  if (response.groups.size() != 1) return DoesNotFit();
  const auto& described = response.groups[0];
  GroupFacts facts{.group = group,
                   .state = std::string(described.group_state),
                   .protocol_type = std::string(described.protocol_type),
                   .protocol = std::string(described.protocol_data),
                   .coordinator = {.id = coordinator->broker,
                                   .host = coordinator->address.host,
                                   .port = coordinator->address.port}};
  const bool is_unknown =
      described.error_code == ErrorCode::kGroupIdNotFound || described.group_state == kDeadState;
  if (is_unknown) {
    const std::string message(described.error_message.value_or(""));
    auto found = DescribeConsumers(*coordinator->connection, facts);
    if (!found.ok()) return found.status();
    if (!*found) return KafkaError(ErrorCode::kGroupIdNotFound, message);
    return facts;
  }
  if (described.error_code != ErrorCode::kNone) {
    return KafkaError(described.error_code, described.error_message.value_or(""));
  }
  bool is_consumer = described.protocol_type == kConsumerProtocol;
  for (const auto& member : described.members) {
    facts.members.push_back(MemberOf(member, is_consumer));
  }
  std::sort(facts.members.begin(), facts.members.end(),
            [](const GroupMember& a, const GroupMember& b) { return a.member_id < b.member_id; });
  return facts;
}

absl::StatusOr<OffsetMap> GroupClient::Committed(const std::string& group) {
  auto coordinator = cluster_->ToCoordinator(group);
  if (!coordinator.ok()) return coordinator.status();
  wire::OffsetFetchRequest::Group asked{.group_id = group};
  wire::OffsetFetchRequest request{.groups = wire::Array(&asked, 1)};
  wire::OffsetFetchResponse response;
  absl::Status status = coordinator->connection->Call(kOffsetFetchVersion, request, response);
  if (!status.ok()) return status;
  if (response.groups.size() != 1) return DoesNotFit();
  const auto& answered = response.groups[0];
  OffsetMap offsets;
  if (answered.error_code == ErrorCode::kGroupIdNotFound) return offsets;
  if (answered.error_code != ErrorCode::kNone) return KafkaError(answered.error_code);
  for (const auto& topic : answered.topics) {
    for (const auto& partition : topic.partitions) {
      if (partition.error_code != ErrorCode::kNone || !partition.committed_offset.has_value()) {
        continue;
      }
      offsets[{std::string(topic.name), partition.partition_index}] = *partition.committed_offset;
    }
  }
  return offsets;
}

absl::Status GroupClient::Delete(const std::string& group) {
  auto coordinator = cluster_->ToCoordinator(group);
  if (!coordinator.ok()) return coordinator.status();
  std::string_view name = group;
  wire::DeleteGroupsRequest request{.groups_names = wire::Array(&name, 1)};
  wire::DeleteGroupsResponse response;
  absl::Status status = coordinator->connection->Call(kDeleteGroupsVersion, request, response);
  if (!status.ok()) return status;
  if (response.results.size() != 1) return DoesNotFit();
  ErrorCode error = response.results[0].error_code;
  return error == ErrorCode::kNone ? absl::OkStatus() : KafkaError(error);
}

}  // namespace millrace::tools
