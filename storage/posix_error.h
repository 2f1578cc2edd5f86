// Turns an errno into the absl::Status that file_system.h promises; the message names the system
// call, the path and the reason. Any thread.
#pragma once

#include <string_view>

#include <absl/status/status.h>

namespace millrace::storage {

// Precondition: error is an errno of a call that failed, not 0.
absl::Status PosixError(std::string_view call, std::string_view path, int error);
// Likewise of a sync: whatever the reason, what was to become durable is lost (file_system.h).
absl::Status SyncError(std::string_view call, std::string_view path, int error);

}  // namespace millrace::storage
