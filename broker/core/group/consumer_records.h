// The bytes of a consumer group's member in a partition of __consumer_offsets.
//
// Pure. Format: docs/formats/groups.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/core/group/consumer_group.h"

namespace millrace::core::group {

std::string EncodeConsumerMember(const ConsumerMember& member);
// None: it does not parse.
std::optional<ConsumerMember> DecodeConsumerMember(std::string_view bytes);

}  // namespace millrace::core::group
