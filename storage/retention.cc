// Which segments retention lets go, and their removal.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "proto/invariant.h"
#include "storage/log.h"
#include "storage/segment.h"
#include "storage/segment_files.h"

namespace millrace::storage {
namespace {

// Takes the files of segments away, oldest segment first. Each renaming is durable before the next,
// so that no crash leaves a hole in the log.
absl::Status RemoveSegments(FileSystem& fs, const std::string& directory,
                            const std::vector<Offset>& bases) {
  for (const Offset base : bases) {
    std::vector<std::string> deleted;
    for (const auto suffix :
         {kLogSuffix, kIndexSuffix, kTimeIndexSuffix, kTxnIndexSuffix, kSnapshotSuffix}) {
      const std::string path = SegmentFilePath(directory, base, suffix);
      if (!fs.Exists(path)) continue;
      deleted.push_back(path + std::string(kDeletedSuffix));
      if (absl::Status status = fs.Rename(path, deleted.back()); !status.ok()) return status;
    }
    if (absl::Status status = fs.SyncDirectory(directory); !status.ok()) return status;
    for (const std::string& path : deleted) {
      if (absl::Status status = fs.RemoveFile(path); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<DiskJob> Log::DeleteOldSegments(TimestampMs now, Offset limit) {
  std::vector<Offset> bases;
  while (MayDeleteFirst(now, limit)) {
    bases.push_back(segments_.front()->base());
    size_bytes_ -= segments_.front()->size_bytes();
    segments_.erase(segments_.begin());
    log_start_ = std::max(log_start_, segments_.front()->base());
  }
  if (bases.empty()) return std::nullopt;
  INVARIANT(log_start_ <= limit);
  epochs_.TruncateFromStart(log_start_);
  ++epoch_changes_;
  return DiskJob{
      .run = [fs = &fs_, directory = directory_,
              bases = std::move(bases)] { return RemoveSegments(*fs, directory, bases); },
      .finish = [] {}};
}

void Log::AdvanceLogStart(Offset start) {
  INVARIANT(start <= durable_end_);
  if (start <= log_start_) return;
  log_start_ = start;
  epochs_.TruncateFromStart(log_start_);
  ++epoch_changes_;
}

bool Log::MayDeleteFirst(TimestampMs now, Offset limit) const {
  if (segments_.size() == 1) return false;
  const Segment& first = *segments_.front();
  const Offset next = segments_[1]->base();
  if (next > limit) return false;
  if (next <= log_start_ || HasExpired(first, now)) return true;
  return options_.retention_bytes.has_value() &&
         size_bytes_ - first.size_bytes() >= *options_.retention_bytes;
}

bool Log::HasExpired(const Segment& segment, TimestampMs now) const {
  if (!options_.retention_ms.has_value()) return false;
  // A record that claims to be from the future is no newer than its append.
  TimestampMs newest = segment.upkeep.last_append;
  if (segment.newest().has_value()) newest = std::min(newest, segment.newest()->timestamp);
  return now - newest > *options_.retention_ms;
}

bool Log::ActiveExpired(TimestampMs now) const {
  return !active().is_empty() && HasExpired(active(), now);
}

}  // namespace millrace::storage
