#include "broker/service/log_directories.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "broker/runtime/random.h"
#include "broker/service/log_directory_checks.h"
#include "storage/metadata_names.h"
#include "storage/partition_directory.h"

namespace millrace::service {

namespace {

using storage::FoundPartition;

std::string Text(const absl::Status& status) { return std::string(status.message()); }

// What the disk has done, not what somebody has mixed up: the others can do without it.
bool IsOfTheDisk(const absl::Status& status) {
  return absl::IsInternal(status) || absl::IsPermissionDenied(status) ||
         absl::IsResourceExhausted(status) || absl::IsNotFound(status);
}

// Of several directories the first cannot be done without.
absl::Status OfTheFirst(const absl::Status& status, const LogDirectories::Options& options) {
  if (options.paths.size() == 1 || !IsOfTheDisk(status)) return status;
  return {status.code(),
          fmt::format("the first of log.dirs, which holds the metadata, cannot be opened: {}",
                      Text(status))};
}

void ReportUnopened(const std::string& path, const absl::Status& status) {
  spdlog::critical(
      "{}: the log directory is offline with its partitions, the others serve. Repair or mount its "
      "disk, then restart the broker: {}",
      path, Text(status));
}

}  // namespace

absl::StatusOr<std::unique_ptr<LogDirectories>> LogDirectories::Open(const Options& options) {
  absl::Status status = CheckMetadataIsFirst(options.file_system, options.paths);
  if (!status.ok()) return status;
  std::unique_ptr<LogDirectories> directories(new LogDirectories(options.self));
  for (const std::string& path : options.paths) {
    status = directories->OpenNext(options.file_system, path);
    if (!status.ok()) return directories->all_.empty() ? OfTheFirst(status, options) : status;
  }
  status = CheckDirectoryIds(directories->all_);
  if (status.ok()) status = CheckFoundOnce(directories->all_);
  // Last, so that a refused start leaves all of them as clean as they were.
  if (status.ok()) status = directories->Begin();
  if (!status.ok()) return status;
  return directories;
}

absl::Status LogDirectories::OpenNext(storage::FileSystem& fs, const std::string& path) {
  const bool is_first = all_.empty();
  storage::DataDirectoryOptions options{.broker_id = self_,
                                        .cluster_id_seed = FreshRandomBytes(),
                                        .directory_id_seed = FreshRandomBytes()};
  if (is_first) {
    options.metadata_directory = std::string(storage::kMetadataDirectory);
  } else {
    options.cluster_id = metadata().data->cluster_id();
  }
  auto directory = std::make_unique<LogDirectory>();
  directory->index = all_.size();
  directory->path = std::filesystem::absolute(path).lexically_normal();
  auto opened = storage::DataDirectory::Prepare(fs, path, options);
  if (!opened.ok()) {
    if (is_first || !IsOfTheDisk(opened.status())) return opened.status();
    ReportUnopened(directory->path, opened.status());
    all_.push_back(std::move(directory));
    return absl::OkStatus();
  }
  const std::optional<DirectoryId> id = ParseDirectoryId((*opened)->directory_id());
  if (!id.has_value()) {
    return absl::DataLossError(
        fmt::format("{}/meta.properties cannot be used: '{}' is no directory.id. Restore it; it is "
                    "written once and never changes.",
                    path, (*opened)->directory_id()));
  }
  directory->id = *id;
  directory->data = *std::move(opened);
  directory->is_online = true;
  for (FoundPartition& found : directory->data->TakePartitions()) {
    if (!found.fault.empty()) spdlog::error("{}: {}", directory->PathOf(found), found.fault);
    std::string name = storage::FormatPartitionDirectory(found.topic, found.partition);
    LogDirectory::Found entry{std::move(found)};
    directory->found.emplace(std::move(name),
                             std::make_unique<LogDirectory::Found>(std::move(entry)));
  }
  all_.push_back(std::move(directory));
  return absl::OkStatus();
}

absl::Status LogDirectories::Begin() {
  for (const auto& directory : all_) {
    if (directory->data == nullptr) continue;
    absl::Status begun = directory->data->Begin();
    if (begun.ok()) continue;
    if (directory == all_.front() || !IsOfTheDisk(begun)) return begun;
    ReportUnopened(directory->path, begun);
    directory->is_online = false;
  }
  return absl::OkStatus();
}

void LogDirectories::Watch(const DiskWatch::Environment& like) {
  for (const auto& directory : all_) {
    if (directory->data == nullptr) continue;
    DiskWatch::Environment environment = like;
    environment.path = directory->data->path();
    directory->watch = std::make_unique<DiskWatch>(std::move(environment));
  }
}

awaitable<void> LogDirectories::StartWatching() {
  for (const auto& directory : all_) {
    if (directory->is_online) co_await directory->watch->Start();
  }
}

awaitable<void> LogDirectories::StopWatching() {
  for (const auto& directory : all_) {
    if (directory->watch != nullptr) co_await directory->watch->Stop();
  }
}

bool LogDirectories::Place(std::span<core::PartitionImage> partitions) {
  for (core::PartitionImage& partition : partitions) {
    LogDirectory* chosen = nullptr;
    for (const auto& directory : all_) {
      if (!directory->is_online) continue;
      if (chosen == nullptr || directory->partitions < chosen->partitions) chosen = directory.get();
    }
    if (chosen == nullptr) return false;
    ++chosen->partitions;
    core::SetDirectory(partition, self_, chosen->id);
  }
  return true;
}

void LogDirectories::Release(std::span<const core::PartitionImage> partitions) {
  for (const core::PartitionImage& partition : partitions) {
    LogDirectory* directory = Find(partition);
    if (directory != nullptr) --directory->partitions;
  }
}

bool LogDirectories::Settle(core::TopicImage& topic) {
  bool is_changed = false;
  for (size_t p = 0; p < topic.partitions.size(); ++p) {
    core::PartitionImage& partition = topic.partitions[p];
    const auto& replicas = partition.replicas;
    if (std::find(replicas.begin(), replicas.end(), self_) == replicas.end()) continue;
    const std::optional<DirectoryId> recorded = core::DirectoryOf(partition, self_);
    LogDirectory* where = nullptr;
    LogDirectory::Found* found = FindOnDisk(topic, PartitionIndex(static_cast<int32_t>(p)), where);
    if (found == nullptr && (recorded.has_value() || IsAnyUnopened())) continue;
    if (found == nullptr) where = &metadata();
    if (recorded == where->id) continue;
    // Before there were records of it, there was only the first directory.
    if (found != nullptr) found->was_moved = recorded.value_or(metadata().id) != where->id;
    core::SetDirectory(partition, self_, where->id);
    is_changed = true;
  }
  return is_changed;
}

LogDirectory::Found* LogDirectories::FindOnDisk(const core::TopicImage& topic, PartitionIndex index,
                                                LogDirectory*& where) {
  const std::string name = storage::FormatPartitionDirectory(topic.name, index);
  for (const auto& directory : all_) {
    const auto found = directory->found.find(name);
    if (found == directory->found.end()) continue;
    if (found->second->partition.topic_id != topic.id) continue;
    where = directory.get();
    return found->second.get();
  }
  return nullptr;
}

void LogDirectories::TakeStock(const core::ClusterImage& image) {
  std::map<DirectoryId, int64_t> away;
  int64_t unplaced = 0;
  for (const auto& [name, topic] : image.topics()) {
    for (const core::PartitionImage& partition : topic->partitions) {
      LogDirectory* directory = Find(partition);
      if (directory != nullptr) {
        ++directory->partitions;
      } else if (auto recorded = core::DirectoryOf(partition, self_)) {
        ++away[*recorded];
      } else {
        ++unplaced;
      }
    }
  }
  for (const auto& [id, count] : away) {
    spdlog::critical(
        "{} partitions are offline: they are in the log directory with the directory.id {}, which "
        "{}. Bring it back, and restart the broker",
        count, DirectoryIdText(id), OfflinePaths());
  }
  if (unplaced > 0) {
    spdlog::critical(
        "{} partitions are offline: they were recorded by an older version, which did not note "
        "their log directory, and may be in one that {}. Bring it back, and restart the broker",
        unplaced, OfflinePaths());
  }
  for (const auto& directory : all_) ReportStrays(image, *directory);
}

std::string LogDirectories::OfflinePaths() const {
  std::vector<std::string> paths;
  for (const auto& directory : all_) {
    if (directory->data == nullptr) paths.push_back(directory->path);
  }
  if (paths.empty()) return "is not in log.dirs any more, or not mounted";
  return fmt::format("could not be opened ({}) or is not in log.dirs any more",
                     fmt::join(paths, ", "));
}

void LogDirectories::ReportStrays(const core::ClusterImage& image,
                                  const LogDirectory& directory) const {
  int64_t count = 0;
  std::string example;
  for (const auto& [name, found] : directory.found) {
    const FoundPartition& partition = found->partition;
    if (!partition.topic_id.has_value() || partition.topic == storage::kMetadataTopic) continue;
    const core::TopicImage* topic = image.FindTopic(partition.topic);
    if (topic != nullptr && topic->id == *partition.topic_id) continue;
    std::string path = directory.PathOf(partition);
    if (count++ == 0 || path < example) example = std::move(path);
  }
  if (count == 0) return;
  spdlog::warn(
      "{}: {} partitions in it belong to no topic, such as {}: of topics that were deleted while "
      "it was away. They are left alone and may be removed",
      directory.path, count, example);
}

LogDirectory* LogDirectories::Find(const core::PartitionImage& partition) {
  const std::optional<DirectoryId> id = core::DirectoryOf(partition, self_);
  return id.has_value() ? FindById(*id) : nullptr;
}

LogDirectory* LogDirectories::FindById(const DirectoryId& id) {
  for (const auto& directory : all_) {
    if (directory->data != nullptr && directory->id == id) return directory.get();
  }
  return nullptr;
}

bool LogDirectories::IsAnyUnopened() const {
  return std::any_of(all_.begin(), all_.end(),
                     [](const auto& directory) { return directory->data == nullptr; });
}

bool LogDirectories::TakeOffline(LogDirectory& directory) {
  if (!std::exchange(directory.is_online, false)) return false;
  const bool is_last =
      std::none_of(all_.begin(), all_.end(), [](const auto& other) { return other->is_online; });
  spdlog::critical(
      "{}: the log directory has failed and is offline with its {} partitions; {}. "
      "Repair or replace its disk, then restart the broker",
      directory.path, directory.partitions, is_last ? "there is no other" : "the others serve");
  return true;
}

}  // namespace millrace::service
