// How a member of a consumer group gets from what it has to what it is to have.
//
// Pure. As KIP-848 describes it: a member gives up first, and takes only what nobody holds. Only
// when it has given up all that it must does it enter the target's epoch.
#pragma once

#include <optional>

#include <absl/functional/function_ref.h>

#include "broker/core/group/consumer_group.h"

namespace millrace::core::group {

// The member after a heartbeat in which it said that it owns `owned`; none: it said nothing. Only
// its state, epochs and partitions may change.
ConsumerMember Reconcile(const ConsumerMember& member, MemberEpoch target_epoch,
                         const std::optional<PartitionSet>& owned,
                         absl::FunctionRef<bool(const TopicPartition&)> is_free);

}  // namespace millrace::core::group
