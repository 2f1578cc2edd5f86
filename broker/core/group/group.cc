#include "broker/core/group/group.h"

#include <algorithm>
#include <utility>

#include "proto/invariant.h"

namespace millrace::core::group {

std::string_view StateName(GroupState state) {
  switch (state) {
    case GroupState::kEmpty:
      return "Empty";
    case GroupState::kPreparingRebalance:
      return "PreparingRebalance";
    case GroupState::kCompletingRebalance:
      return "CompletingRebalance";
    case GroupState::kStable:
      return "Stable";
    case GroupState::kDead:
      return "Dead";
  }
  return "";
}

const Protocol* Member::FindProtocol(std::string_view name) const {
  for (const Protocol& protocol : protocols) {
    if (protocol.name == name) return &protocol;
  }
  return nullptr;
}

const Member* Membership::FindMember(std::string_view member_id) const {
  auto found = members.find(member_id);
  return found == members.end() ? nullptr : &found->second;
}

std::optional<std::string> Membership::FindStatic(std::string_view instance_id) const {
  for (const auto& [id, member] : members) {
    if (member.instance_id == instance_id) return id;
  }
  return std::nullopt;
}

absl::flat_hash_set<std::string_view> Membership::CommonProtocols() const {
  std::vector<const Protocols*> lists;
  lists.reserve(members.size());
  for (const auto& [id, member] : members) lists.push_back(&member.protocols);
  return CommonNames(lists);
}

std::string Membership::SelectProtocol() const {
  const absl::flat_hash_set<std::string_view> common = CommonProtocols();
  std::map<std::string_view, int> votes;
  for (const auto& [id, member] : members) {
    auto liked = std::ranges::find_if(
        member.protocols, [&](const Protocol& one) { return common.contains(one.name); });
    if (liked != member.protocols.end()) ++votes[liked->name];
  }
  INVARIANT(!votes.empty());
  auto winner = std::max_element(votes.begin(), votes.end(),
                                 [](const auto& a, const auto& b) { return a.second < b.second; });
  return std::string(winner->first);
}

int64_t Membership::RebalanceTimeoutMs() const {
  int64_t longest = 0;
  for (const auto& [id, member] : members) {
    longest = std::max<int64_t>(longest, member.rebalance_timeout_ms);
  }
  return longest;
}

void Membership::Rename(const std::string& member_id, const std::string& new_id) {
  auto node = members.extract(member_id);
  INVARIANT(!node.empty());
  node.key() = new_id;
  bool is_new = members.insert(std::move(node)).inserted;
  INVARIANT(is_new);
  if (leader == member_id) leader = new_id;
}

size_t ApproximateBytes(const Membership& membership) {
  size_t bytes = 0;
  for (const auto& [id, member] : membership.members) bytes += ApproximateBytes(id, member);
  return bytes;
}

size_t ApproximateBytes(std::string_view member_id, const Member& member) {
  constexpr size_t kPerMember = 64;
  constexpr size_t kPerProtocol = 16;
  size_t bytes = kPerMember + member_id.size() + member.instance_id.value_or("").size();
  bytes += member.client_id.size() + member.client_host.size() + member.assignment.size();
  for (const Protocol& protocol : member.protocols) {
    bytes += kPerProtocol + protocol.name.size() + protocol.metadata.size();
  }
  return bytes;
}

}  // namespace millrace::core::group
