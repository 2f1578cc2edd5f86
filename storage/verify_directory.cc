#include "storage/verify_directory.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "storage/data_directory_names.h"
#include "storage/directory_facts.h"
#include "storage/directory_listing.h"
#include "storage/partition_directory.h"
#include "storage/segment_files.h"

namespace millrace::storage {
namespace {

class DirectoryVerification {
 public:
  DirectoryVerification(FileSystem& fs, const std::string& path, const VerifyOptions& options,
                        VerifySinks sinks)
      : fs_(fs), path_(path), options_(options), sinks_(sinks) {}

  absl::StatusOr<DirectoryReport> Run();
  // Only one of its partitions.
  absl::StatusOr<DirectoryReport> RunOne(const std::string& name);

 private:
  void Report(Severity severity, FindingKind kind, std::string_view name, std::string what);
  bool IsKnown(const std::string& name) const;
  void CheckNames();
  void CheckCheckpointNames();
  void CheckTopicIds();
  PartitionToVerify Plan(const std::string& name, const PartitionDirectoryName& parsed) const;

  FileSystem& fs_;
  const std::string& path_;
  const VerifyOptions& options_;
  VerifySinks sinks_;
  DirectoryFacts facts_;
  DirectoryReport report_;
  // Of the partitions that were verified, in their order.
  std::vector<PartitionDirectoryName> names_;
};

void DirectoryVerification::Report(Severity severity, FindingKind kind, std::string_view name,
                                   std::string what) {
  sinks_.found({.severity = severity,
                .kind = kind,
                .path = name.empty() ? path_ : fmt::format("{}/{}", path_, name),
                .position = std::nullopt,
                .offset = std::nullopt,
                .what = std::move(what)});
}

absl::StatusOr<DirectoryReport> DirectoryVerification::Run() {
  auto facts = LookAtDirectory(fs_, path_, sinks_.found);
  if (!facts.ok()) return facts.status();
  facts_ = *std::move(facts);
  const bool has_partitions =
      std::any_of(facts_.names.begin(), facts_.names.end(),
                  [](const auto& name) { return ParsePartitionDirectory(name).has_value(); });
  if (!facts_.has_identity && !has_partitions) {
    return absl::NotFoundError(fmt::format(
        "{} is no data directory: it holds neither meta.properties nor partitions", path_));
  }
  report_.is_in_use = facts_.is_in_use;
  report_.was_closed = facts_.was_closed;
  if (facts_.is_in_use) {
    Report(Severity::kNotice, FindingKind::kUncleanStop, {},
           "a broker is using it: what it writes at this moment may look unfinished");
  } else if (!facts_.was_closed) {
    Report(Severity::kNotice, FindingKind::kUncleanStop, {},
           "was not closed in order: the next start cuts what an append left unfinished");
  }
  if (!facts_.has_identity) {
    Report(Severity::kError, FindingKind::kIdentity, kMetaProperties,
           "is missing: nothing says whose partitions these are, and no broker will start here");
  }
  CheckNames();
  for (const std::string& name : facts_.names) {
    const auto parsed = ParsePartitionDirectory(name);
    if (!parsed.has_value()) continue;
    report_.partitions.push_back(VerifyPartition(fs_, Plan(name, *parsed), options_, sinks_));
    names_.push_back(*parsed);
  }
  CheckCheckpointNames();
  CheckTopicIds();
  return std::move(report_);
}

absl::StatusOr<DirectoryReport> DirectoryVerification::RunOne(const std::string& name) {
  // What is wrong with the files of the data directory is not asked for here.
  auto facts = LookAtDirectory(fs_, path_, [](const Finding&) {});
  if (facts.ok()) facts_ = *std::move(facts);
  // A partition's directory that lies alone was copied, from where it was at rest.
  if (!facts_.has_identity) facts_.was_closed = true;
  report_.is_in_use = facts_.is_in_use;
  report_.was_closed = facts_.was_closed;
  const auto parsed = ParsePartitionDirectory(name).value_or(PartitionDirectoryName{});
  report_.partitions.push_back(VerifyPartition(fs_, Plan(name, parsed), options_, sinks_));
  return std::move(report_);
}

PartitionToVerify DirectoryVerification::Plan(const std::string& name,
                                              const PartitionDirectoryName& parsed) const {
  return {.path = fmt::format("{}/{}", path_, name),
          .was_closed = facts_.was_closed,
          .is_in_use = facts_.is_in_use,
          .recovery_point = facts_.OffsetOf(kRecoveryPoints, parsed.topic, parsed.partition),
          .log_start = facts_.OffsetOf(kLogStarts, parsed.topic, parsed.partition),
          .is_metadata = name == options_.metadata_directory};
}

bool DirectoryVerification::IsKnown(const std::string& name) const {
  constexpr std::array<std::string_view, 4> kFiles = {kMetaProperties, kCleanMarker, kManifest,
                                                      ".lock"};
  return std::find(kFiles.begin(), kFiles.end(), name) != kFiles.end() || IsCheckpointName(name) ||
         ParsePartitionDirectory(name).has_value();
}

void DirectoryVerification::CheckNames() {
  for (const std::string& name : facts_.names) {
    if (IsKnown(name)) continue;
    if (IsDeletedDirectory(name)) {
      Report(Severity::kNotice, FindingKind::kStray, name,
             "is a deleted partition that waits to be removed");
    } else if (name.ends_with(".tmp")) {
      if (!facts_.is_in_use) {
        Report(Severity::kNotice, FindingKind::kStray, name, "was left by unfinished work");
      }
    } else {
      Report(Severity::kNotice, FindingKind::kStray, name, "is nothing of a broker's");
    }
  }
}

void DirectoryVerification::CheckCheckpointNames() {
  for (const FoundCheckpoint& checkpoint : facts_.checkpoints) {
    for (const auto& [partition, offset] : checkpoint.offsets) {
      const auto name = FormatPartitionDirectory(partition.first, partition.second);
      const bool is_there = std::binary_search(facts_.names.begin(), facts_.names.end(), name);
      if (is_there) continue;
      Report(Severity::kNotice, FindingKind::kCheckpoint, checkpoint.name,
             fmt::format("names {}, of which there is no directory", name));
    }
  }
}

// All partitions of a topic carry its id, and no other topic's do.
void DirectoryVerification::CheckTopicIds() {
  std::map<std::string, TopicId> by_topic;
  std::map<TopicId, std::string> by_id;
  for (size_t i = 0; i < report_.partitions.size(); ++i) {
    const PartitionSummary& partition = report_.partitions[i];
    if (!partition.topic_id.has_value()) continue;
    const std::string& topic = names_[i].topic;
    const auto& known = *by_topic.try_emplace(topic, *partition.topic_id).first;
    const auto& owner = *by_id.try_emplace(*partition.topic_id, topic).first;
    std::string what;
    if (known.second != *partition.topic_id) {
      what = "its topic id is not that of the topic's other partitions";
    } else if (owner.second != topic) {
      what = fmt::format("its topic id is that of topic {}", owner.second);
    } else {
      continue;
    }
    sinks_.found({.severity = Severity::kError,
                  .kind = FindingKind::kTopicId,
                  .path = partition.path,
                  .position = std::nullopt,
                  .offset = std::nullopt,
                  .what = std::move(what)});
  }
}

// Whether there are segments in it, as in a partition's directory.
absl::StatusOr<bool> HoldsSegments(FileSystem& fs, const std::string& path) {
  const auto listing = ListLogDirectory(fs, path);
  if (!listing.ok()) return listing.status();
  return !listing->segments.empty();
}

std::string WithoutSlashes(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

}  // namespace

absl::StatusOr<DirectoryReport> VerifyDirectory(FileSystem& fs, const std::string& path,
                                                const VerifyOptions& options, VerifySinks sinks) {
  const std::string directory = WithoutSlashes(path);
  const auto is_partition = HoldsSegments(fs, directory);
  if (!is_partition.ok()) return is_partition.status();
  if (!*is_partition) return DirectoryVerification(fs, directory, options, sinks).Run();
  const std::string parent = ParentDirectory(directory);
  const std::string name = directory.substr(directory.rfind('/') + 1);
  return DirectoryVerification(fs, parent, options, sinks).RunOne(name);
}

int64_t LogBytesOf(FileSystem& fs, const std::string& path) {
  const auto names = fs.List(path);
  if (!names.ok()) return 0;
  int64_t bytes = 0;
  for (const std::string& name : *names) {
    const std::string inner = fmt::format("{}/{}", path, name);
    if (ParsePartitionDirectory(name).has_value()) {
      bytes += LogBytesOf(fs, inner);
      continue;
    }
    const auto segment = ParseSegmentName(name);
    if (!segment.has_value() || segment->suffix != kLogSuffix) continue;
    const auto file = fs.Open(inner, OpenMode::kReadOnly);
    if (!file.ok()) continue;
    bytes += (*file)->Size().value_or(0);
  }
  return bytes;
}

}  // namespace millrace::storage
