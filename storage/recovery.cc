#include "storage/recovery.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "proto/invariant.h"
#include "storage/directory_listing.h"
#include "storage/segment_files.h"
#include "storage/segment_recovery.h"
#include "storage/segment_swap.h"
#include "storage/state_recovery.h"

namespace millrace::storage {
namespace {

constexpr int64_t kCopyBytes = 1 << 20;
// An offset that a segment may hold, and what may be appended to it, must not overflow.
constexpr Offset kFirstOffsetMax{std::numeric_limits<int64_t>::max() - (int64_t{1} << 32)};

class Recovery {
 public:
  Recovery(FileSystem& fs, const std::string& directory, const LogOptions& options,
           const OpenOptions& how)
      : fs_(fs), directory_(directory), limits_(LimitsOf(options)), how_(how) {}

  absl::StatusOr<RecoveredLog> Run();

 private:
  absl::Status CheckOffsets() const;
  absl::Status CreateFirstSegment();
  // Deciding.
  absl::Status OpenSegments();
  absl::StatusOr<OpenedSegment> OpenSegment(Offset base, bool may_trust) const;
  absl::Status CheckWhole(const OpenedSegment& opened, bool is_last) const;
  absl::Status CheckExtent() const;
  // Changing.
  absl::Status KeepSegments();
  absl::Status CutTail(const OpenedSegment& last);
  absl::Status KeepCutBytes(const OpenedSegment& last);
  absl::Status RemoveStrays();

  bool IsSegmentBase(Offset offset) const {
    return std::binary_search(listing_.segments.begin(), listing_.segments.end(), offset);
  }
  Offset log_end() const { return opened_.back().segment->next_offset(); }

  FileSystem& fs_;
  const std::string& directory_;
  Segment::Limits limits_;
  const OpenOptions how_;
  DirectoryListing listing_;
  std::vector<OpenedSegment> opened_;
  RecoveryReport report_;
  bool created_ = false;
};

absl::StatusOr<RecoveredLog> Recovery::Run() {
  auto listing = ListLogDirectory(fs_, directory_);
  if (!listing.ok()) return listing.status();
  listing_ = *std::move(listing);
  if (!listing_.swaps.empty()) {
    absl::Status status = FinishSwaps(fs_, directory_, listing_.swaps, listing_.segments);
    if (!status.ok()) return status;
    listing = ListLogDirectory(fs_, directory_);
    if (!listing.ok()) return listing.status();
    listing_ = *std::move(listing);
  }
  if (absl::Status status = CheckOffsets(); !status.ok()) return status;
  if (listing_.segments.empty()) {
    if (absl::Status status = CreateFirstSegment(); !status.ok()) return status;
  }
  if (absl::Status status = OpenSegments(); !status.ok()) return status;
  if (absl::Status status = CheckExtent(); !status.ok()) return status;
  if (absl::Status status = KeepSegments(); !status.ok()) return status;
  if (absl::Status status = RemoveStrays(); !status.ok()) return status;

  RecoveredLog recovered;
  Offset first_verified = log_end();
  for (const OpenedSegment& opened : opened_) {
    recovered.segments.push_back(opened.segment);
    if (opened.verified) first_verified = std::min(first_verified, opened.segment->base());
  }
  // Checkpoints that reach beyond an empty log are those of another that had its name.
  recovered.log_start =
      std::max(std::min(how_.log_start_offset, log_end()), opened_.front().segment->base());
  auto state = RecoverState(fs_, directory_, recovered.segments, listing_.snapshots,
                            {.log_start = recovered.log_start, .distrust_from = first_verified});
  if (!state.ok()) return state.status();
  recovered.producers = std::move(state->producers);
  recovered.epochs = std::move(state->epochs);
  if (!how_.clean || created_) {
    if (absl::Status status = fs_.SyncDirectory(directory_); !status.ok()) return status;
  }
  report_.segments = static_cast<int64_t>(opened_.size());
  recovered.report = report_;
  return recovered;
}

absl::Status Recovery::CheckOffsets() const {
  // Files with such an offset in their name are no segments (ParseSegmentName()).
  if (how_.log_start_offset <= kFirstOffsetMax) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("{}: no log reaches offset {}", directory_, how_.log_start_offset.value()));
}

absl::Status Recovery::CreateFirstSegment() {
  const Offset base = how_.log_start_offset;
  if (auto files = CreateSegmentFiles(fs_, directory_, base); !files.ok()) return files.status();
  listing_.segments.push_back(base);
  created_ = true;
  return absl::OkStatus();
}

absl::Status Recovery::OpenSegments() {
  const std::vector<Offset>& bases = listing_.segments;
  for (size_t i = 0; i < bases.size(); ++i) {
    const bool is_last = i + 1 == bases.size();
    // A segment that ends below the recovery point was sealed. One that ends right at it may have
    // been rolled since: its records are durable, but its indexes perhaps not.
    const bool may_trust = how_.clean || (!is_last && bases[i + 1] < how_.recovery_point);
    auto opened = OpenSegment(bases[i], may_trust);
    if (!opened.ok()) return opened.status();
    if (absl::Status status = CheckWhole(*opened, is_last); !status.ok()) return status;
    const Segment& segment = *opened->segment;
    if (!is_last && bases[i + 1] != segment.next_offset()) {
      return absl::DataLossError(
          fmt::format("{}: segment {} ends at offset {}, the next starts at {}", directory_,
                      bases[i].value(), segment.next_offset().value(), bases[i + 1].value()));
    }
    if (opened->verified) report_.scanned_bytes += segment.size_bytes();
    if (opened->indexes_rebuilt && !segment.is_empty()) ++report_.rebuilt_indexes;
    opened_.push_back(*std::move(opened));
  }
  return absl::OkStatus();
}

absl::StatusOr<OpenedSegment> Recovery::OpenSegment(Offset base, bool may_trust) const {
  auto files = OpenSegmentFiles(fs_, directory_, base);
  if (!files.ok()) return files.status();
  if (may_trust) {
    auto opened = ResumeSegment(*files, base, limits_);
    if (!opened.ok() || opened->is_whole()) return opened;
  }
  return ScanSegment(*files, base, limits_, how_.load_ahead);
}

absl::Status Recovery::CheckWhole(const OpenedSegment& opened, bool is_last) const {
  if (opened.is_whole()) return absl::OkStatus();
  const Segment& segment = *opened.segment;
  const auto is_old =
      HoldsLegacyMessage(*segment.files().log, segment.size_bytes(), opened.file_bytes);
  if (!is_old.ok()) return is_old.status();
  if (*is_old) {
    // Whole data, though not for us: nothing that may be cut.
    return absl::DataLossError(
        fmt::format("{}: position {} of {} (offset {}) holds a message of a format older than "
                    "Kafka 0.11, which is not read",
                    directory_, segment.size_bytes(), SegmentFileName(segment.base(), kLogSuffix),
                    segment.next_offset().value()));
  }
  if (is_last && segment.next_offset() >= how_.recovery_point) return absl::OkStatus();
  return absl::DataLossError(fmt::format(
      "{}: no intact batch at position {} of {} (offset {}), {}", directory_, segment.size_bytes(),
      SegmentFileName(segment.base(), kLogSuffix), segment.next_offset().value(),
      is_last ? fmt::format("below the recovery point {}", how_.recovery_point.value())
              : std::string("in a segment that others follow")));
}

absl::Status Recovery::CheckExtent() const {
  // A directory without segments has nothing that could be damaged: its checkpoints are stale.
  if (opened_.size() == 1 && opened_.front().file_bytes == 0) return absl::OkStatus();
  const Offset needed = std::max(how_.recovery_point, how_.log_start_offset);
  if (log_end() >= needed) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("{}: the log ends at offset {}, but the checkpoints say that it reached {}",
                  directory_, log_end().value(), needed.value()));
}

absl::Status Recovery::KeepSegments() {
  for (const OpenedSegment& opened : opened_) {
    const bool is_last = &opened == &opened_.back();
    Segment& segment = *opened.segment;
    if (!opened.is_whole()) {
      if (absl::Status status = CutTail(opened); !status.ok()) return status;
    }
    if (opened.verified) {
      if (absl::Status status = segment.files().log->Sync(); !status.ok()) return status;
    }
    if (!is_last) {
      const SealWork seal = segment.Seal();
      if (opened.indexes_rebuilt || !seal.is_nothing()) {
        if (absl::Status status = seal.Run(); !status.ok()) return status;
      }
      segment.Sealed();
    } else if (opened.indexes_rebuilt) {
      // On a full disk they stay in memory.
      absl::Status status = segment.WriteIndexes();
      if (!status.ok() && !absl::IsResourceExhausted(status)) return status;
    }
    segment.upkeep.durable_bytes = segment.size_bytes();
    segment.upkeep.write_back_bytes = segment.size_bytes();
  }
  return absl::OkStatus();
}

absl::Status Recovery::CutTail(const OpenedSegment& last) {
  const int64_t end = last.segment->size_bytes();
  INVARIANT(end < last.file_bytes);
  const auto intact = BatchScan::FindIntact(*last.segment->files().log, end, last.file_bytes,
                                            last.segment->next_offset());
  if (!intact.ok()) return intact.status();
  if (*intact) {
    if (absl::Status status = KeepCutBytes(last); !status.ok()) return status;
    report_.kept_cut_bytes = true;
  }
  report_.cut_bytes = last.file_bytes - end;
  return last.segment->files().log->Truncate(end);
}

absl::Status Recovery::KeepCutBytes(const OpenedSegment& last) {
  const Segment& segment = *last.segment;
  const std::string path = SegmentFilePath(directory_, segment.next_offset(), kCutSuffix);
  auto copy = fs_.Open(path, OpenMode::kCreate);
  if (!copy.ok()) return copy.status();
  std::vector<std::byte> buffer(kCopyBytes);
  int64_t position = segment.size_bytes();
  int64_t copied = 0;
  while (position < last.file_bytes) {
    const auto read = segment.files().log->ReadAt(position, buffer);
    if (!read.ok()) return read.status();
    if (*read == 0) break;
    const auto bytes = std::span<const std::byte>(buffer).first(*read);
    if (absl::Status status = (*copy)->WriteAt(copied, bytes); !status.ok()) return status;
    position += static_cast<int64_t>(*read);
    copied += static_cast<int64_t>(*read);
  }
  if (absl::Status status = (*copy)->Truncate(copied); !status.ok()) return status;
  if (absl::Status status = (*copy)->Sync(); !status.ok()) return status;
  return fs_.SyncDirectory(directory_);
}

absl::Status Recovery::RemoveStrays() {
  std::vector<std::string> strays = listing_.strays;
  std::optional<Offset> newest;
  for (const Offset snapshot : listing_.snapshots) {
    if (snapshot <= log_end()) newest = snapshot;
  }
  std::erase_if(listing_.snapshots, [&](Offset snapshot) {
    // Kept are those at the start of a segment, and the newest.
    const bool is_usable = snapshot <= log_end();
    const bool is_newest = is_usable && !(newest.has_value() && snapshot < *newest);
    if (is_newest || (is_usable && IsSegmentBase(snapshot))) return false;
    strays.push_back(SegmentFileName(snapshot, kSnapshotSuffix));
    return true;
  });
  for (const std::string& name : strays) {
    absl::Status status = fs_.RemoveFile(directory_ + "/" + name);
    if (!status.ok() && !absl::IsNotFound(status)) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RecoveredLog> RecoverLog(FileSystem& fs, const std::string& directory,
                                        const LogOptions& options, const OpenOptions& how) {
  if (absl::Status status = fs.CreateDirectories(directory); !status.ok()) return status;
  // What is in the log is only as durable as the name of its directory, which this broker, or one
  // that was killed before it synced, may just have made.
  if (!how.clean) {
    if (absl::Status status = fs.SyncDirectory(ParentDirectory(directory)); !status.ok()) {
      return status;
    }
  }
  return Recovery(fs, directory, options, how).Run();
}

}  // namespace millrace::storage
