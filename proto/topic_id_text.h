// Topic ids (and the other UUIDs of Kafka's files) as text: base64url without padding, 22
// characters. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proto/types.h"

namespace millrace {

std::string TopicIdText(const TopicId& id);

// None unless `text` is exactly what TopicIdText writes for some id.
std::optional<TopicId> ParseTopicId(std::string_view text);

// A UUID of version 4 from random bytes. Its text never starts with '-', which a command line would
// take for an option.
TopicId RandomTopicId(std::span<const std::byte, 16> random);

}  // namespace millrace
