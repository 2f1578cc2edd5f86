#include "storage/segment_swap.h"

#include <array>
#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include "proto/invariant.h"
#include "storage/batch_walk.h"

namespace millrace::storage {
namespace {

constexpr std::array kAllSuffixes = {kLogSuffix, kIndexSuffix, kTimeIndexSuffix, kTxnIndexSuffix,
                                     kSnapshotSuffix};

std::string PathOf(const std::string& directory, Offset base, std::string_view suffix,
                   std::string_view stage) {
  return SegmentFilePath(directory, base, suffix) + std::string(stage);
}

absl::Status RenameStage(FileSystem& fs, const std::string& directory, Offset base,
                         std::string_view from, std::string_view to) {
  // The log last: it is what makes the others count.
  for (const std::string_view suffix : {kIndexSuffix, kTimeIndexSuffix, kLogSuffix}) {
    const std::string path = PathOf(directory, base, suffix, from);
    if (suffix != kLogSuffix && !fs.Exists(path)) continue;
    absl::Status status = fs.Rename(path, PathOf(directory, base, suffix, to));
    if (!status.ok()) return status;
  }
  return fs.SyncDirectory(directory);
}

// The producers as they were before the group's first segment are still right after it.
bool Goes(std::string_view suffix, Offset segment, Offset base) {
  return suffix != kSnapshotSuffix || segment != base;
}

// One more than the last offset in a .swap file, every batch of which must be whole.
absl::StatusOr<Offset> EndOfSwap(FileSystem& fs, const std::string& path, Offset base) {
  const auto file = fs.Open(path, OpenMode::kReadOnly);
  if (!file.ok()) return file.status();
  const auto size = (*file)->Size();
  if (!size.ok()) return size.status();
  Offset end = base;
  HeaderWalk walk(**file, 0, *size);
  while (true) {
    const auto spot = walk.Next();
    const bool is_out_of_order = spot.ok() && spot->has_value() && (*spot)->base_offset < end;
    if (absl::IsDataLoss(spot.status()) || is_out_of_order) {
      return absl::DataLossError(
          fmt::format("{} is damaged: a compaction was cut short after it had been written", path));
    }
    if (!spot.ok()) return spot.status();
    if (!spot->has_value()) return end;
    end = (*spot)->last_offset + 1;
  }
}

absl::Status RemoveReplaced(FileSystem& fs, const std::string& directory, Offset segment,
                            Offset base) {
  for (const std::string_view suffix : kAllSuffixes) {
    if (!Goes(suffix, segment, base)) continue;
    absl::Status status = fs.RemoveFile(SegmentFilePath(directory, segment, suffix));
    if (!status.ok() && !absl::IsNotFound(status)) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SegmentFiles> CreateCleanedFiles(FileSystem& fs, const std::string& directory,
                                                Offset base) {
  SegmentFiles files;
  const auto create = [&](std::string_view suffix, std::shared_ptr<File>& file) -> absl::Status {
    auto opened = fs.Open(PathOf(directory, base, suffix, kCleanedSuffix), OpenMode::kCreate);
    if (!opened.ok()) return opened.status();
    file = *std::move(opened);
    return file->Truncate(0);
  };
  absl::Status status = create(kLogSuffix, files.log);
  if (status.ok()) status = create(kIndexSuffix, files.index);
  if (status.ok()) status = create(kTimeIndexSuffix, files.time_index);
  if (!status.ok()) return status;
  return files;
}

void RemoveCleanedFiles(FileSystem& fs, const std::string& directory, Offset base) {
  for (const std::string_view suffix : {kLogSuffix, kIndexSuffix, kTimeIndexSuffix}) {
    // What stays behind is emptied by the next cleaning and removed on open.
    fs.RemoveFile(PathOf(directory, base, suffix, kCleanedSuffix)).IgnoreError();
  }
}

absl::Status SwapSegments(FileSystem& fs, const std::string& directory,
                          const std::vector<Offset>& replaced, std::vector<std::string>& deleted) {
  INVARIANT(!replaced.empty());
  const Offset base = replaced.front();
  absl::Status status = RenameStage(fs, directory, base, kCleanedSuffix, kSwapSuffix);
  if (!status.ok()) return status;
  for (const Offset segment : replaced) {
    for (const std::string_view suffix : kAllSuffixes) {
      const std::string path = SegmentFilePath(directory, segment, suffix);
      if (!Goes(suffix, segment, base) || !fs.Exists(path)) continue;
      const std::string to = path + std::string(kDeletedSuffix);
      status = fs.Rename(path, to);
      if (!status.ok()) return status;
      deleted.push_back(to);
    }
  }
  // Before the new segment has its name, none of the old ones may be able to come back beside it.
  status = fs.SyncDirectory(directory);
  if (!status.ok()) return status;
  return RenameStage(fs, directory, base, kSwapSuffix, {});
}

absl::Status FinishSwaps(FileSystem& fs, const std::string& directory,
                         const std::vector<Offset>& swaps, const std::vector<Offset>& segments) {
  std::vector<Offset> ends;
  for (const Offset base : swaps) {
    const auto end = EndOfSwap(fs, PathOf(directory, base, kLogSuffix, kSwapSuffix), base);
    if (!end.ok()) return end.status();
    ends.push_back(*end);
  }
  for (size_t i = 0; i < swaps.size(); ++i) {
    absl::Status status;
    for (const Offset segment : segments) {
      if (segment < swaps[i] || segment >= ends[i]) continue;
      status = RemoveReplaced(fs, directory, segment, swaps[i]);
      if (!status.ok()) return status;
    }
    // Indexes may have outlived their log.
    status = RemoveReplaced(fs, directory, swaps[i], swaps[i]);
    if (status.ok()) status = fs.SyncDirectory(directory);
    if (status.ok()) status = RenameStage(fs, directory, swaps[i], kSwapSuffix, {});
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace millrace::storage
