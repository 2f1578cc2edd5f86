// Fetch: records from partitions, for consumers and followers. Topics go by name up to version 12,
// by id from version 13 on.
#pragma once

#include <limits>

#include "proto/error_code.h"
#include "proto/wire/codec.h"
#include "proto/wire/isolation_level.h"
#include "proto/wire/leader_hint.h"

namespace millrace::wire {

struct FetchRequest {
  static constexpr MessageInfo kInfo{ApiKey::kFetch, 0, 18, 12};

  struct ReplicaState {
    std::optional<BrokerId> replica_id;
    std::optional<int64_t> replica_epoch;
  };
  struct Partition {
    PartitionIndex partition;
    std::optional<LeaderEpoch> current_leader_epoch;
    Offset fetch_offset;
    std::optional<LeaderEpoch> last_fetched_epoch;
    std::optional<Offset> log_start_offset;  // a follower's
    int32_t partition_max_bytes = 0;
    std::optional<TopicId> replica_directory_id;
    std::optional<Offset> high_watermark;  // a follower's
  };
  struct Topic {
    std::string_view topic;
    TopicId topic_id;
    Array<Partition> partitions;
  };
  struct ForgottenTopic {
    std::string_view topic;
    TopicId topic_id;
    Array<PartitionIndex> partitions;
  };

  std::optional<std::string_view> cluster_id;
  std::optional<BrokerId> replica_id;         // none: a consumer; up to version 14
  std::optional<ReplicaState> replica_state;  // none: a consumer; from version 15 on
  int32_t max_wait_ms = 0;
  int32_t min_bytes = 0;
  int32_t max_bytes = std::numeric_limits<int32_t>::max();
  IsolationLevel isolation_level = IsolationLevel::kReadUncommitted;
  int32_t session_id = 0;
  int32_t session_epoch = -1;
  Array<Topic> topics;
  Array<ForgottenTopic> forgotten_topics_data;
  std::string_view rack_id;
};

template <class Archive>
void Describe(Archive& ar, FetchRequest::ReplicaState& state) {
  ar.Optional(state.replica_id);
  ar.Optional(state.replica_epoch);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, FetchRequest::Partition& partition) {
  ar.Field(partition.partition);
  if (ar.Since(9)) ar.Optional(partition.current_leader_epoch);
  ar.Field(partition.fetch_offset);
  if (ar.Since(12)) ar.Optional(partition.last_fetched_epoch);
  if (ar.Since(5)) ar.Optional(partition.log_start_offset);
  ar.Field(partition.partition_max_bytes);
  ar.Tags(Tag{0, partition.replica_directory_id, 17}, Tag{1, partition.high_watermark, 18});
}

template <class Archive>
void Describe(Archive& ar, FetchRequest::Topic& topic) {
  if (ar.Before(13)) ar.Field(topic.topic);
  if (ar.Since(13)) ar.Field(topic.topic_id);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, FetchRequest::ForgottenTopic& topic) {
  if (ar.Before(13)) ar.Field(topic.topic);
  if (ar.Since(13)) ar.Field(topic.topic_id);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, FetchRequest& request) {
  if (ar.Before(15)) ar.Optional(request.replica_id);
  ar.Field(request.max_wait_ms);
  ar.Field(request.min_bytes);
  if (ar.Since(3)) ar.Field(request.max_bytes);
  if (ar.Since(4)) ar.Field(request.isolation_level);
  if (ar.Since(7)) {
    ar.Field(request.session_id);
    ar.Field(request.session_epoch);
  }
  ar.Field(request.topics);
  if (ar.Since(7)) ar.Field(request.forgotten_topics_data);
  if (ar.Since(11)) ar.Field(request.rack_id);
  ar.Tags(Tag{0, request.cluster_id}, Tag{1, request.replica_state, 15});
}

struct FetchResponse {
  static constexpr MessageInfo kInfo{ApiKey::kFetch, 0, 18, 12};

  struct EpochEndOffset {
    LeaderEpoch epoch;
    Offset end_offset;
  };
  struct SnapshotId {
    Offset end_offset;
    LeaderEpoch epoch;
  };
  struct AbortedTransaction {
    ProducerId producer_id;
    Offset first_offset;
  };
  struct Partition {
    PartitionIndex partition_index;
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<Offset> high_watermark;
    std::optional<Offset> last_stable_offset;
    std::optional<Offset> log_start_offset;
    std::optional<EpochEndOffset> diverging_epoch;
    std::optional<LeaderIdAndEpoch> current_leader;
    std::optional<SnapshotId> snapshot_id;
    std::optional<Array<AbortedTransaction>> aborted_transactions;  // none: not read_committed
    std::optional<BrokerId> preferred_read_replica;
    Records records;  // a broker sends no null here: no records are empty `bytes`
  };
  struct Topic {
    std::string_view topic;
    TopicId topic_id;
    Array<Partition> partitions;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  int32_t session_id = 0;
  Array<Topic> responses;
  std::optional<Array<NodeEndpoint>> node_endpoints;
};

template <class Archive>
void Describe(Archive& ar, FetchResponse::EpochEndOffset& end) {
  ar.Field(end.epoch);
  ar.Field(end.end_offset);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, FetchResponse::SnapshotId& id) {
  ar.Field(id.end_offset);
  ar.Field(id.epoch);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, FetchResponse::AbortedTransaction& transaction) {
  ar.Field(transaction.producer_id);
  ar.Field(transaction.first_offset);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, FetchResponse::Partition& partition) {
  ar.Field(partition.partition_index);
  ar.Field(partition.error_code);
  ar.Optional(partition.high_watermark);
  if (ar.Since(4)) ar.Optional(partition.last_stable_offset);
  if (ar.Since(5)) ar.Optional(partition.log_start_offset);
  if (ar.Since(4)) ar.Field(partition.aborted_transactions);
  if (ar.Since(11)) ar.Optional(partition.preferred_read_replica);
  ar.Field(partition.records);
  ar.Tags(Tag{0, partition.diverging_epoch}, Tag{1, partition.current_leader},
          Tag{2, partition.snapshot_id});
}

template <class Archive>
void Describe(Archive& ar, FetchResponse::Topic& topic) {
  if (ar.Before(13)) ar.Field(topic.topic);
  if (ar.Since(13)) ar.Field(topic.topic_id);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, FetchResponse& response) {
  if (ar.Since(1)) ar.Field(response.throttle_time_ms);
  if (ar.Since(7)) {
    ar.Field(response.error_code);
    ar.Field(response.session_id);
  }
  ar.Field(response.responses);
  ar.Tags(Tag{0, response.node_endpoints, 16});
}

}  // namespace millrace::wire
