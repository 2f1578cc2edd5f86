// The handlers of every API, one source file for each family. See context.h for what they may use.
#pragma once

#include "broker/api/context.h"
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

namespace millrace::api {

awaitable<void> HandleAlterConfigs(Context& context, wire::AlterConfigsRequest& request,
                                   AnswerSlot slot);
awaitable<void> HandleApiVersions(Context& context, wire::ApiVersionsRequest& request,
                                  AnswerSlot slot);
awaitable<void> HandleCreatePartitions(Context& context, wire::CreatePartitionsRequest& request,
                                       AnswerSlot slot);
awaitable<void> HandleDeleteRecords(Context& context, wire::DeleteRecordsRequest& request,
                                    AnswerSlot slot);
awaitable<void> HandleDescribeLogDirs(Context& context, wire::DescribeLogDirsRequest& request,
                                      AnswerSlot slot);
awaitable<void> HandleDescribeProducers(Context& context, wire::DescribeProducersRequest& request,
                                        AnswerSlot slot);
awaitable<void> HandleDescribeTopicPartitions(Context& context,
                                              wire::DescribeTopicPartitionsRequest& request,
                                              AnswerSlot slot);
awaitable<void> HandleOffsetForLeaderEpoch(Context& context,
                                           wire::OffsetForLeaderEpochRequest& request,
                                           AnswerSlot slot);
awaitable<void> HandleCreateTopics(Context& context, wire::CreateTopicsRequest& request,
                                   AnswerSlot slot);
awaitable<void> HandleDeleteGroups(Context& context, wire::DeleteGroupsRequest& request,
                                   AnswerSlot slot);
awaitable<void> HandleDeleteTopics(Context& context, wire::DeleteTopicsRequest& request,
                                   AnswerSlot slot);
awaitable<void> HandleDescribeCluster(Context& context, wire::DescribeClusterRequest& request,
                                      AnswerSlot slot);
awaitable<void> HandleDescribeConfigs(Context& context, wire::DescribeConfigsRequest& request,
                                      AnswerSlot slot);
awaitable<void> HandleFetch(Context& context, wire::FetchRequest& request, AnswerSlot slot);
awaitable<void> HandleFindCoordinator(Context& context, wire::FindCoordinatorRequest& request,
                                      AnswerSlot slot);
awaitable<void> HandleIncrementalAlterConfigs(Context& context,
                                              wire::IncrementalAlterConfigsRequest& request,
                                              AnswerSlot slot);
awaitable<void> HandleInitProducerId(Context& context, wire::InitProducerIdRequest& request,
                                     AnswerSlot slot);
awaitable<void> HandleListConfigResources(Context& context,
                                          wire::ListConfigResourcesRequest& request,
                                          AnswerSlot slot);
awaitable<void> HandleConsumerGroupDescribe(Context& context,
                                            wire::ConsumerGroupDescribeRequest& request,
                                            AnswerSlot slot);
awaitable<void> HandleConsumerGroupHeartbeat(Context& context,
                                             wire::ConsumerGroupHeartbeatRequest& request,
                                             AnswerSlot slot);
awaitable<void> HandleDescribeGroups(Context& context, wire::DescribeGroupsRequest& request,
                                     AnswerSlot slot);
awaitable<void> HandleHeartbeat(Context& context, wire::HeartbeatRequest& request, AnswerSlot slot);
awaitable<void> HandleJoinGroup(Context& context, wire::JoinGroupRequest& request, AnswerSlot slot);
awaitable<void> HandleLeaveGroup(Context& context, wire::LeaveGroupRequest& request,
                                 AnswerSlot slot);
awaitable<void> HandleListGroups(Context& context, wire::ListGroupsRequest& request,
                                 AnswerSlot slot);
awaitable<void> HandleListOffsets(Context& context, wire::ListOffsetsRequest& request,
                                  AnswerSlot slot);
awaitable<void> HandleMetadata(Context& context, wire::MetadataRequest& request, AnswerSlot slot);
awaitable<void> HandleOffsetCommit(Context& context, wire::OffsetCommitRequest& request,
                                   AnswerSlot slot);
awaitable<void> HandleOffsetDelete(Context& context, wire::OffsetDeleteRequest& request,
                                   AnswerSlot slot);
awaitable<void> HandleOffsetFetch(Context& context, wire::OffsetFetchRequest& request,
                                  AnswerSlot slot);
// Without a coroutine where it need not wait for another shard or thread; then what it returns is
// not valid().
awaitable<void> HandleProduce(Context&& context, wire::ProduceRequest& request, AnswerSlot slot);
awaitable<void> HandleSyncGroup(Context& context, wire::SyncGroupRequest& request, AnswerSlot slot);

}  // namespace millrace::api
