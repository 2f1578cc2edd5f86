// Bit fields of the operations that a client may do, in answers about clusters, topics and groups.
#pragma once

#include <cstdint>
#include <limits>

namespace millrace::wire {

// The value of such a field where the request did not ask for it.
inline constexpr int32_t kOperationsNotRequested = std::numeric_limits<int32_t>::min();

}  // namespace millrace::wire
