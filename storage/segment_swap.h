// How a segment that compaction has written takes the place of those that it was made from, so that
// a crash at any moment leaves the old ones or the new one.
//
//   1. <base>.log.cleaned and its indexes are written and synced    removed on open
//   2. the log file is renamed to <base>.log.swap, directory synced from here on the new one counts
//   3. the old files are renamed to .deleted, directory synced
//   4. .swap gets its final name, directory synced
//
// Blocking; any thread, one swap of a log at a time. Format: docs/formats/log.md, "Compaction".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "proto/types.h"
#include "storage/file_system.h"
#include "storage/segment_files.h"

namespace millrace::storage {

inline constexpr std::string_view kCleanedSuffix = ".cleaned";
inline constexpr std::string_view kSwapSuffix = ".swap";

// Creates the files of step 1, empty.
absl::StatusOr<SegmentFiles> CreateCleanedFiles(FileSystem& fs, const std::string& directory,
                                                Offset base);
// Takes them back, as far as they are there.
void RemoveCleanedFiles(FileSystem& fs, const std::string& directory, Offset base);

// Steps 2 to 4. `replaced` are the bases of the old segments, the first is `base`. The new names of
// their files are added to `deleted`. After an error the files may be in any state between: only
// opening the log again brings order.
absl::Status SwapSegments(FileSystem& fs, const std::string& directory,
                          const std::vector<Offset>& replaced, std::vector<std::string>& deleted);

// On open: finishes the swaps that a crash has cut short, after which the directory has to be
// listed anew. `swaps` are the bases of the .log.swap files found, `segments` those of the .log
// files, both ascending. DataLossError: a .swap file is damaged; nothing was changed.
absl::Status FinishSwaps(FileSystem& fs, const std::string& directory,
                         const std::vector<Offset>& swaps, const std::vector<Offset>& segments);

}  // namespace millrace::storage
