#include "broker/core/group/consumer_group.h"

#include <algorithm>
#include <utility>

#include "proto/invariant.h"

namespace millrace::core::group {

std::string_view StateName(ConsumerGroupState state) {
  switch (state) {
    case ConsumerGroupState::kEmpty:
      return "Empty";
    case ConsumerGroupState::kAssigning:
      return "Assigning";
    case ConsumerGroupState::kReconciling:
      return "Reconciling";
    case ConsumerGroupState::kStable:
      return "Stable";
  }
  return "";
}

bool ConsumerMember::HasHadSince(MemberEpoch since, const TopicPartition& partition) const {
  const bool has = Contains(assigned, partition);
  if (since >= gained_epoch) return has || Contains(revoking, partition);
  return since >= gained_before_epoch && has && !Contains(gained, partition);
}

// A static member that is away holds nobody up.
ConsumerGroupState ConsumerGroup::State() const {
  if (members.empty()) return ConsumerGroupState::kEmpty;
  if (epoch > target_epoch) return ConsumerGroupState::kAssigning;
  bool are_there = std::all_of(members.begin(), members.end(), [&](const auto& entry) {
    const ConsumerMember& member = entry.second;
    bool is_there = member.state == MemberState::kStable && member.epoch == target_epoch;
    return is_there || member.epoch == kAway;
  });
  return are_there ? ConsumerGroupState::kStable : ConsumerGroupState::kReconciling;
}

const ConsumerMember* ConsumerGroup::FindMember(std::string_view member_id) const {
  auto found = members.find(member_id);
  return found == members.end() ? nullptr : &found->second;
}

std::optional<std::string> ConsumerGroup::FindStatic(std::string_view instance_id) const {
  for (const auto& [id, member] : members) {
    if (member.instance_id == instance_id) return id;
  }
  return std::nullopt;
}

absl::flat_hash_set<std::string_view> ConsumerGroup::CommonProtocols() const {
  std::vector<const Protocols*> lists;
  for (const auto& [id, member] : members) {
    if (member.classic.has_value()) lists.push_back(&member.classic->protocols);
  }
  return CommonNames(lists);
}

void ConsumerGroup::Put(const std::string& member_id, ConsumerMember member) {
  ConsumerMember& place = members[member_id];
  LetGo(place);
  place = std::move(member);
  Hold(place);
}

void ConsumerGroup::Remove(std::string_view member_id) {
  auto found = members.find(member_id);
  if (found == members.end()) return;
  LetGo(found->second);
  members.erase(found);
}

void ConsumerGroup::Hold(const ConsumerMember& member) {
  if (member.classic.has_value()) ++classic_members;
  for (const TopicPartition& one : member.assigned) ++holders[one];
  for (const TopicPartition& one : member.revoking) ++holders[one];
}

void ConsumerGroup::LetGo(const ConsumerMember& member) {
  if (member.classic.has_value()) --classic_members;
  auto let_go = [this](const TopicPartition& one) {
    auto found = holders.find(one);
    INVARIANT(found != holders.end() && found->second > 0);
    if (--found->second == 0) holders.erase(found);
  };
  for (const TopicPartition& one : member.assigned) let_go(one);
  for (const TopicPartition& one : member.revoking) let_go(one);
}

}  // namespace millrace::core::group
