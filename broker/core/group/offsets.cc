// OffsetCommit, OffsetFetch, OffsetDelete, and offsets that expire.
#include <algorithm>
#include <utility>

#include "broker/core/group/machine.h"
#include "broker/core/group/subscription.h"

namespace millrace::core::group {

namespace {

// A client may ask for any number of milliseconds; this is 35,000 years.
constexpr int64_t kRetentionMsMax = int64_t{1} << 50;

// As Kafka counts the length of a string: characters beyond 16 bits count twice.
size_t Utf16Units(std::string_view text) {
  size_t units = 0;
  for (char c : text) {
    auto byte = static_cast<unsigned char>(c);
    bool continues = (byte & 0xc0) == 0x80;
    if (!continues) units += byte >= 0xf0 ? 2 : 1;
  }
  return units;
}

size_t SizeOf(const Commit& commit) {
  constexpr size_t kFixedBytes = 96;
  size_t bytes = 0;
  for (const Commit::Partition& one : commit.partitions) {
    bytes += commit.group_id.size() + one.metadata.size() + kFixedBytes;
  }
  return bytes;
}

}  // namespace

Output Machine::On(RequestId request, const Commit& commit, TimestampMs now) {
  Output output;
  CommitAnswer answer = Decide(output, commit, now);
  output.replies.push_back({request, std::move(answer)});
  return output;
}

// Whoever is not a member may commit while nobody is.
ErrorCode Machine::RefusalOf(const Commit& commit) const {
  bool has_generation = commit.generation.has_value() && commit.generation->value() >= 0;
  if (!Exists(commit.group_id)) {
    if (!has_generation) return ErrorCode::kNone;
    return commit.knows_group_id_not_found ? ErrorCode::kGroupIdNotFound
                                           : ErrorCode::kIllegalGeneration;
  }
  const ConsumerGroup* consumer = FindConsumerGroup(commit.group_id);
  if (consumer != nullptr) return RefusalOf(commit, *consumer);
  const Membership& membership = MembershipOf(commit.group_id);
  if (!has_generation && membership.state == GroupState::kEmpty) return ErrorCode::kNone;
  bool from_member =
      has_generation || !commit.who.member_id.empty() || commit.who.instance_id.has_value();
  if (!from_member) return ErrorCode::kUnknownMemberId;
  ErrorCode error = CheckMember(membership, commit.who);
  if (error != ErrorCode::kNone) return error;
  const bool is_present =
      commit.generation.has_value() &&
      membership.IsPresent(*commit.generation, *membership.FindMember(commit.who.member_id));
  if (!is_present) return ErrorCode::kIllegalGeneration;
  // Members that are to join again may still commit. Once the next generation is given out, its
  // members are first to know what is theirs.
  return membership.state == GroupState::kCompletingRebalance ? ErrorCode::kRebalanceInProgress
                                                              : ErrorCode::kNone;
}

ErrorCode Machine::RefusalOf(const Commit& commit, const ConsumerGroup& group) {
  bool has_epoch = commit.generation.has_value() && commit.generation->value() >= 0;
  if (!has_epoch && group.members.empty()) return ErrorCode::kNone;
  const ConsumerMember* member = group.FindMember(commit.who.member_id);
  if (member == nullptr) return ErrorCode::kUnknownMemberId;
  if (member->classic.has_value()) {
    const ErrorCode error = CheckMember(group, commit.who);
    if (error != ErrorCode::kNone) return error;
    const bool is_present = has_epoch && commit.generation->value() == member->epoch.value();
    return is_present ? ErrorCode::kNone : ErrorCode::kIllegalGeneration;
  }
  if (!commit.knows_group_id_not_found) return ErrorCode::kUnsupportedVersion;
  const MemberEpoch epoch(has_epoch ? commit.generation->value() : kLeaving.value());
  if (epoch == member->epoch) return ErrorCode::kNone;
  // It has gone on since, and not heard of it yet: what it has had all the time is its own to
  // commit, as in Kafka since 4.2 (KIP-1251).
  const bool has_them_since =
      epoch < member->epoch &&
      std::ranges::all_of(
          commit.partitions,
          [&](const Commit::Partition& one) { return member->HasHadSince(epoch, one.partition); });
  return has_them_since ? ErrorCode::kNone : ErrorCode::kStaleMemberEpoch;
}

CommitAnswer Machine::Decide(Output& output, const Commit& commit, TimestampMs now) {
  CommitAnswer answer;
  answer.error = RefusalOf(commit);
  if (answer.error == ErrorCode::kNone && SizeOf(commit) > options_.commit_bytes_max) {
    answer.error = ErrorCode::kInvalidCommitOffsetSize;
  }
  if (answer.error != ErrorCode::kNone) return answer;
  std::string member_id(commit.who.member_id);
  const Member* member = MembershipOf(commit.group_id).FindMember(member_id);
  if (member != nullptr) TouchSession(output, commit.group_id, member_id, *member);
  const ConsumerGroup* consumers = FindConsumerGroup(commit.group_id);
  const ConsumerMember* classic = consumers == nullptr ? nullptr : consumers->FindMember(member_id);
  if (classic != nullptr && classic->classic.has_value()) {
    TouchConsumerSession(output, commit.group_id, member_id);
  }
  for (const Commit::Partition& one : commit.partitions) {
    if (Utf16Units(one.metadata) > options_.offset_metadata_max) {
      answer.partitions.push_back(ErrorCode::kOffsetMetadataTooLarge);
      continue;
    }
    CommittedOffset committed{.offset = one.offset,
                              .leader_epoch = one.leader_epoch,
                              .metadata = std::string(one.metadata),
                              .committed = now,
                              .expires = std::nullopt};
    if (commit.retention_ms.has_value()) {
      committed.expires = now + std::clamp<int64_t>(*commit.retention_ms, 0, kRetentionMsMax);
    }
    Emit(output, PutOffset{std::string(commit.group_id), one.partition, std::move(committed)});
    answer.partitions.push_back(ErrorCode::kNone);
  }
  return answer;
}

ErrorCode Machine::RefusalOf(const Fetch& fetch) const {
  if (!fetch.member_id.has_value() && !fetch.member_epoch.has_value()) return ErrorCode::kNone;
  const ConsumerGroup* group = FindConsumerGroup(fetch.group_id);
  if (group == nullptr) return ErrorCode::kNone;
  const ConsumerMember* member = group->FindMember(fetch.member_id.value_or(""));
  if (member == nullptr) return ErrorCode::kUnknownMemberId;
  if (fetch.member_epoch == member->epoch) return ErrorCode::kNone;
  return member->classic.has_value() ? ErrorCode::kIllegalGeneration : ErrorCode::kStaleMemberEpoch;
}

Output Machine::On(RequestId request, const Fetch& fetch, TimestampMs) {
  Output output;
  FetchAnswer answer;
  const Group* group = Find(fetch.group_id);
  answer.error = RefusalOf(fetch);
  if (answer.error != ErrorCode::kNone) {
    output.replies.push_back({request, std::move(answer)});
    return output;
  }
  if (group != nullptr && fetch.all) {
    for (const auto& [partition, committed] : group->offsets) {
      answer.found.push_back({partition, committed});
    }
  } else if (group != nullptr) {
    for (const TopicPartition& partition : fetch.partitions) {
      auto found = group->offsets.find(partition);
      if (found != group->offsets.end()) answer.found.push_back({partition, found->second});
    }
  }
  output.replies.push_back({request, std::move(answer)});
  return output;
}

Output Machine::On(RequestId request, const DeleteOffsets& asked, TimestampMs) {
  Output output;
  DeleteOffsetsAnswer answer = Decide(output, asked);
  output.replies.push_back({request, std::move(answer)});
  return output;
}

DeleteOffsetsAnswer Machine::Decide(Output& output, const DeleteOffsets& asked) {
  DeleteOffsetsAnswer answer;
  if (!Exists(asked.group_id)) {
    answer.error = ErrorCode::kGroupIdNotFound;
    return answer;
  }
  const Membership& membership = MembershipOf(asked.group_id);
  if (membership.state != GroupState::kEmpty && membership.protocol_type != kConsumerProtocolType) {
    answer.error = ErrorCode::kNonEmptyGroup;
    return answer;
  }
  // Deleting offsets leaves the members as they are.
  const SubscribedTopics subscribed = SubscriptionsOf(asked.group_id);
  for (const DeleteOffsets::Partition& one : asked.partitions) {
    if (subscribed.MayContain(one.topic_name)) {
      answer.partitions.push_back(ErrorCode::kGroupSubscribedToTopic);
      continue;
    }
    answer.partitions.push_back(ErrorCode::kNone);
    const Group* group = Find(asked.group_id);
    if (group != nullptr && group->offsets.contains(one.partition)) {
      Emit(output, DeleteOffset{std::string(asked.group_id), one.partition});
    }
  }
  return answer;
}

SubscribedTopics Machine::SubscriptionsOf(std::string_view group_id) const {
  const ConsumerGroup* group = FindConsumerGroup(group_id);
  return group != nullptr ? SubscribedTopics(*group) : SubscribedTopics(MembershipOf(group_id));
}

// Since when a group's offsets may expire: from when it became empty; in a group that nobody has
// ever joined, and for topics that the members do not read, from each commit.
Machine::Expiry Machine::ExpiryOf(std::string_view group_id) const {
  const ConsumerGroup* group = FindConsumerGroup(group_id);
  if (group != nullptr) {
    if (!group->members.empty()) return {};
    return {.may_expire = true, .empty_since = group->state_since};
  }
  const Membership& membership = MembershipOf(group_id);
  if (!membership.protocol_type.has_value()) return {};
  if (membership.state == GroupState::kEmpty) {
    return {.may_expire = true, .empty_since = membership.state_since};
  }
  return {.may_expire = membership.state == GroupState::kStable &&
                        membership.protocol_type == kConsumerProtocolType};
}

bool Machine::HasExpired(const Expiry& expiry, const SubscribedTopics& subscribed,
                         const CommittedOffset& committed, std::string_view topic,
                         TimestampMs now) const {
  if (!expiry.may_expire || subscribed.MayContain(topic)) return false;
  if (committed.expires.has_value()) return now >= *committed.expires;
  return now - expiry.empty_since.value_or(committed.committed) >= options_.offsets_retention_ms;
}

void Machine::DropOffsets(Output& output, const std::string& group_id, const Group& group) {
  std::vector<TopicPartition> partitions;
  for (const auto& [partition, committed] : group.offsets) partitions.push_back(partition);
  for (const TopicPartition& partition : partitions) {
    Emit(output, DeleteOffset{group_id, partition});
  }
}

Output Machine::OnCleanup(TopicNames names, TimestampMs now) {
  std::vector<Record> due;
  for (const auto& [group_id, group] : groups_) {
    size_t left = group.offsets.size();
    const Expiry expiry = ExpiryOf(group_id);
    const SubscribedTopics subscribed = SubscriptionsOf(group_id);
    for (const auto& [partition, committed] : group.offsets) {
      std::optional<std::string_view> topic = names(partition.topic);
      if (topic.has_value() && !HasExpired(expiry, subscribed, committed, *topic, now)) {
        continue;
      }
      due.push_back(DeleteOffset{group_id, partition});
      --left;
    }
    if (left == 0 && !HasMembers(group_id)) {
      due.push_back(DeleteGroup{group_id});
    }
  }
  Output output;
  for (Record& record : due) Emit(output, std::move(record));
  return output;
}

}  // namespace millrace::core::group
