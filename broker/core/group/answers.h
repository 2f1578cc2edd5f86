// The answers to JoinGroup and SyncGroup, made of what the group is.
//
// Pure.
#pragma once

#include <string>
#include <string_view>

#include "broker/core/group/group.h"
#include "broker/core/group/inputs.h"

namespace millrace::core::group {

JoinAnswer RefusedJoin(ErrorCode error, std::string_view member_id);
// What a member is told of the present generation; the leader also who the members are.
JoinAnswer Joined(const Membership& membership, const std::string& member_id);

SyncAnswer RefusedSync(ErrorCode error);
SyncAnswer Assigned(const Membership& membership, const Member& member);

}  // namespace millrace::core::group
