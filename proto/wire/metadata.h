// Metadata: the brokers, and who leads the partitions of which topics.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/authorized_operations.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct MetadataRequest {
  static constexpr MessageInfo kInfo{ApiKey::kMetadata, 0, 13, 9};

  struct Topic {
    TopicId topic_id;
    std::optional<std::string_view> name;  // none: asked by id (version 10 and later)
  };

  // None: all topics, in every version (version 0 has no null and says it with an empty array).
  std::optional<Array<Topic>> topics;
  bool allow_auto_topic_creation = true;
  bool include_cluster_authorized_operations = false;
  bool include_topic_authorized_operations = false;
};

template <class Archive>
void Describe(Archive& ar, MetadataRequest::Topic& topic) {
  if (ar.Since(10)) ar.Field(topic.topic_id);
  ar.NullableSince(10, topic.name);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, MetadataRequest& request) {
  ar.NullableSince(1, request.topics);
  if constexpr (Archive::kReads) {
    if (ar.Before(1) && request.topics.has_value() && request.topics->empty()) {
      request.topics.reset();
    }
  }
  if (ar.Since(4)) ar.Field(request.allow_auto_topic_creation);
  if (ar.Since(8) && ar.Before(11)) ar.Field(request.include_cluster_authorized_operations);
  if (ar.Since(8)) ar.Field(request.include_topic_authorized_operations);
  ar.Tags();
}

struct MetadataResponse {
  static constexpr MessageInfo kInfo{ApiKey::kMetadata, 0, 13, 9};

  struct Broker {
    BrokerId node_id;
    std::string_view host;
    int32_t port = 0;
    std::optional<std::string_view> rack;
  };
  struct Partition {
    ErrorCode error_code = ErrorCode::kNone;
    PartitionIndex partition_index;
    std::optional<BrokerId> leader_id;
    std::optional<LeaderEpoch> leader_epoch;
    Array<BrokerId> replica_nodes;
    Array<BrokerId> isr_nodes;
    Array<BrokerId> offline_replicas;
  };
  struct Topic {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string_view> name;  // none: an unknown id (version 12 and later)
    TopicId topic_id;
    bool is_internal = false;
    Array<Partition> partitions;
    int32_t topic_authorized_operations = kOperationsNotRequested;
  };

  int32_t throttle_time_ms = 0;
  Array<Broker> brokers;
  std::optional<std::string_view> cluster_id;
  std::optional<BrokerId> controller_id;
  Array<Topic> topics;
  int32_t cluster_authorized_operations = kOperationsNotRequested;
  ErrorCode error_code = ErrorCode::kNone;
};

template <class Archive>
void Describe(Archive& ar, MetadataResponse::Broker& broker) {
  ar.Field(broker.node_id);
  ar.Field(broker.host);
  ar.Field(broker.port);
  if (ar.Since(1)) ar.Field(broker.rack);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, MetadataResponse::Partition& partition) {
  ar.Field(partition.error_code);
  ar.Field(partition.partition_index);
  ar.Optional(partition.leader_id);
  if (ar.Since(7)) ar.Optional(partition.leader_epoch);
  ar.Field(partition.replica_nodes);
  ar.Field(partition.isr_nodes);
  if (ar.Since(5)) ar.Field(partition.offline_replicas);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, MetadataResponse::Topic& topic) {
  ar.Field(topic.error_code);
  ar.NullableSince(12, topic.name);
  if (ar.Since(10)) ar.Field(topic.topic_id);
  if (ar.Since(1)) ar.Field(topic.is_internal);
  ar.Field(topic.partitions);
  if (ar.Since(8)) ar.Field(topic.topic_authorized_operations);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, MetadataResponse& response) {
  if (ar.Since(3)) ar.Field(response.throttle_time_ms);
  ar.Field(response.brokers);
  if (ar.Since(2)) ar.Field(response.cluster_id);
  if (ar.Since(1)) ar.Optional(response.controller_id);
  ar.Field(response.topics);
  if (ar.Since(8) && ar.Before(11)) ar.Field(response.cluster_authorized_operations);
  if (ar.Since(13)) ar.Field(response.error_code);
  ar.Tags();
}

}  // namespace millrace::wire
