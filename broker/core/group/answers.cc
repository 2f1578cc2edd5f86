#include "broker/core/group/answers.h"

#include "proto/invariant.h"

namespace millrace::core::group {

JoinAnswer RefusedJoin(ErrorCode error, std::string_view member_id) {
  JoinAnswer answer;
  answer.error = error;
  answer.member_id = member_id;
  return answer;
}

JoinAnswer Joined(const Membership& membership, const std::string& member_id) {
  JoinAnswer answer{.generation = membership.generation,
                    .protocol_type = membership.protocol_type,
                    .protocol = membership.protocol,
                    .leader = membership.leader.value_or(""),
                    .member_id = member_id,
                    .members = {}};
  if (membership.leader != member_id) return answer;
  for (const auto& [id, member] : membership.members) {
    const Protocol* protocol = member.FindProtocol(*membership.protocol);
    INVARIANT(protocol != nullptr);
    answer.members.push_back({id, member.instance_id, protocol->metadata});
  }
  return answer;
}

SyncAnswer RefusedSync(ErrorCode error) {
  SyncAnswer answer;
  answer.error = error;
  return answer;
}

SyncAnswer Assigned(const Membership& membership, const Member& member) {
  return {.protocol_type = membership.protocol_type,
          .protocol = membership.protocol,
          .assignment = member.assignment};
}

}  // namespace millrace::core::group
