#include "storage/data_directory.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>

#include "proto/invariant.h"
#include "proto/topic_id_text.h"
#include "storage/checkpoint_file.h"
#include "storage/data_directory_names.h"
#include "storage/partition_directory.h"

namespace millrace::storage {
namespace {

using OffsetByPartition = std::map<std::pair<std::string, PartitionIndex>, Offset>;

// Creates the directory and makes it, and every parent that was missing, durable.
absl::Status CreateDurably(FileSystem& fs, const std::string& path) {
  std::vector<std::string> missing;
  for (std::string at = path; at != "." && at != "/" && !fs.Exists(at); at = ParentDirectory(at)) {
    missing.push_back(at);
  }
  if (missing.empty()) return absl::OkStatus();
  if (absl::Status made = fs.CreateDirectories(path); !made.ok()) return made;
  for (const std::string& made : missing) {
    if (absl::Status synced = fs.SyncDirectory(ParentDirectory(made)); !synced.ok()) return synced;
  }
  return absl::OkStatus();
}

// Adds what to do about it to a status that a stranger could not act on.
absl::Status Explain(const absl::Status& status, const std::string& path) {
  if (!absl::IsPermissionDenied(status)) return status;
  return absl::PermissionDeniedError(
      fmt::format("{}. The user that runs the broker needs to read and write the data directory: "
                  "chown -R USER {}, or use another directory.",
                  std::string(status.message()), path));
}

absl::StatusOr<OffsetByPartition> LoadCheckpoint(FileSystem& fs, const std::string& path) {
  OffsetByPartition offsets;
  const absl::StatusOr<std::string> text = ReadWholeFile(fs, path);
  if (absl::IsNotFound(text.status())) return offsets;
  if (!text.ok()) return text.status();
  absl::StatusOr<std::vector<TopicPartitionOffset>> entries = DecodeCheckpoint(*text);
  if (!entries.ok()) {
    return absl::DataLossError(fmt::format(
        "{} is damaged: {}. Restore it, or delete it: then every partition here is checked from "
        "its first record, and records deleted by DeleteRecords may come back.",
        path, std::string(entries.status().message())));
  }
  for (TopicPartitionOffset& entry : *entries) {
    offsets.insert_or_assign({std::move(entry.topic), entry.partition}, entry.offset);
  }
  return offsets;
}

// It names the manifest that was written with it: an older one says nothing, though another
// program, or an older version of this one, has closed the directory in order since. A broker
// epoch, which Kafka keeps here, is none of ours.
std::string CleanMarkerContent(uint32_t manifest_checksum) {
  return fmt::format(R"({{"version":0,"brokerEpoch":-1,"manifest":"{:08x}"}})", manifest_checksum);
}

Offset OffsetOf(const OffsetByPartition& offsets, const PartitionDirectoryName& name) {
  const auto found = offsets.find({name.topic, name.partition});
  return found == offsets.end() ? Offset(0) : found->second;
}

absl::Status CheckIdentity(const MetaProperties& found, const DataDirectoryOptions& options,
                           const std::string& file) {
  if (found.node_id != options.broker_id) {
    return absl::FailedPreconditionError(fmt::format(
        "{} belongs to broker {}, but this is broker {}. Set node.id to {}, or give this broker a "
        "directory of its own.",
        file, found.node_id.value(), options.broker_id.value(), found.node_id.value()));
  }
  if (options.cluster_id && *options.cluster_id != found.cluster_id) {
    return absl::FailedPreconditionError(fmt::format(
        "{} belongs to cluster {}, but this broker is in cluster {}. Use the directory that this "
        "broker had before, or an empty one.",
        file, found.cluster_id, *options.cluster_id));
  }
  return absl::OkStatus();
}

// The first of the names that a partition's directory has.
std::optional<std::string> FirstPartition(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (ParsePartitionDirectory(name)) return name;
  }
  return std::nullopt;
}

// Kafka's directory has the same identity file, and partitions that our metadata knows nothing of.
absl::Status CheckMetadata(const std::vector<std::string>& names,
                           const DataDirectoryOptions& options, const std::string& path) {
  const bool is_ours =
      options.metadata_directory.empty() ||
      std::find(names.begin(), names.end(), options.metadata_directory) != names.end();
  const std::optional<std::string> partition = FirstPartition(names);
  if (is_ours || !partition.has_value()) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "{} holds partitions ({}), but not this broker's metadata ({}): it is another program's, "
      "Kafka's perhaps, whose data cannot be taken over yet. Use another directory.",
      path, *partition, options.metadata_directory));
}

}  // namespace

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::Open(
    FileSystem& fs, std::string path, const DataDirectoryOptions& options) {
  auto directory = Prepare(fs, std::move(path), options);
  if (!directory.ok()) return directory;
  if (absl::Status begun = (*directory)->Begin(); !begun.ok()) return begun;
  return directory;
}

absl::StatusOr<std::unique_ptr<DataDirectory>> DataDirectory::Prepare(
    FileSystem& fs, std::string path, const DataDirectoryOptions& options) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (absl::Status made = CreateDurably(fs, path); !made.ok()) return Explain(made, path);
  absl::StatusOr<DirectoryLock> lock = DirectoryLock::Take(fs, path);
  if (!lock.ok()) return Explain(lock.status(), path);
  std::unique_ptr<DataDirectory> directory(new DataDirectory(fs, path, *std::move(lock)));
  if (absl::Status loaded = directory->Load(options); !loaded.ok()) return Explain(loaded, path);
  return directory;
}

absl::Status DataDirectory::Load(const DataDirectoryOptions& options) {
  const absl::StatusOr<std::vector<std::string>> names = fs_.List(path_);
  if (!names.ok()) return names.status();
  if (absl::Status status = LoadIdentity(options, *names); !status.ok()) return status;
  return FindPartitions(*names);
}

std::string DataDirectory::FilePath(std::string_view name) const {
  return fmt::format("{}/{}", path_, name);
}

std::string DataDirectory::PathOf(std::string_view topic, PartitionIndex partition) const {
  return FilePath(FormatPartitionDirectory(topic, partition));
}

absl::Status DataDirectory::LoadIdentity(const DataDirectoryOptions& options,
                                         const std::vector<std::string>& names) {
  const std::string file = FilePath(kMetaProperties);
  const absl::StatusOr<std::string> text = ReadWholeFile(fs_, file);
  if (text.ok()) {
    absl::StatusOr<MetaProperties> found = DecodeMetaProperties(*text);
    if (!found.ok()) {
      return absl::DataLossError(
          fmt::format("{} cannot be used: {}. Restore it; it is written once and never changes.",
                      file, std::string(found.status().message())));
    }
    if (absl::Status same = CheckIdentity(*found, options, file); !same.ok()) return same;
    if (absl::Status ours = CheckMetadata(names, options, path_); !ours.ok()) return ours;
    identity_ = *std::move(found);
    if (identity_.directory_id) return absl::OkStatus();
  } else if (!absl::IsNotFound(text.status())) {
    return text.status();
  } else {
    if (const std::optional<std::string> partition = FirstPartition(names)) {
      return absl::FailedPreconditionError(fmt::format(
          "{} holds partitions ({}), but no meta.properties. Restore that file, or use another "
          "directory.",
          path_, *partition));
    }
    identity_.node_id = options.broker_id;
    identity_.cluster_id =
        options.cluster_id.value_or(TopicIdText(RandomTopicId(options.cluster_id_seed)));
  }
  identity_.directory_id = TopicIdText(RandomTopicId(options.directory_id_seed));
  return ReplaceFile(fs_, file, EncodeMetaProperties(identity_));
}

absl::Status DataDirectory::Begin() {
  const std::string marker = FilePath(kCleanMarker);
  if (!fs_.Exists(marker)) return absl::OkStatus();
  if (absl::Status removed = fs_.RemoveFile(marker); !removed.ok()) return Explain(removed, path_);
  // Were it to come back after a crash, broken indexes would be trusted.
  if (absl::Status synced = fs_.SyncDirectory(path_); !synced.ok()) return Explain(synced, path_);
  was_clean_ = true;
  return absl::OkStatus();
}

absl::Status DataDirectory::FindPartitions(const std::vector<std::string>& names) {
  const auto recovery_points = LoadCheckpoint(fs_, FilePath(kRecoveryPoints));
  if (!recovery_points.ok()) return recovery_points.status();
  const auto log_starts = LoadCheckpoint(fs_, FilePath(kLogStarts));
  if (!log_starts.ok()) return log_starts.status();

  std::map<std::pair<std::string, PartitionIndex>, ManifestEntry> closed;
  for (ManifestEntry& entry : LoadManifest()) {
    auto key = std::make_pair(entry.topic, entry.partition);
    closed.insert_or_assign(std::move(key), std::move(entry));
  }
  auto cleaned = LoadCheckpoint(fs_, FilePath(kCleanedOffsets));
  if (absl::IsDataLoss(cleaned.status())) cleaned = OffsetByPartition();
  if (!cleaned.ok()) return cleaned.status();

  for (const std::string& entry : names) {
    if (IsDeletedDirectory(entry)) leftovers_.push_back(FilePath(entry));
    const std::optional<PartitionDirectoryName> name = ParsePartitionDirectory(entry);
    if (!name) continue;
    FoundPartition found;
    found.topic = name->topic;
    found.partition = name->partition;
    found.recovery_point = OffsetOf(*recovery_points, *name);
    found.log_start_offset = OffsetOf(*log_starts, *name);
    found.cleaned_until = OffsetOf(*cleaned, *name);
    if (const auto known = closed.find({name->topic, name->partition}); known != closed.end()) {
      found.topic_id = known->second.topic_id;
      found.closed = std::make_unique<ClosedLog>(std::move(known->second.log));
      partitions_.push_back(std::move(found));
      continue;
    }
    const absl::StatusOr<TopicId> id = ReadPartitionMetadata(fs_, FilePath(entry));
    if (id.ok()) {
      found.topic_id = *id;
    } else if (!absl::IsNotFound(id.status())) {
      found.fault = std::string(id.status().message());
    }
    partitions_.push_back(std::move(found));
  }
  return absl::OkStatus();
}

// None unless the directory was closed in order, and this manifest written then. What cannot be
// read only makes the start slower.
std::vector<ManifestEntry> DataDirectory::LoadManifest() const {
  const auto marker = ReadWholeFile(fs_, FilePath(kCleanMarker));
  if (!marker.ok()) return {};
  const auto bytes = ReadWholeFile(fs_, FilePath(kManifest));
  if (!bytes.ok() || *marker != CleanMarkerContent(ManifestChecksum(*bytes))) return {};
  auto entries = DecodeManifest(*bytes);
  if (!entries.ok()) return {};
  return *std::move(entries);
}

absl::Status DataDirectory::WriteCheckpoints(const std::vector<PartitionCheckpoint>& checkpoints) {
  std::vector<TopicPartitionOffset> recovery_points;
  std::vector<TopicPartitionOffset> log_starts;
  std::vector<TopicPartitionOffset> cleaned;
  for (const PartitionCheckpoint& checkpoint : checkpoints) {
    INVARIANT(checkpoint.log_start_offset.value() >= 0);
    recovery_points.push_back({checkpoint.topic, checkpoint.partition, checkpoint.recovery_point});
    log_starts.push_back({checkpoint.topic, checkpoint.partition, checkpoint.log_start_offset});
    if (checkpoint.cleaned_until.has_value()) {
      cleaned.push_back({checkpoint.topic, checkpoint.partition, *checkpoint.cleaned_until});
    }
  }
  const absl::Status written =
      ReplaceFile(fs_, FilePath(kRecoveryPoints), EncodeCheckpoint(recovery_points));
  if (!written.ok()) return written;
  const absl::Status starts_written =
      ReplaceFile(fs_, FilePath(kLogStarts), EncodeCheckpoint(log_starts));
  if (!starts_written.ok()) return starts_written;
  // A broker without compacted topics needs no such file, and pays for no sync of it.
  const std::string path = FilePath(kCleanedOffsets);
  if (cleaned.empty() && !fs_.Exists(path)) return absl::OkStatus();
  return ReplaceFile(fs_, path, EncodeCheckpoint(cleaned));
}

absl::Status DataDirectory::CloseInOrder(const std::vector<PartitionCheckpoint>& checkpoints,
                                         const std::vector<ManifestEntry>& logs) {
  if (absl::Status written = WriteCheckpoints(checkpoints); !written.ok()) return written;
  const std::string manifest = EncodeManifest(logs);
  absl::Status written = ReplaceFile(fs_, FilePath(kManifest), manifest);
  if (!written.ok()) return written;
  return ReplaceFile(fs_, FilePath(kCleanMarker), CleanMarkerContent(ManifestChecksum(manifest)));
}

}  // namespace millrace::storage
