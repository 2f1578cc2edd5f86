#include "storage/directory_facts.h"

#include <algorithm>
#include <array>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "storage/checkpoint_file.h"
#include "storage/data_directory_names.h"
#include "storage/directory_lock.h"
#include "storage/meta_properties.h"

namespace millrace::storage {
namespace {

// The last is Kafka's only.
constexpr std::array<std::string_view, 4> kCheckpoints = {
    kRecoveryPoints, kLogStarts, kCleanedOffsets, "replication-offset-checkpoint"};

struct Place {
  FileSystem& fs;
  const std::string& directory;
  FindingSink found;

  // The file's content; none when it cannot be had, which has been reported then.
  std::optional<std::string> Read(std::string_view name) const {
    auto text = ReadWholeFile(fs, fmt::format("{}/{}", directory, name));
    if (text.ok()) return *std::move(text);
    Report(FindingKind::kUnreadable, name, std::string(text.status().message()));
    return std::nullopt;
  }
  void Report(FindingKind kind, std::string_view name, std::string what) const {
    found({.severity = Severity::kError,
           .kind = kind,
           .path = fmt::format("{}/{}", directory, name),
           .position = std::nullopt,
           .offset = std::nullopt,
           .what = std::move(what)});
  }
};

void LoadCheckpoint(const Place& place, std::string_view name, DirectoryFacts& facts) {
  const auto text = place.Read(name);
  if (!text.has_value()) return;
  auto entries = DecodeCheckpoint(*text);
  if (!entries.ok()) {
    place.Report(FindingKind::kCheckpoint, name, std::string(entries.status().message()));
    return;
  }
  FoundCheckpoint checkpoint{.name = name, .offsets = {}};
  for (TopicPartitionOffset& entry : *entries) {
    const bool is_new =
        checkpoint.offsets.insert_or_assign({entry.topic, entry.partition}, entry.offset).second;
    if (is_new) continue;
    place.Report(FindingKind::kCheckpoint, name,
                 fmt::format("names {}-{} twice", entry.topic, entry.partition.value()));
  }
  facts.checkpoints.push_back(std::move(checkpoint));
}

void CheckIdentity(const Place& place) {
  const auto text = place.Read(kMetaProperties);
  if (!text.has_value()) return;
  const auto identity = DecodeMetaProperties(*text);
  if (identity.ok()) return;
  place.Report(FindingKind::kIdentity, kMetaProperties, std::string(identity.status().message()));
}

}  // namespace

bool IsCheckpointName(std::string_view name) {
  return std::find(kCheckpoints.begin(), kCheckpoints.end(), name) != kCheckpoints.end();
}

std::optional<Offset> DirectoryFacts::OffsetOf(std::string_view checkpoint,
                                               const std::string& topic,
                                               PartitionIndex partition) const {
  for (const FoundCheckpoint& one : checkpoints) {
    if (one.name != checkpoint) continue;
    const auto found = one.offsets.find({topic, partition});
    if (found != one.offsets.end()) return found->second;
  }
  return std::nullopt;
}

absl::StatusOr<DirectoryFacts> LookAtDirectory(FileSystem& fs, const std::string& path,
                                               FindingSink found) {
  DirectoryFacts facts;
  auto names = fs.List(path);
  if (!names.ok()) return names.status();
  facts.names = *std::move(names);
  const auto has = [&](std::string_view name) {
    return std::binary_search(facts.names.begin(), facts.names.end(), name);
  };
  const auto held = IsDirectoryLocked(fs, path);
  if (!held.ok()) return held.status();
  facts.is_in_use = *held;
  facts.was_closed = !facts.is_in_use && has(kCleanMarker);
  facts.has_identity = has(kMetaProperties);

  const Place place{.fs = fs, .directory = path, .found = found};
  if (facts.has_identity) CheckIdentity(place);
  for (const std::string_view name : kCheckpoints) {
    if (has(name)) LoadCheckpoint(place, name, facts);
  }
  return facts;
}

}  // namespace millrace::storage
