// Prints the small files of a data directory: indexes, producer snapshots, checkpoints.
#pragma once

#include <string>
#include <string_view>

#include "tools/log_commands.h"

namespace millrace::tools {

// Whether the file is one of them, by its name.
bool IsSmallFile(std::string_view name);

// Returns an exit code. Precondition: IsSmallFile(the path's last part).
int DumpSmallFile(const std::string& path, const LogDumpOptions& options);

}  // namespace millrace::tools
