// What a data directory holds, for who must know before it is opened. Only looks: nothing is
// created, locked or read to its end. Blocks; any thread.
#pragma once

#include <string>
#include <string_view>

#include <absl/status/statusor.h>

#include "storage/file_system.h"

namespace millrace::storage {

struct DirectorySurvey {
  bool has_identity = false;   // a meta.properties: some broker has used it
  bool has_metadata = false;   // the directory that was asked for
  std::string partition = {};  // the name of another partition's directory; empty: there is none
};

// A directory that does not exist holds nothing.
absl::StatusOr<DirectorySurvey> SurveyDirectory(FileSystem& fs, const std::string& path,
                                                std::string_view metadata_directory);

}  // namespace millrace::storage
