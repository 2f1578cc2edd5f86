// Reads what the leader of a group of consumers has assigned to a member.
#pragma once

#include <optional>

#include "proto/wire/codec.h"
#include "tools/group_facts.h"

namespace millrace::tools {

// None when the bytes are no ConsumerProtocolAssignment. No bytes: nothing is assigned. In the
// order of topic and partition, nothing twice.
std::optional<TopicPartitions> DecodeConsumerAssignment(wire::Bytes bytes);

}  // namespace millrace::tools
