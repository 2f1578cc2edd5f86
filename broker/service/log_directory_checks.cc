#include "broker/service/log_directory_checks.h"

#include <optional>

#include <fmt/format.h>

#include "storage/directory_survey.h"
#include "storage/metadata_names.h"

namespace millrace::service {

namespace {

using storage::DirectorySurvey;
using storage::FoundPartition;

// Why the first directory must not begin without metadata beside what the other one holds; none: it
// may. `first` holds none.
std::optional<std::string> LostMetadata(const DirectorySurvey& first, const DirectorySurvey& other,
                                        const std::string& first_path, const std::string& path) {
  if (other.has_metadata) {
    return fmt::format(
        "the metadata is in {} ({}), but {} is the first of log.dirs, where it is looked for. Put "
        "{} first.",
        path, storage::kMetadataDirectory, first_path, path);
  }
  if (other.partition.empty() && (first.has_identity || !other.has_identity)) return std::nullopt;
  return fmt::format(
      "{} was in use before, but {}, the first of log.dirs, holds no metadata ({}): without it the "
      "topics are not known. Mount or restore the directory that held it and name it first; or "
      "empty all of them to begin anew.",
      path, first_path, storage::kMetadataDirectory);
}

// One whose creation was cut short is no partition yet.
bool IsThere(const FoundPartition& found) {
  return found.topic_id.has_value() || !found.fault.empty();
}

// Of another topic with the same name; what cannot be read may be of the same one.
bool AreOfTwoTopics(const FoundPartition& a, const FoundPartition& b) {
  return a.topic_id.has_value() && b.topic_id.has_value() && *a.topic_id != *b.topic_id;
}

}  // namespace

absl::Status CheckMetadataIsFirst(storage::FileSystem& fs, const std::vector<std::string>& paths) {
  const auto first = storage::SurveyDirectory(fs, paths[0], storage::kMetadataDirectory);
  if (!first.ok()) return absl::OkStatus();  // it is not opened either, which says why
  for (size_t i = 1; i < paths.size(); ++i) {
    const auto other = storage::SurveyDirectory(fs, paths[i], storage::kMetadataDirectory);
    if (first->has_metadata) {
      if (!other.ok() || !other->has_metadata) continue;
      return absl::FailedPreconditionError(
          fmt::format("{} and {} both hold a broker's metadata ({}). Keep the one that this broker "
                      "used last.",
                      paths[0], paths[i], storage::kMetadataDirectory));
    }
    if (!other.ok()) {
      return absl::FailedPreconditionError(
          fmt::format("{}, the first of log.dirs, holds no metadata, and whether {} does cannot be "
                      "seen: {}. A broker begins with directories that are all in order.",
                      paths[0], paths[i], std::string(other.status().message())));
    }
    if (auto lost = LostMetadata(*first, *other, paths[0], paths[i])) {
      return absl::FailedPreconditionError(*lost);
    }
  }
  return absl::OkStatus();
}

absl::Status CheckDirectoryIds(LogDirectorySpan all) {
  for (const auto& directory : all) {
    for (const auto& other : all) {
      if (other == directory) break;
      if (directory->data == nullptr || directory->id != other->id) continue;
      return absl::FailedPreconditionError(fmt::format(
          "{} is a copy of {}, or was: both have the directory.id {} in meta.properties. Use one "
          "of them only.",
          directory->path, other->path, DirectoryIdText(directory->id)));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckFoundOnce(LogDirectorySpan all) {
  for (const auto& directory : all) {
    for (const auto& other : all) {
      if (other == directory) break;
      for (const auto& [name, found] : directory->found) {
        const auto twin = other->found.find(name);
        if (twin == other->found.end()) continue;
        const FoundPartition& a = twin->second->partition;
        const FoundPartition& b = found->partition;
        if (!IsThere(a) || !IsThere(b) || AreOfTwoTopics(a, b)) continue;
        return absl::FailedPreconditionError(
            fmt::format("a partition is there twice: {} and {}. Keep the one with all of its "
                        "records, and move the other one out of the log directories.",
                        other->PathOf(a), directory->PathOf(b)));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace millrace::service
