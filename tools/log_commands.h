// `millrace log`: looks at files without a broker, and never writes anything. Each command returns
// the process's exit code: 0 whole, 1 damage was found, 2 nothing could be looked at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace millrace::tools {

struct LogDumpOptions {
  std::vector<std::string> paths;  // files, or directories of partitions
  bool json = false;
  bool records = false;
  std::optional<int64_t> from;                   // the first offset to show
  std::optional<int64_t> to;                     // the last one
  std::optional<int64_t> limit;                  // so many batches or records in all
  int64_t max_bytes = 1024;                      // of a key, a value or a header
  int64_t max_batch_bytes = int64_t{256} << 20;  // decompressed
};
int DumpLog(const LogDumpOptions& options);

struct LogVerifyOptions {
  std::vector<std::string> directories;  // data directories, or those of partitions
  bool json = false;
  bool quiet = false;                            // no progress
  int64_t max_batch_bytes = int64_t{256} << 20;  // decompressed
};
int VerifyLog(const LogVerifyOptions& options);

}  // namespace millrace::tools
