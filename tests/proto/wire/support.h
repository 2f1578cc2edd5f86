// What the wire tests share: every message, invented values for any of them, bytes as hex.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proto/wire/alter_configs.h"
#include "proto/wire/api_versions.h"
#include "proto/wire/consumer_group_describe.h"
#include "proto/wire/consumer_group_heartbeat.h"
#include "proto/wire/create_partitions.h"
#include "proto/wire/create_topics.h"
#include "proto/wire/delete_groups.h"
#include "proto/wire/delete_records.h"
#include "proto/wire/delete_topics.h"
#include "proto/wire/describe_cluster.h"
#include "proto/wire/describe_configs.h"
#include "proto/wire/describe_groups.h"
#include "proto/wire/describe_log_dirs.h"
#include "proto/wire/describe_producers.h"
#include "proto/wire/describe_topic_partitions.h"
#include "proto/wire/fetch.h"
#include "proto/wire/find_coordinator.h"
#include "proto/wire/frame.h"
#include "proto/wire/heartbeat.h"
#include "proto/wire/incremental_alter_configs.h"
#include "proto/wire/init_producer_id.h"
#include "proto/wire/join_group.h"
#include "proto/wire/leave_group.h"
#include "proto/wire/list_config_resources.h"
#include "proto/wire/list_groups.h"
#include "proto/wire/list_offsets.h"
#include "proto/wire/metadata.h"
#include "proto/wire/offset_commit.h"
#include "proto/wire/offset_delete.h"
#include "proto/wire/offset_fetch.h"
#include "proto/wire/offset_for_leader_epoch.h"
#include "proto/wire/produce.h"
#include "proto/wire/sync_group.h"
#include "randomizer.h"

namespace millrace::wire {

template <class Request, class Response, class Visit>
void VisitBoth(Visit& visit) {
  static_assert(Request::kInfo.key == Response::kInfo.key);
  visit.template operator()<Request>("request");
  visit.template operator()<Response>("response");
}

// Calls visit.operator()<Message>(kind) for every request and response.
template <class Visit>
void ForEachMessage(Visit visit) {
  VisitBoth<ApiVersionsRequest, ApiVersionsResponse>(visit);
  VisitBoth<MetadataRequest, MetadataResponse>(visit);
  VisitBoth<ProduceRequest, ProduceResponse>(visit);
  VisitBoth<FetchRequest, FetchResponse>(visit);
  VisitBoth<ListOffsetsRequest, ListOffsetsResponse>(visit);
  VisitBoth<CreateTopicsRequest, CreateTopicsResponse>(visit);
  VisitBoth<DeleteTopicsRequest, DeleteTopicsResponse>(visit);
  VisitBoth<InitProducerIdRequest, InitProducerIdResponse>(visit);
  VisitBoth<FindCoordinatorRequest, FindCoordinatorResponse>(visit);
  VisitBoth<DescribeClusterRequest, DescribeClusterResponse>(visit);
  VisitBoth<JoinGroupRequest, JoinGroupResponse>(visit);
  VisitBoth<SyncGroupRequest, SyncGroupResponse>(visit);
  VisitBoth<HeartbeatRequest, HeartbeatResponse>(visit);
  VisitBoth<LeaveGroupRequest, LeaveGroupResponse>(visit);
  VisitBoth<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse>(visit);
  VisitBoth<ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse>(visit);
  VisitBoth<OffsetCommitRequest, OffsetCommitResponse>(visit);
  VisitBoth<OffsetFetchRequest, OffsetFetchResponse>(visit);
  VisitBoth<DescribeGroupsRequest, DescribeGroupsResponse>(visit);
  VisitBoth<ListGroupsRequest, ListGroupsResponse>(visit);
  VisitBoth<DeleteGroupsRequest, DeleteGroupsResponse>(visit);
  VisitBoth<OffsetDeleteRequest, OffsetDeleteResponse>(visit);
  VisitBoth<DescribeConfigsRequest, DescribeConfigsResponse>(visit);
  VisitBoth<AlterConfigsRequest, AlterConfigsResponse>(visit);
  VisitBoth<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(visit);
  VisitBoth<ListConfigResourcesRequest, ListConfigResourcesResponse>(visit);
  VisitBoth<CreatePartitionsRequest, CreatePartitionsResponse>(visit);
  VisitBoth<DeleteRecordsRequest, DeleteRecordsResponse>(visit);
  VisitBoth<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>(visit);
  VisitBoth<DescribeLogDirsRequest, DescribeLogDirsResponse>(visit);
  VisitBoth<DescribeProducersRequest, DescribeProducersResponse>(visit);
  VisitBoth<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse>(visit);
}

inline std::string ToHex(Bytes bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (std::byte byte : bytes) {
    hex += kDigits[std::to_integer<size_t>(byte >> 4)];
    hex += kDigits[std::to_integer<size_t>(byte & std::byte{15})];
  }
  return hex;
}

// Spaces between the digits are ignored.
inline std::vector<std::byte> FromHex(std::string_view hex) {
  std::vector<std::byte> bytes;
  unsigned high = 0;
  bool has_high = false;
  for (char digit : hex) {
    if (digit == ' ') continue;
    auto value = static_cast<unsigned>(digit <= '9' ? digit - '0' : digit - 'a' + 10);
    if (has_high) bytes.push_back(static_cast<std::byte>(high * 16 + value));
    high = value;
    has_high = !has_high;
  }
  return bytes;
}

}  // namespace millrace::wire
