// `millrace log dump`.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "storage/directory_listing.h"
#include "storage/file_system.h"
#include "storage/metadata_names.h"
#include "storage/segment_files.h"
#include "tools/dump_files.h"
#include "tools/dump_internal.h"
#include "tools/dump_log.h"
#include "tools/log_commands.h"

namespace millrace::tools {
namespace {

bool HoldsBatches(std::string_view name) {
  if (name == storage::kMetadataSnapshot) return true;
  const auto segment = storage::ParseSegmentName(name);
  if (!segment.has_value()) return false;
  // Also what waits to be removed, or was cut: "<base>.log.deleted", "<base>.cut".
  return segment->suffix.starts_with(storage::kLogSuffix) || segment->suffix == storage::kCutSuffix;
}

// The segments of the directory, in order; empty: it has none.
absl::StatusOr<std::vector<std::string>> SegmentsOf(const std::string& directory) {
  const auto listing = storage::ListLogDirectory(storage::PosixFileSystem(), directory);
  if (!listing.ok()) return listing.status();
  std::vector<std::string> paths;
  for (const Offset base : listing->segments) {
    paths.push_back(storage::SegmentFilePath(directory, base, storage::kLogSuffix));
  }
  return paths;
}

class Dumping {
 public:
  explicit Dumping(const LogDumpOptions& options) : options_(options), log_(options) {}

  int Run();

 private:
  int DumpPath(std::string path);
  int DumpFile(const std::string& path);

  const LogDumpOptions& options_;
  LogDump log_;
  bool names_files_ = false;  // more than one file: each is introduced by its name
};

int Dumping::Run() {
  names_files_ = options_.paths.size() > 1;
  int code = kWhole;
  for (const std::string& path : options_.paths) {
    if (log_.is_done()) break;
    code = std::max(code, DumpPath(path));
  }
  return code;
}

int Dumping::DumpPath(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const auto segments = SegmentsOf(path);
  if (!segments.ok()) return DumpFile(path);  // no directory
  if (segments->empty()) {
    PrintError(
        fmt::format("{} is a directory without segments; name the directory of a partition, "
                    "or files",
                    path));
    return kCannotLook;
  }
  names_files_ = names_files_ || segments->size() > 1;
  int code = kWhole;
  for (size_t i = 0; i < segments->size() && !log_.is_done(); ++i) {
    // A segment that ends before the first offset that is wanted need not be read.
    if (options_.from.has_value() && i + 1 < segments->size()) {
      const std::string& next = (*segments)[i + 1];
      const auto name = storage::ParseSegmentName(next.substr(next.rfind('/') + 1));
      if (name.has_value() && name->offset.value() <= *options_.from) continue;
    }
    code = std::max(code, DumpFile((*segments)[i]));
  }
  return code;
}

int Dumping::DumpFile(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  const bool is_small = IsSmallFile(name);
  if (!is_small && !HoldsBatches(name)) {
    PrintError(
        fmt::format("{}: not a file that can be dumped. Those are segments (.log), .index, "
                    ".timeindex, .txnindex, .snapshot, checkpoints, partition.metadata and "
                    "meta.properties, by their names.",
                    path));
    return kCannotLook;
  }
  if (names_files_ && !options_.json) PrintLine(path + ":");
  return is_small ? DumpSmallFile(path, options_) : log_.Dump(path);
}

}  // namespace

int DumpLog(const LogDumpOptions& options) { return Dumping(options).Run(); }

}  // namespace millrace::tools
