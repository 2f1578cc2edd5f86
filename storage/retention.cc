// Which segments retention lets go, and their removal.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proto/invariant.h"
#include "storage/log.h"
#include "storage/segment.h"
#include "storage/segment_files.h"

namespace millrace::storage {
namespace {

// Takes the files of segments away, oldest segment first, and adds their new names to `renamed`.
// Each renaming is durable before the next, so that no crash leaves a hole in the log.
absl::Status RenameSegments(FileSystem& fs, const std::string& directory,
                            const std::vector<Offset>& bases, std::vector<std::string>& renamed) {
  for (const Offset base : bases) {
    for (const auto suffix :
         {kLogSuffix, kIndexSuffix, kTimeIndexSuffix, kTxnIndexSuffix, kSnapshotSuffix}) {
      const std::string path = SegmentFilePath(directory, base, suffix);
      if (!fs.Exists(path)) continue;
      const std::string to = path + std::string(kDeletedSuffix);
      if (absl::Status status = fs.Rename(path, to); !status.ok()) return status;
      renamed.push_back(to);
    }
    if (absl::Status status = fs.SyncDirectory(directory); !status.ok()) return status;
  }
  return absl::OkStatus();
}

// All of them, whatever fails; a file that is gone already went with its directory.
absl::Status RemoveFiles(FileSystem& fs, const std::vector<std::string>& paths) {
  absl::Status first_failure;
  for (const std::string& path : paths) {
    absl::Status status = fs.RemoveFile(path);
    if (status.ok() || absl::IsNotFound(status)) continue;
    if (first_failure.ok()) first_failure = status;
  }
  return first_failure;
}

}  // namespace

std::optional<DiskJob> Log::DeleteOldSegments(TimestampMs now, Offset limit) {
  if (compacting_) return std::nullopt;
  std::vector<Offset> bases;
  while (MayDeleteFirst(now, limit)) {
    bases.push_back(segments_.front()->base());
    size_bytes_ -= segments_.front()->size_bytes();
    segments_.erase(segments_.begin());
    log_start_ = std::max(log_start_, segments_.front()->base());
  }
  if (bases.empty()) return std::nullopt;
  is_as_closed_ = false;
  INVARIANT(log_start_ <= limit);
  epochs_.TruncateFromStart(log_start_);
  ++epoch_changes_;
  auto renamed = std::make_shared<std::vector<std::string>>();
  auto run = [fs = &fs_, directory = directory_, bases = std::move(bases), renamed] {
    return RenameSegments(*fs, directory, bases, *renamed);
  };
  auto finish = [this, renamed] {
    deleted_.insert(deleted_.end(), renamed->begin(), renamed->end());
  };
  return DiskJob{.run = std::move(run), .finish = std::move(finish)};
}

std::optional<DiskJob> Log::UnlinkDeleted() {
  if (deleted_.empty()) return std::nullopt;
  auto run = [fs = &fs_, paths = std::exchange(deleted_, {})] { return RemoveFiles(*fs, paths); };
  return DiskJob{.run = std::move(run), .finish = [] {}};
}

void Log::AdvanceLogStart(Offset start) {
  INVARIANT(start <= durable_end_);
  if (start <= log_start_) return;
  is_as_closed_ = false;
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
  return now - NewestIn(segment) > *options_.retention_ms;
}

TimestampMs Log::NewestIn(const Segment& segment) const {
  // A record that claims to be from the future is no newer than its append.
  const TimestampMs appended = segment.upkeep.last_append;
  if (!segment.newest().has_value()) return appended;
  return std::min(appended, segment.newest()->timestamp);
}

bool Log::ActiveExpired(TimestampMs now) const {
  return !active().is_empty() && HasExpired(active(), now);
}

}  // namespace millrace::storage
