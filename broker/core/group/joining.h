// What a group keeps of a JoinGroup, whether it is a classic group or a consumer group.
//
// Pure.
#pragma once

#include <span>
#include <string>

#include "broker/core/group/inputs.h"
#include "broker/core/group/protocol.h"

namespace millrace::core::group {

Protocols Copy(std::span<const Join::Protocol> protocols);

// The id of a new member, which no other one has.
std::string NewMemberId(const Join& join);

}  // namespace millrace::core::group
