// Which names a topic may have: Kafka's rule. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace millrace {

inline constexpr size_t kTopicNameBytesMax = 249;

// Why a topic may not have this name; none: it may. Allocates only for a reason.
std::optional<std::string> InvalidTopicName(std::string_view name);

}  // namespace millrace
