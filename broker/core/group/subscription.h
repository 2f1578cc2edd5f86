// Which topics a consumer has subscribed to, read from the metadata it joins with ("consumer"
// protocols only; Kafka's ConsumerProtocolSubscription, of which every version begins alike).
//
// Pure. The bytes come from clients and may be anything.
#pragma once

#include <string_view>

#include "broker/core/group/group.h"

namespace millrace::core::group {

// The protocol type of consumers; other types share out other things than partitions.
inline constexpr std::string_view kConsumerProtocolType = "consumer";

// Whether a member of the group has subscribed to the topic, or may have: metadata that does not
// parse counts as a subscription to everything. Groups of other types subscribe to nothing.
bool MaySubscribeTo(const Membership& membership, std::string_view topic);

}  // namespace millrace::core::group
