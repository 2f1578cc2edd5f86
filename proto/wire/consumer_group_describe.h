// ConsumerGroupDescribe: state, members and assignments of consumer groups (KIP-848).
#pragma once

#include "proto/error_code.h"
#include "proto/wire/authorized_operations.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

struct ConsumerGroupDescribeRequest {
  static constexpr MessageInfo kInfo{ApiKey::kConsumerGroupDescribe, 0, 1, 0};

  Array<std::string_view> group_ids;
  bool include_authorized_operations = false;
};

template <class Archive>
void Describe(Archive& ar, ConsumerGroupDescribeRequest& request) {
  ar.Field(request.group_ids);
  ar.Field(request.include_authorized_operations);
  ar.Tags();
}

struct ConsumerGroupDescribeResponse {
  static constexpr MessageInfo kInfo{ApiKey::kConsumerGroupDescribe, 0, 1, 0};

  struct TopicPartitions {
    TopicId topic_id;
    std::string_view topic_name;
    Array<PartitionIndex> partitions;
  };
  struct Assignment {
    Array<TopicPartitions> topic_partitions;
  };
  struct Member {
    std::string_view member_id;
    std::optional<std::string_view> instance_id;
    std::optional<std::string_view> rack_id;
    MemberEpoch member_epoch;
    std::string_view client_id;
    std::string_view client_host;
    Array<std::string_view> subscribed_topic_names;
    std::optional<std::string_view> subscribed_topic_regex;
    Assignment assignment;
    Assignment target_assignment;
    int8_t member_type = -1;  // 1: a consumer, 0: a classic member, -1: not known
  };
  struct Group {
    ErrorCode error_code = ErrorCode::kNone;
    std::optional<std::string_view> error_message;
    std::string_view group_id;
    std::string_view group_state;
    MemberEpoch group_epoch;
    MemberEpoch assignment_epoch;
    std::string_view assignor_name;
    Array<Member> members;
    int32_t authorized_operations = kOperationsNotRequested;
  };

  int32_t throttle_time_ms = 0;
  Array<Group> groups;
};

template <class Archive>
void Describe(Archive& ar, ConsumerGroupDescribeResponse::TopicPartitions& topic) {
  ar.Field(topic.topic_id);
  ar.Field(topic.topic_name);
  ar.Field(topic.partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ConsumerGroupDescribeResponse::Assignment& assignment) {
  ar.Field(assignment.topic_partitions);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ConsumerGroupDescribeResponse::Member& member) {
  ar.Field(member.member_id);
  ar.Field(member.instance_id);
  ar.Field(member.rack_id);
  ar.Field(member.member_epoch);
  ar.Field(member.client_id);
  ar.Field(member.client_host);
  ar.Field(member.subscribed_topic_names);
  ar.Field(member.subscribed_topic_regex);
  ar.Field(member.assignment);
  ar.Field(member.target_assignment);
  if (ar.Since(1)) ar.Field(member.member_type);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ConsumerGroupDescribeResponse::Group& group) {
  ar.Field(group.error_code);
  ar.Field(group.error_message);
  ar.Field(group.group_id);
  ar.Field(group.group_state);
  ar.Field(group.group_epoch);
  ar.Field(group.assignment_epoch);
  ar.Field(group.assignor_name);
  ar.Field(group.members);
  ar.Field(group.authorized_operations);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, ConsumerGroupDescribeResponse& response) {
  ar.Field(response.throttle_time_ms);
  ar.Field(response.groups);
  ar.Tags();
}

}  // namespace millrace::wire
