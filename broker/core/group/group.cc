#include "broker/core/group/group.h"

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

size_t ApproximateBytes(const Membership& membership) {
  constexpr size_t kPerMember = 64;
  constexpr size_t kPerProtocol = 16;
  size_t bytes = 0;
  for (const auto& [id, member] : membership.members) {
    bytes += kPerMember + id.size() + member.instance_id.value_or("").size();
    bytes += member.client_id.size() + member.client_host.size() + member.assignment.size();
    for (const Protocol& protocol : member.protocols) {
      bytes += kPerProtocol + protocol.name.size() + protocol.metadata.size();
    }
  }
  return bytes;
}

}  // namespace millrace::core::group
