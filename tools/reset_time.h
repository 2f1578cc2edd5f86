// Times and durations of ISO 8601, as people write them on a command line.
#pragma once

#include <string_view>

#include <absl/status/statusor.h>

#include "proto/types.h"

namespace millrace::tools {

// 2024-02-29, 2024-02-29T12:30, with :45 and .678, and with Z, +01:00 or +0100; UTC without. Not
// before 1970.
absl::StatusOr<TimestampMs> ParseDateTime(std::string_view text);

// P1DT12H30M5.5S, P2W. In milliseconds, not negative. Years and months are refused: how long they
// are depends on where they begin.
absl::StatusOr<int64_t> ParseDurationMs(std::string_view text);

}  // namespace millrace::tools
