#include "broker/core/group/consumer_records.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "proto/internal/group.pb.h"

namespace millrace::core::group {

namespace {

using EncodedSet = google::protobuf::RepeatedPtrField<internal::TopicPartitions>;

internal::ConsumerMemberState EncodeState(MemberState state) {
  switch (state) {
    case MemberState::kStable:
      return internal::MEMBER_STABLE;
    case MemberState::kUnrevoked:
      return internal::MEMBER_UNREVOKED;
    case MemberState::kUnreleased:
      return internal::MEMBER_UNRELEASED;
  }
  return internal::MEMBER_STABLE;
}

std::optional<MemberState> DecodeState(internal::ConsumerMemberState state) {
  if (state == internal::MEMBER_STABLE) return MemberState::kStable;
  if (state == internal::MEMBER_UNREVOKED) return MemberState::kUnrevoked;
  if (state == internal::MEMBER_UNRELEASED) return MemberState::kUnreleased;
  return std::nullopt;
}

void EncodeSet(const PartitionSet& set, EncodedSet& out) {
  ForEachTopic(set, [&out](const TopicId& id, std::span<const TopicPartition> partitions) {
    internal::TopicPartitions& topic = *out.Add();
    topic.set_topic_id(id.bytes.data(), id.bytes.size());
    int32_t before = 0;
    for (const TopicPartition& one : partitions) {
      topic.add_steps(static_cast<uint32_t>(one.index.value() - before));
      before = one.index.value();
    }
  });
}

std::optional<PartitionSet> DecodeSet(const EncodedSet& encoded) {
  PartitionSet set;
  for (const internal::TopicPartitions& topic : encoded) {
    TopicPartition one{};
    if (topic.topic_id().size() != one.topic.bytes.size()) return std::nullopt;
    std::copy_n(reinterpret_cast<const std::byte*>(topic.topic_id().data()), one.topic.bytes.size(),
                one.topic.bytes.begin());
    int64_t index = 0;
    for (uint32_t step : topic.steps()) {
      index += step;
      if (index > INT32_MAX) return std::nullopt;
      one.index = PartitionIndex(static_cast<int32_t>(index));
      if (!set.empty() && one <= set.back()) return std::nullopt;
      set.push_back(one);
    }
  }
  return set;
}

// How many partitions of the front of the set a record can hold, besides the subscription: it has
// about two such sets, and must fit into a batch.
size_t CountFitting(const PartitionSet& set) {
  constexpr size_t kTargetBytesMax = 300'000;
  constexpr size_t kPerTopic = 24;
  constexpr size_t kPerPartition = 3;
  size_t bytes = 0;
  for (size_t i = 0; i < set.size(); ++i) {
    bytes += kPerPartition;
    if (i == 0 || set[i].topic != set[i - 1].topic) bytes += kPerTopic;
    if (bytes > kTargetBytesMax) return i;
  }
  return set.size();
}

std::string EncodeGained(const ConsumerMember& member) {
  if (member.gained.empty()) return "";
  std::string bits((member.assigned.size() + 7) / 8, '\0');
  for (size_t i = 0; i < member.assigned.size(); ++i) {
    if (!Contains(member.gained, member.assigned[i])) continue;
    bits[i / 8] = static_cast<char>(static_cast<unsigned char>(bits[i / 8]) | 1 << i % 8);
  }
  return bits;
}

PartitionSet DecodeGained(const PartitionSet& assigned, const std::string& bits) {
  PartitionSet gained;
  for (size_t i = 0; i < assigned.size() && i / 8 < bits.size(); ++i) {
    if ((static_cast<unsigned char>(bits[i / 8]) >> i % 8 & 1) != 0) gained.push_back(assigned[i]);
  }
  return gained;
}

void EncodeClassic(const ClassicSide& classic, internal::ClassicSide& value) {
  value.set_session_timeout_ms(classic.session_timeout_ms);
  for (const Protocol& protocol : classic.protocols) {
    internal::GroupProtocol& entry = *value.add_protocols();
    entry.set_name(protocol.name);
    entry.set_metadata(protocol.metadata);
  }
}

ClassicSide DecodeClassic(const internal::ClassicSide& value) {
  ClassicSide classic{.session_timeout_ms = value.session_timeout_ms(), .protocols = {}};
  for (const internal::GroupProtocol& entry : value.protocols()) {
    classic.protocols.push_back({entry.name(), entry.metadata()});
  }
  return classic;
}

}  // namespace

std::string EncodeConsumerMember(const ConsumerMember& member) {
  internal::ConsumerMemberValue value;
  if (member.instance_id.has_value()) value.set_instance_id(*member.instance_id);
  if (member.rack_id.has_value()) value.set_rack_id(*member.rack_id);
  value.set_client_id(member.client_id);
  value.set_client_host(member.client_host);
  value.set_rebalance_timeout_ms(member.rebalance_timeout_ms);
  for (const std::string& topic : member.topics) value.add_topics(topic);
  value.set_regex(member.regex);
  if (member.assignor.has_value()) value.set_assignor(*member.assignor);
  if (member.classic.has_value()) EncodeClassic(*member.classic, *value.mutable_classic());
  value.set_state(EncodeState(member.state));
  value.set_epoch(member.epoch.value());
  value.set_previous_epoch(member.previous_epoch.value());
  value.set_gained_epoch(member.gained_epoch.value());
  value.set_gained_before_epoch(member.gained_before_epoch.value());
  value.set_gained(EncodeGained(member));
  EncodeSet(member.assigned, *value.mutable_assigned());
  EncodeSet(member.revoking, *value.mutable_revoking());
  EncodeSet(member.target, *value.mutable_target());
  return value.SerializeAsString();
}

std::optional<ConsumerMember> DecodeConsumerMember(std::string_view bytes) {
  internal::ConsumerMemberValue value;
  if (!value.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return std::nullopt;
  ConsumerMember member;
  if (value.has_instance_id()) member.instance_id = value.instance_id();
  if (value.has_rack_id()) member.rack_id = value.rack_id();
  member.client_id = value.client_id();
  member.client_host = value.client_host();
  member.rebalance_timeout_ms = value.rebalance_timeout_ms();
  member.topics.assign(value.topics().begin(), value.topics().end());
  member.regex = value.regex();
  if (value.has_assignor()) member.assignor = value.assignor();
  if (value.has_classic()) {
    if (value.classic().protocols().empty()) return std::nullopt;
    member.classic = DecodeClassic(value.classic());
  }
  member.epoch = MemberEpoch(value.epoch());
  member.previous_epoch = MemberEpoch(value.previous_epoch());
  member.gained_epoch = MemberEpoch(value.gained_epoch());
  member.gained_before_epoch = MemberEpoch(value.gained_before_epoch());
  std::optional<MemberState> state = DecodeState(value.state());
  std::optional<PartitionSet> assigned = DecodeSet(value.assigned());
  std::optional<PartitionSet> revoking = DecodeSet(value.revoking());
  std::optional<PartitionSet> target = DecodeSet(value.target());
  if (!state.has_value() || !assigned.has_value() || !revoking.has_value() || !target.has_value()) {
    return std::nullopt;
  }
  member.state = *state;
  member.assigned = *std::move(assigned);
  member.revoking = *std::move(revoking);
  member.target = *std::move(target);
  member.gained = DecodeGained(member.assigned, value.gained());
  return member;
}

size_t ApproximateBytes(std::string_view member_id, const ConsumerMember& member) {
  constexpr size_t kFixedBytes = 128;
  constexpr size_t kPerText = 4;
  size_t bytes = kFixedBytes + member_id.size() + member.instance_id.value_or("").size() +
                 member.rack_id.value_or("").size() + member.client_id.size() +
                 member.client_host.size() + member.regex.size();
  for (const std::string& topic : member.topics) bytes += kPerText + topic.size();
  if (!member.classic.has_value()) return bytes;
  for (const Protocol& protocol : member.classic->protocols) {
    bytes += 2 * kPerText + protocol.name.size() + protocol.metadata.size();
  }
  return bytes;
}

// The rest is nobody's: rather a few partitions without a reader than a group that cannot go on.
void KeepWhatFits(PartitionSet& target) { target.resize(CountFitting(target)); }

bool FitsRecord(std::string_view member_id, const ConsumerMember& member) {
  return ApproximateBytes(member_id, member) <= kMemberBytesMax &&
         CountFitting(member.assigned) == member.assigned.size();
}

}  // namespace millrace::core::group
