#include "storage/verify_segment.h"

#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "storage/index_check.h"
#include "storage/log_scan.h"
#include "storage/segment_files.h"

namespace millrace::storage {
namespace {

constexpr int64_t kSegmentBytesMax = std::numeric_limits<int32_t>::max();
constexpr int64_t kProgressBytes = 1 << 20;

class SegmentVerification {
 public:
  SegmentVerification(FileSystem& fs, const SegmentToVerify& segment, BatchContents& contents,
                      absl::FunctionRef<void(const record::BatchView&)> visit, VerifySinks sinks)
      : fs_(fs), segment_(segment), contents_(contents), visit_(visit), sinks_(sinks) {
    summary_.next_offset = segment.base;
  }

  SegmentSummary Run();

 private:
  std::string PathOf(std::string_view suffix) const {
    return SegmentFilePath(segment_.directory, segment_.base, suffix);
  }
  void Report(Severity severity, FindingKind kind, int64_t position, std::string what) {
    sinks_.found({.severity = severity,
                  .kind = kind,
                  .path = PathOf(kLogSuffix),
                  .position = position,
                  .offset = summary_.next_offset,
                  .what = std::move(what)});
  }
  void ReportUnreadable(std::string_view suffix, const absl::Status& status);
  std::string LoadIndex(std::string_view suffix);
  void ReadBatches(const File& file, int64_t end);
  void OnBatch(const LogScan::Intact& intact);
  void OnDamage(const LogScan::Damage& damage);
  std::optional<std::string> MisplacedBy(const record::BatchView& batch) const;
  // Where the reports of an index check go.
  auto IndexSink(FindingKind kind, std::string_view suffix) {
    return [this, kind, suffix](int64_t position, std::string what) {
      if (!segment_.is_sealed) what += "; the next start rebuilds this index";
      sinks_.found({.severity = segment_.is_sealed ? Severity::kError : Severity::kNotice,
                    .kind = kind,
                    .path = PathOf(suffix),
                    .position = position,
                    .offset = std::nullopt,
                    .what = std::move(what)});
    };
  }

  FileSystem& fs_;
  const SegmentToVerify& segment_;
  BatchContents& contents_;
  absl::FunctionRef<void(const record::BatchView&)> visit_;
  VerifySinks sinks_;
  SegmentSummary summary_;
  bool after_damage_ = false;
  std::optional<OffsetIndexCheck> offsets_;
  std::optional<TimeIndexCheck> times_;
};

void SegmentVerification::ReportUnreadable(std::string_view suffix, const absl::Status& status) {
  // Retention takes segments away while a broker runs.
  const bool is_gone = segment_.is_in_use && absl::IsNotFound(status);
  sinks_.found(
      {.severity = is_gone ? Severity::kNotice : Severity::kError,
       .kind = FindingKind::kUnreadable,
       .path = PathOf(suffix),
       .position = std::nullopt,
       .offset = std::nullopt,
       .what = is_gone ? "the broker has removed it meanwhile" : std::string(status.message())});
}

std::string SegmentVerification::LoadIndex(std::string_view suffix) {
  auto bytes = ReadWholeFile(fs_, PathOf(suffix));
  if (bytes.ok()) return *std::move(bytes);
  if (!absl::IsNotFound(bytes.status())) {
    ReportUnreadable(suffix, bytes.status());
  } else if (!segment_.is_in_use) {
    sinks_.found({.severity = Severity::kNotice,
                  .kind = FindingKind::kMissingFile,
                  .path = PathOf(suffix),
                  .position = std::nullopt,
                  .offset = std::nullopt,
                  .what = "is missing; the next start rebuilds it"});
  }
  return {};
}

SegmentSummary SegmentVerification::Run() {
  // Before the log's size is asked for, so that a running broker's entries point to what is read.
  const bool has_times = fs_.Exists(PathOf(kTimeIndexSuffix));
  const std::string offsets = LoadIndex(kIndexSuffix);
  const std::string times = LoadIndex(kTimeIndexSuffix);
  offsets_.emplace(std::as_bytes(std::span(offsets)), segment_.base);
  times_.emplace(std::as_bytes(std::span(times)), segment_.base);
  summary_.index_entries = static_cast<int64_t>(offsets_->entries() + times_->entries());

  const auto file = fs_.Open(PathOf(kLogSuffix), OpenMode::kReadOnly);
  if (!file.ok()) {
    ReportUnreadable(kLogSuffix, file.status());
    summary_.ends_damaged = true;
    return summary_;
  }
  const auto size = (*file)->Size();
  if (!size.ok()) {
    ReportUnreadable(kLogSuffix, size.status());
    summary_.ends_damaged = true;
    return summary_;
  }
  if (*size > kSegmentBytesMax) {
    Report(Severity::kError, FindingKind::kLength, kSegmentBytesMax,
           fmt::format("the file has {} bytes, more than the format allows", *size));
  }
  ReadBatches(**file, *size);
  summary_.bytes = *size;
  if (!summary_.ends_damaged) {
    offsets_->OnEnd(IndexSink(FindingKind::kOffsetIndex, kIndexSuffix));
    times_->OnEnd(segment_.is_sealed && has_times,
                  IndexSink(FindingKind::kTimeIndex, kTimeIndexSuffix));
  }
  return summary_;
}

void SegmentVerification::ReadBatches(const File& file, int64_t end) {
  LogScan scan(file, segment_.base, end);
  int64_t reported = 0;
  while (true) {
    const auto step = scan.Next();
    if (!step.ok()) {
      ReportUnreadable(kLogSuffix, step.status());
      summary_.ends_damaged = true;
      break;
    }
    int64_t position = end;
    if (const auto* intact = std::get_if<LogScan::Intact>(&*step)) {
      OnBatch(*intact);
      position = intact->position;
    } else if (const auto* damage = std::get_if<LogScan::Damage>(&*step)) {
      OnDamage(*damage);
      position = damage->position;
    }
    if (position - reported >= kProgressBytes || position == end) {
      sinks_.read(position - reported);
      reported = position;
    }
    if (std::holds_alternative<LogScan::End>(*step)) break;
  }
}

std::optional<std::string> SegmentVerification::MisplacedBy(const record::BatchView& batch) const {
  const Offset first = batch.base_offset();
  if (first < segment_.base) {
    return fmt::format("the batch begins at offset {}, below its segment's base {}", first.value(),
                       segment_.base.value());
  }
  if (first < summary_.next_offset) {
    return fmt::format("the batch begins at offset {}, but the one before it ends at {}",
                       first.value(), (summary_.next_offset - 1).value());
  }
  if (batch.last_offset() - segment_.base > std::numeric_limits<int32_t>::max()) {
    return fmt::format("the batch begins at offset {}, too far above its segment's base {}",
                       first.value(), segment_.base.value());
  }
  return std::nullopt;
}

void SegmentVerification::OnBatch(const LogScan::Intact& intact) {
  const record::BatchView batch(intact.batch);
  if (auto fault = contents_.Check(intact.batch)) {
    Report(fault->severity, fault->kind, intact.position, std::move(fault->what));
  }
  ++summary_.batches;
  summary_.records += batch.record_count();
  summary_.ends_damaged = false;
  if (auto misplaced = MisplacedBy(batch)) {
    Report(Severity::kError, FindingKind::kOffsets, intact.position, *std::move(misplaced));
    offsets_->SkipTo(intact.position + 1);
    // Where it is this batch that is wrong, the next one follows it all the same.
    if (batch.base_offset() >= segment_.base) summary_.next_offset = batch.next_offset();
    return;
  }
  if (std::exchange(after_damage_, false)) {
    times_->SkipTo(batch.base_offset());
  } else {
    summary_.missing_offsets += batch.base_offset() - summary_.next_offset;
  }
  const BatchSpot spot{.base_offset = batch.base_offset(),
                       .last_offset = batch.last_offset(),
                       .position = intact.position,
                       .size = batch.size_bytes(),
                       .max_timestamp = batch.max_timestamp()};
  offsets_->OnBatch(spot, IndexSink(FindingKind::kOffsetIndex, kIndexSuffix));
  times_->OnBatch(spot, IndexSink(FindingKind::kTimeIndex, kTimeIndexSuffix));
  visit_(batch);
  summary_.next_offset = batch.next_offset();
}

void SegmentVerification::OnDamage(const LogScan::Damage& damage) {
  const int64_t end = damage.position + damage.size;
  const bool is_torn = segment_.may_be_torn && !damage.intact_follows &&
                       damage.kind != FindingKind::kLegacyFormat &&
                       summary_.next_offset >= segment_.recovery_point;
  if (is_torn && segment_.is_in_use) {
    Report(Severity::kNotice, FindingKind::kTornTail, damage.position,
           fmt::format("the last {} bytes are being written ({})", damage.size, damage.what));
  } else if (is_torn) {
    Report(Severity::kNotice, FindingKind::kTornTail, damage.position,
           fmt::format("{} bytes will be cut at the next start ({})", damage.size, damage.what));
  } else {
    Report(Severity::kError, damage.kind, damage.position,
           damage.what + (damage.intact_follows
                              ? fmt::format("; the next intact batch is at position {}", end)
                              : fmt::format("; no intact batch follows in {} bytes", damage.size)));
  }
  summary_.ends_damaged = !damage.intact_follows;
  after_damage_ = true;
  if (damage.intact_follows) offsets_->SkipTo(end);
}

}  // namespace

SegmentSummary VerifySegment(FileSystem& fs, const SegmentToVerify& segment,
                             BatchContents& contents,
                             absl::FunctionRef<void(const record::BatchView&)> visit,
                             VerifySinks sinks) {
  return SegmentVerification(fs, segment, contents, visit, sinks).Run();
}

}  // namespace millrace::storage
