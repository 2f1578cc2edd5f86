// What must hold between the log directories of a broker before it uses any of them. Errors name
// the two that do not fit together, and say what to do.
//
// The first check only looks at the disk and blocks; the others are pure.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "broker/service/log_directories.h"

namespace millrace::service {

using LogDirectorySpan = std::span<const std::unique_ptr<LogDirectory>>;

// An empty cluster must never begin because the directory that holds the metadata is not the first,
// where it is looked for.
absl::Status CheckMetadataIsFirst(storage::FileSystem& fs, const std::vector<std::string>& paths);
// No directory is another's copy.
absl::Status CheckDirectoryIds(LogDirectorySpan all);
// No partition was found in two of them.
absl::Status CheckFoundOnce(LogDirectorySpan all);

}  // namespace millrace::service
