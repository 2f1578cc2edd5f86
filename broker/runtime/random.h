// The only place that makes random bytes (the kernel's). Everything else gets them as arguments.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace millrace {

using RandomBytes = std::array<std::byte, 16>;

RandomBytes FreshRandomBytes();
// Positive, never 0: for session ids.
int32_t FreshPositiveInt();

}  // namespace millrace
