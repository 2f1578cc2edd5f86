#include "broker/core/group/records.h"

#include <algorithm>

#include "broker/core/group/consumer_records.h"
#include "proto/internal/group.pb.h"

namespace millrace::core::group {

namespace {

template <class... Cases>
struct Overloaded : Cases... {
  using Cases::operator()...;
};

internal::ClassicGroupState EncodeState(GroupState state) {
  switch (state) {
    case GroupState::kEmpty:
    case GroupState::kDead:
      return internal::EMPTY;
    case GroupState::kPreparingRebalance:
      return internal::PREPARING_REBALANCE;
    case GroupState::kCompletingRebalance:
      return internal::COMPLETING_REBALANCE;
    case GroupState::kStable:
      return internal::STABLE;
  }
  return internal::EMPTY;
}

std::optional<GroupState> DecodeState(internal::ClassicGroupState state) {
  if (state == internal::EMPTY) return GroupState::kEmpty;
  if (state == internal::PREPARING_REBALANCE) return GroupState::kPreparingRebalance;
  if (state == internal::COMPLETING_REBALANCE) return GroupState::kCompletingRebalance;
  if (state == internal::STABLE) return GroupState::kStable;
  return std::nullopt;
}

void EncodeMember(const std::string& id, const Member& member, internal::GroupMember& value) {
  value.set_member_id(id);
  if (member.instance_id.has_value()) value.set_instance_id(*member.instance_id);
  value.set_client_id(member.client_id);
  value.set_client_host(member.client_host);
  value.set_session_timeout_ms(member.session_timeout_ms);
  value.set_rebalance_timeout_ms(member.rebalance_timeout_ms);
  for (const Protocol& protocol : member.protocols) {
    internal::GroupProtocol* entry = value.add_protocols();
    entry->set_name(protocol.name);
    entry->set_metadata(protocol.metadata);
  }
  value.set_assignment(member.assignment);
  if (member.told.has_value()) value.set_told_generation(member.told->value());
}

std::string EncodeMembership(const Membership& membership) {
  internal::GroupValue value;
  value.set_generation(membership.generation.value());
  value.set_state(EncodeState(membership.state));
  value.set_state_since_ms(membership.state_since.value());
  if (membership.protocol_type.has_value()) value.set_protocol_type(*membership.protocol_type);
  if (membership.protocol.has_value()) value.set_protocol(*membership.protocol);
  if (membership.leader.has_value()) value.set_leader(*membership.leader);
  for (const auto& [id, member] : membership.members)
    EncodeMember(id, member, *value.add_members());
  return value.SerializeAsString();
}

Member DecodeMember(const internal::GroupMember& value) {
  Member member;
  if (value.has_instance_id()) member.instance_id = value.instance_id();
  member.client_id = value.client_id();
  member.client_host = value.client_host();
  member.session_timeout_ms = value.session_timeout_ms();
  member.rebalance_timeout_ms = value.rebalance_timeout_ms();
  for (const internal::GroupProtocol& entry : value.protocols()) {
    member.protocols.push_back({entry.name(), entry.metadata()});
  }
  member.assignment = value.assignment();
  if (value.has_told_generation()) member.told = GenerationId(value.told_generation());
  return member;
}

// A group with members has a protocol that all of them know, and a leader among them.
bool IsSound(const Membership& membership) {
  if (membership.members.empty()) return membership.state == GroupState::kEmpty;
  if (membership.state == GroupState::kEmpty || !membership.protocol_type.has_value() ||
      !membership.protocol.has_value() || !membership.leader.has_value()) {
    return false;
  }
  return membership.FindMember(*membership.leader) != nullptr &&
         std::all_of(membership.members.begin(), membership.members.end(), [&](const auto& entry) {
           return entry.second.FindProtocol(*membership.protocol) != nullptr;
         });
}

std::string EncodeConsumerGroup(const PutConsumerGroup& put) {
  internal::GroupValue value;
  value.set_state_since_ms(put.state_since.value());
  internal::ConsumerGroupValue& consumer = *value.mutable_consumer();
  consumer.set_epoch(put.epoch.value());
  consumer.set_target_epoch(put.target_epoch.value());
  consumer.set_topics_hash(put.topics_hash);
  return value.SerializeAsString();
}

PutConsumerGroup DecodeConsumerGroup(const std::string& group_id,
                                     const internal::GroupValue& value) {
  return {.group_id = group_id,
          .epoch = MemberEpoch(value.consumer().epoch()),
          .target_epoch = MemberEpoch(value.consumer().target_epoch()),
          .topics_hash = value.consumer().topics_hash(),
          .state_since = TimestampMs(value.state_since_ms())};
}

std::optional<Membership> DecodeMembership(const internal::GroupValue& value) {
  std::optional<GroupState> state = DecodeState(value.state());
  if (!state.has_value()) return std::nullopt;
  Membership membership{.generation = GenerationId(value.generation()),
                        .state = *state,
                        .state_since = TimestampMs(value.state_since_ms())};
  if (value.has_protocol_type()) membership.protocol_type = value.protocol_type();
  if (value.has_protocol()) membership.protocol = value.protocol();
  if (value.has_leader()) membership.leader = value.leader();
  for (const internal::GroupMember& member : value.members()) {
    membership.members[member.member_id()] = DecodeMember(member);
  }
  if (!IsSound(membership)) return std::nullopt;
  return membership;
}

std::string EncodeOffset(const CommittedOffset& committed) {
  internal::OffsetValue value;
  value.set_offset(committed.offset.value());
  if (committed.leader_epoch.has_value()) value.set_leader_epoch(committed.leader_epoch->value());
  value.set_metadata(committed.metadata);
  value.set_committed_ms(committed.committed.value());
  if (committed.expires.has_value()) value.set_expires_ms(committed.expires->value());
  return value.SerializeAsString();
}

std::optional<CommittedOffset> DecodeOffset(std::string_view bytes) {
  internal::OffsetValue value;
  if (!value.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  CommittedOffset committed{.offset = Offset(value.offset()),
                            .leader_epoch = std::nullopt,
                            .metadata = value.metadata(),
                            .committed = TimestampMs(value.committed_ms()),
                            .expires = std::nullopt};
  if (value.has_leader_epoch()) committed.leader_epoch = LeaderEpoch(value.leader_epoch());
  if (value.has_expires_ms()) committed.expires = TimestampMs(value.expires_ms());
  return committed;
}

std::string GroupKeyOf(const std::string& group_id) {
  internal::GroupRecordKey key;
  key.mutable_group()->set_group_id(group_id);
  return key.SerializeAsString();
}

std::string ConsumerMemberKeyOf(const std::string& group_id, const std::string& member_id) {
  internal::GroupRecordKey key;
  key.mutable_consumer_member()->set_group_id(group_id);
  key.mutable_consumer_member()->set_member_id(member_id);
  return key.SerializeAsString();
}

std::string OffsetKeyOf(const std::string& group_id, const TopicPartition& partition) {
  internal::GroupRecordKey key;
  internal::OffsetKey& offset = *key.mutable_offset();
  offset.set_group_id(group_id);
  offset.set_topic_id(partition.topic.bytes.data(), partition.topic.bytes.size());
  offset.set_partition(partition.index.value());
  return key.SerializeAsString();
}

std::optional<TopicPartition> DecodePartition(const internal::OffsetKey& key) {
  TopicPartition partition{.topic = {}, .index = PartitionIndex(key.partition())};
  if (key.topic_id().size() != partition.topic.bytes.size()) return std::nullopt;
  std::copy_n(reinterpret_cast<const std::byte*>(key.topic_id().data()),
              partition.topic.bytes.size(), partition.topic.bytes.begin());
  return partition;
}

std::optional<Record> DecodeGroupRecord(const internal::GroupKey& key,
                                        std::optional<std::string_view> value) {
  if (!value.has_value()) return DeleteGroup{key.group_id()};
  internal::GroupValue parsed;
  if (!parsed.ParseFromArray(value->data(), static_cast<int>(value->size()))) return std::nullopt;
  if (parsed.has_consumer()) return DecodeConsumerGroup(key.group_id(), parsed);
  std::optional<Membership> membership = DecodeMembership(parsed);
  if (!membership.has_value()) return std::nullopt;
  return PutGroup{key.group_id(), *std::move(membership)};
}

std::optional<Record> DecodeMemberRecord(const internal::ConsumerMemberKey& key,
                                         std::optional<std::string_view> value) {
  if (!value.has_value()) return DeleteConsumerMember{key.group_id(), key.member_id()};
  std::optional<ConsumerMember> member = DecodeConsumerMember(*value);
  if (!member.has_value()) return std::nullopt;
  return PutConsumerMember{key.group_id(), key.member_id(), *std::move(member)};
}

std::optional<Record> DecodeOffsetRecord(const internal::OffsetKey& key,
                                         std::optional<std::string_view> value) {
  std::optional<TopicPartition> partition = DecodePartition(key);
  if (!partition.has_value()) return std::nullopt;
  if (!value.has_value()) return DeleteOffset{key.group_id(), *partition};
  std::optional<CommittedOffset> committed = DecodeOffset(*value);
  if (!committed.has_value()) return std::nullopt;
  return PutOffset{key.group_id(), *partition, *std::move(committed)};
}

}  // namespace

EncodedRecord Encode(const Record& record) {
  return std::visit(
      Overloaded{
          [](const PutGroup& put) {
            return EncodedRecord{GroupKeyOf(put.group_id), EncodeMembership(put.membership)};
          },
          [](const DeleteGroup& gone) {
            return EncodedRecord{GroupKeyOf(gone.group_id), std::nullopt};
          },
          [](const PutConsumerGroup& put) {
            return EncodedRecord{GroupKeyOf(put.group_id), EncodeConsumerGroup(put)};
          },
          [](const PutConsumerMember& put) {
            return EncodedRecord{ConsumerMemberKeyOf(put.group_id, put.member_id),
                                 EncodeConsumerMember(put.member)};
          },
          [](const DeleteConsumerMember& gone) {
            return EncodedRecord{ConsumerMemberKeyOf(gone.group_id, gone.member_id), std::nullopt};
          },
          [](const PutOffset& put) {
            return EncodedRecord{OffsetKeyOf(put.group_id, put.partition),
                                 EncodeOffset(put.committed)};
          },
          [](const DeleteOffset& gone) {
            return EncodedRecord{OffsetKeyOf(gone.group_id, gone.partition), std::nullopt};
          },
      },
      record);
}

absl::StatusOr<std::optional<Record>> Decode(std::string_view key,
                                             std::optional<std::string_view> value) {
  internal::GroupRecordKey parsed;
  if (!parsed.ParseFromArray(key.data(), static_cast<int>(key.size()))) {
    return absl::DataLossError("the key of a group record does not parse");
  }
  std::optional<Record> record;
  if (parsed.has_group()) {
    record = DecodeGroupRecord(parsed.group(), value);
  } else if (parsed.has_offset()) {
    record = DecodeOffsetRecord(parsed.offset(), value);
  } else if (parsed.has_consumer_member()) {
    record = DecodeMemberRecord(parsed.consumer_member(), value);
  } else {
    return std::nullopt;
  }
  if (!record.has_value()) return absl::DataLossError("a group record does not parse");
  return record;
}

}  // namespace millrace::core::group
