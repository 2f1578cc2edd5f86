#include "storage/directory_survey.h"

#include <vector>

#include "storage/data_directory_names.h"
#include "storage/partition_directory.h"

namespace millrace::storage {

absl::StatusOr<DirectorySurvey> SurveyDirectory(FileSystem& fs, const std::string& path,
                                                std::string_view metadata_directory) {
  const absl::StatusOr<std::vector<std::string>> names = fs.List(path);
  DirectorySurvey survey;
  if (absl::IsNotFound(names.status())) return survey;
  if (!names.ok()) return names.status();
  for (const std::string& name : *names) {
    if (name == kMetaProperties) survey.has_identity = true;
    if (name == metadata_directory) {
      survey.has_metadata = true;
    } else if (survey.partition.empty() && ParsePartitionDirectory(name).has_value()) {
      survey.partition = name;
    }
  }
  return survey;
}

}  // namespace millrace::storage
