// The bytes of a consumer group's member in a partition of __consumer_offsets, and how many they
// may be.
//
// Pure. Format: docs/formats/groups.md.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "broker/core/group/consumer_group.h"

namespace millrace::core::group {

std::string EncodeConsumerMember(const ConsumerMember& member);
// None: it does not parse.
std::optional<ConsumerMember> DecodeConsumerMember(std::string_view bytes);

// Of a member's record, besides its partitions.
inline constexpr size_t kMemberBytesMax = 300'000;

// About that size.
size_t ApproximateBytes(std::string_view member_id, const ConsumerMember& member);
// Leaves of a target what a record can hold.
void KeepWhatFits(PartitionSet& target);
bool FitsRecord(std::string_view member_id, const ConsumerMember& member);

}  // namespace millrace::core::group
