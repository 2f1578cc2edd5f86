#include "storage/verify_partition.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "storage/batch_contents.h"
#include "storage/directory_listing.h"
#include "storage/partition_directory.h"
#include "storage/segment_files.h"
#include "storage/state_check.h"
#include "storage/transaction_index.h"

namespace millrace::storage {
namespace {

constexpr std::string_view kTopicIdFile = "partition.metadata";

class PartitionVerification {
 public:
  PartitionVerification(FileSystem& fs, const PartitionToVerify& partition,
                        const VerifyOptions& options, VerifySinks sinks)
      : fs_(fs),
        partition_(partition),
        options_(options),
        sinks_(sinks),
        contents_(options.opened_bytes_max) {
    summary_.path = partition.path;
  }

  PartitionSummary Run();

 private:
  void Report(Severity severity, FindingKind kind, std::string_view file, std::string what);
  // An error where everything is at rest, a notice where the next start sees to it.
  Severity AtRest() const { return partition_.was_closed ? Severity::kError : Severity::kNotice; }
  std::string PathOf(std::string_view file) const {
    return file.empty() ? partition_.path : fmt::format("{}/{}", partition_.path, file);
  }
  void CheckTopicId();
  void CheckFiles(const std::vector<std::string>& names);
  void CheckFile(const std::string& name);
  void CheckMetadataSnapshot();
  void CheckSegments();
  SegmentToVerify Plan(size_t index) const;
  void CheckMeeting(size_t index, const SegmentSummary& segment);
  void CheckTransactions(Offset base, Offset end);
  void CheckCheckpoints();

  FileSystem& fs_;
  const PartitionToVerify& partition_;
  const VerifyOptions& options_;
  VerifySinks sinks_;
  BatchContents contents_;
  DirectoryListing listing_;
  PartitionSummary summary_;
};

void PartitionVerification::Report(Severity severity, FindingKind kind, std::string_view file,
                                   std::string what) {
  sinks_.found({.severity = severity,
                .kind = kind,
                .path = PathOf(file),
                .position = std::nullopt,
                .offset = std::nullopt,
                .what = std::move(what)});
}

PartitionSummary PartitionVerification::Run() {
  const auto names = fs_.List(partition_.path);
  auto listing = ListLogDirectory(fs_, partition_.path);
  const absl::Status listed = names.ok() ? listing.status() : names.status();
  if (!listed.ok()) {
    const bool is_gone = partition_.is_in_use && absl::IsNotFound(listed);
    Report(is_gone ? Severity::kNotice : Severity::kError, FindingKind::kUnreadable, {},
           is_gone ? "the broker has removed it meanwhile" : std::string(listed.message()));
    return summary_;
  }
  listing_ = *std::move(listing);
  if (!partition_.is_metadata) CheckTopicId();
  CheckFiles(*names);
  CheckSegments();
  CheckCheckpoints();
  return summary_;
}

void PartitionVerification::CheckTopicId() {
  const absl::StatusOr<TopicId> id = ReadPartitionMetadata(fs_, partition_.path);
  if (id.ok()) {
    summary_.topic_id = *id;
  } else if (absl::IsNotFound(id.status())) {
    Report(Severity::kNotice, FindingKind::kMissingFile, kTopicIdFile,
           "is missing; the partition's creation was cut short");
  } else {
    const bool is_damaged = absl::IsDataLoss(id.status());
    Report(Severity::kError, is_damaged ? FindingKind::kTopicId : FindingKind::kUnreadable,
           kTopicIdFile, std::string(id.status().message()));
  }
}

void PartitionVerification::CheckFiles(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const bool is_stray =
        std::find(listing_.strays.begin(), listing_.strays.end(), name) != listing_.strays.end();
    if (!is_stray) {
      CheckFile(name);
    } else if (!partition_.is_in_use) {
      Report(Severity::kNotice, FindingKind::kStray, name,
             "was left by unfinished work; the next start removes it");
    }
  }
}

// A name that is no stray of ours: is it known at all?
void PartitionVerification::CheckFile(const std::string& name) {
  constexpr std::array<std::string_view, 5> kSegmentSuffixes = {
      kLogSuffix, kIndexSuffix, kTimeIndexSuffix, kTxnIndexSuffix, kSnapshotSuffix};
  if (name == kLeaderEpochFile || name == kTopicIdFile) return;
  if (partition_.is_metadata && name == options_.metadata_snapshot) {
    CheckMetadataSnapshot();
    return;
  }
  const std::optional<SegmentName> segment = ParseSegmentName(name);
  if (segment.has_value()) {
    if (std::find(kSegmentSuffixes.begin(), kSegmentSuffixes.end(), segment->suffix) !=
        kSegmentSuffixes.end()) {
      return;
    }
    if (segment->suffix == kCutSuffix) {
      Report(Severity::kNotice, FindingKind::kStray, name,
             "holds what a start has cut although intact batches stood in it; for you to look at");
      return;
    }
  }
  Report(Severity::kNotice, FindingKind::kStray, name, "is no file of a partition");
}

void PartitionVerification::CheckMetadataSnapshot() {
  const auto bytes = ReadWholeFile(fs_, PathOf(options_.metadata_snapshot));
  if (!bytes.ok()) {
    Report(Severity::kError, FindingKind::kUnreadable, options_.metadata_snapshot,
           std::string(bytes.status().message()));
    return;
  }
  const auto batch = std::as_bytes(std::span(*bytes));
  if (!record::IsIntact(batch)) {
    Report(Severity::kError, FindingKind::kCrc, options_.metadata_snapshot,
           "does not hold one intact batch");
  } else if (auto fault = contents_.Check(batch)) {
    Report(fault->severity, fault->kind, options_.metadata_snapshot, std::move(fault->what));
  }
}

SegmentToVerify PartitionVerification::Plan(size_t index) const {
  const bool is_last = index + 1 == listing_.segments.size();
  const Offset recovery_point = partition_.recovery_point.value_or(Offset(0));
  // As a start decides it (recovery.cc): what it would trust must be right.
  const bool is_sealed =
      partition_.was_closed || (!is_last && listing_.segments[index + 1] < recovery_point);
  return {.directory = partition_.path,
          .base = listing_.segments[index],
          .may_be_torn = is_last && !partition_.was_closed,
          .recovery_point = recovery_point,
          .is_sealed = is_sealed,
          .is_in_use = partition_.is_in_use};
}

void PartitionVerification::CheckSegments() {
  StateToCheck state{.directory = partition_.path,
                     .snapshots = listing_.snapshots,
                     .log_start = partition_.log_start,
                     .distrust_from = std::nullopt};
  if (!partition_.was_closed) {
    state.distrust_from = partition_.recovery_point.value_or(Offset(0));
  }
  StateCheck remembered(fs_, state, sinks_.found);
  const auto visit = [&](const record::BatchView& batch) { remembered.OnBatch(batch); };
  SegmentSummary& sum = summary_.sum;
  for (size_t i = 0; i < listing_.segments.size(); ++i) {
    const Offset base = listing_.segments[i];
    const SegmentSummary segment = VerifySegment(fs_, Plan(i), contents_, visit, sinks_);
    if (i == 0) summary_.first_offset = base;
    CheckMeeting(i, segment);
    CheckTransactions(base, segment.next_offset);
    ++summary_.segments;
    sum.bytes += segment.bytes;
    sum.batches += segment.batches;
    sum.records += segment.records;
    sum.index_entries += segment.index_entries;
    sum.missing_offsets += segment.missing_offsets;
    sum.next_offset = segment.next_offset;
    sum.ends_damaged = segment.ends_damaged;
  }
  if (summary_.segments > 0 && !sum.ends_damaged) remembered.OnEnd(sum.next_offset);
}

// Damage at the end of a segment is one finding; that the next one does not meet it is no second.
void PartitionVerification::CheckMeeting(size_t index, const SegmentSummary& segment) {
  if (index + 1 == listing_.segments.size() || segment.ends_damaged) return;
  const Offset next = listing_.segments[index + 1];
  if (segment.next_offset == next) return;
  // Retention may have taken the segment that was just read, but not one in the middle.
  if (partition_.is_in_use && segment.bytes == 0) return;
  Report(Severity::kError, FindingKind::kSegmentGap,
         SegmentFileName(listing_.segments[index], kLogSuffix),
         fmt::format("ends at offset {}, but the next segment starts at {}",
                     segment.next_offset.value(), next.value()));
}

void PartitionVerification::CheckTransactions(Offset base, Offset end) {
  const std::string path = SegmentFilePath(partition_.path, base, kTxnIndexSuffix);
  const auto bytes = ReadWholeFile(fs_, path);
  if (absl::IsNotFound(bytes.status())) return;
  const absl::Status fault =
      bytes.ok() ? CheckTransactionIndex(std::as_bytes(std::span(*bytes)), base, end)
                 : bytes.status();
  if (fault.ok()) return;
  Report(absl::IsDataLoss(fault) ? AtRest() : Severity::kError,
         absl::IsDataLoss(fault) ? FindingKind::kTransactionIndex : FindingKind::kUnreadable,
         SegmentFileName(base, kTxnIndexSuffix), std::string(fault.message()));
}

void PartitionVerification::CheckCheckpoints() {
  const auto beyond = [&](std::string_view name, const std::optional<Offset>& offset) {
    if (!offset.has_value() || *offset <= summary_.sum.next_offset) return;
    Report(Severity::kError, FindingKind::kCheckpoint, {},
           summary_.segments == 0
               ? fmt::format("has no segments, but its {} is {}", name, offset->value())
               : fmt::format("its {} {} lies beyond the log's end {}", name, offset->value(),
                             summary_.sum.next_offset.value()));
  };
  // A log that ends in damage has been reported already; where it would end is not known.
  if (!summary_.sum.ends_damaged || summary_.segments == 0) {
    beyond("recovery point", partition_.recovery_point);
    beyond("log start offset", partition_.log_start);
  }
  const bool closed_elsewhere = partition_.was_closed && !summary_.sum.ends_damaged &&
                                partition_.recovery_point.has_value() &&
                                *partition_.recovery_point < summary_.sum.next_offset;
  if (closed_elsewhere) {
    Report(Severity::kError, FindingKind::kCheckpoint, {},
           fmt::format("was closed in order with a recovery point of {}, but the log ends at {}",
                       partition_.recovery_point->value(), summary_.sum.next_offset.value()));
  }
  const bool begins_late = partition_.was_closed && summary_.segments > 0 &&
                           partition_.log_start.has_value() &&
                           *partition_.log_start < summary_.first_offset;
  if (!begins_late) return;
  Report(Severity::kError, FindingKind::kCheckpoint, {},
         fmt::format("its first segment starts at offset {}, but its log start offset is {}: "
                     "segments are missing",
                     summary_.first_offset.value(), partition_.log_start->value()));
}

}  // namespace

PartitionSummary VerifyPartition(FileSystem& fs, const PartitionToVerify& partition,
                                 const VerifyOptions& options, VerifySinks sinks) {
  return PartitionVerification(fs, partition, options, sinks).Run();
}

}  // namespace millrace::storage
