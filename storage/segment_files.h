// The names of a segment's files in a partition's directory, and how they are opened.
//
// Stateless; opening blocks. Format of the names: docs/formats/log.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "proto/types.h"
#include "storage/file_system.h"

namespace millrace::storage {

inline constexpr std::string_view kLogSuffix = ".log";
inline constexpr std::string_view kIndexSuffix = ".index";
inline constexpr std::string_view kTimeIndexSuffix = ".timeindex";
inline constexpr std::string_view kTxnIndexSuffix = ".txnindex";
inline constexpr std::string_view kSnapshotSuffix = ".snapshot";
// Appended to the whole name of a file that waits to be unlinked.
inline constexpr std::string_view kDeletedSuffix = ".deleted";
// Bytes that recovery cut although intact batches stood in them; named by the offset of the cut.
inline constexpr std::string_view kCutSuffix = ".cut";
inline constexpr std::string_view kLeaderEpochFile = "leader-epoch-checkpoint";

// "00000000000000000042.log"
std::string SegmentFileName(Offset offset, std::string_view suffix);
std::string SegmentFilePath(const std::string& directory, Offset offset, std::string_view suffix);

struct SegmentName {
  Offset offset;
  std::string_view suffix;  // what follows the twenty digits; a view into the name
};
// None for a name that does not start with twenty digits that are an offset.
std::optional<SegmentName> ParseSegmentName(std::string_view name);

// A number that differs between the segments of different logs.
uint64_t SegmentJitter(const std::string& directory, Offset base);

struct SegmentFiles {
  std::shared_ptr<File> log;
  std::shared_ptr<File> index;
  std::shared_ptr<File> time_index;
};

// Opens the files of a segment whose log exists; missing indexes are created empty.
absl::StatusOr<SegmentFiles> OpenSegmentFiles(FileSystem& fs, const std::string& directory,
                                              Offset base);
// Likewise, of a segment whose files are all known to be there; opened when they are used.
absl::StatusOr<SegmentFiles> OpenSegmentFilesLater(FileSystem& fs, const std::string& directory,
                                                   Offset base);
// Creates the files of a new segment; what an attempt that failed left behind is emptied. After a
// failure there is no log file.
absl::StatusOr<SegmentFiles> CreateSegmentFiles(FileSystem& fs, const std::string& directory,
                                                Offset base);

}  // namespace millrace::storage
