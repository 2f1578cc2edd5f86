#include "storage/log.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "proto/invariant.h"
#include "proto/record/batch.h"
#include "proto/record/recompress.h"
#include "storage/recovery.h"
#include "storage/segment.h"

namespace millrace::storage {
namespace {

// Index entries hold offsets relative to the segment's base in 31 bits. A segment is left behind
// when half of them are used, and no batch may take the other half at once.
constexpr int64_t kSegmentOffsetsMax = int64_t{1} << 30;
// A topic that allows larger batches allows as much in a compressed one.
constexpr size_t kDecompressedBytesMin = size_t{64} << 20;
constexpr int64_t kPositionMax = std::numeric_limits<int32_t>::max();

std::optional<TimestampMs> Shift(TimestampMs now, std::optional<int64_t> by, int sign) {
  if (!by.has_value()) return std::nullopt;
  int64_t shifted = 0;
  // A bound that is out of reach bounds nothing.
  if (__builtin_add_overflow(now.value(), sign * *by, &shifted)) return std::nullopt;
  return TimestampMs(shifted);
}

record::CheckOptions CheckOptionsOf(const LogOptions& options, TimestampMs now) {
  record::CheckOptions check{.max_batch_bytes = options.max_message_bytes,
                             .require_keys = options.require_keys};
  if (options.timestamp_type == TimestampType::kCreateTime) {
    check.timestamp_min = Shift(now, options.timestamp_before_max_ms, -1);
    check.timestamp_max = Shift(now, options.timestamp_after_max_ms, +1);
  }
  return check;
}

bool MayOpen(const LogOptions& options) {
  return options.compression.has_value() || options.check_compressed || options.require_keys;
}

AppendResult Refuse(ErrorCode error, std::string message) {
  return {.error = error, .message = std::move(message)};
}

}  // namespace

Log::Log(FileSystem& fs, std::string directory, const LogOptions& options, RecoveredLog recovered,
         TimestampMs now)
    : fs_(fs),
      directory_(std::move(directory)),
      options_(options),
      may_open_(MayOpen(options)),
      recovery_report_(recovered.report),
      segments_(std::move(recovered.segments)),
      producers_(std::move(recovered.producers)),
      epochs_(std::move(recovered.epochs)),
      log_start_(recovered.log_start),
      log_end_(active().next_offset()),
      durable_end_(log_end_),
      recovery_point_(log_end_) {
  for (const auto& segment : segments_) {
    size_bytes_ += segment->size_bytes();
    // When the batches were appended is not known any more, but it was before now.
    segment->upkeep.first_append = now;
    segment->upkeep.last_append = now;
  }
  active().upkeep.jitter = SegmentJitter(directory_, active().base());
}

Log::~Log() = default;

Segment::Limits LimitsOf(const LogOptions& options) {
  return {.index_bytes_max = options.segment_index_bytes,
          .index_interval_bytes = options.index_interval_bytes};
}

std::unique_ptr<Log> Log::Fresh(FileSystem& fs, std::string directory, const LogOptions& options,
                                CreateDirectory create_directory, TimestampMs now) {
  RecoveredLog nothing;
  nothing.segments.push_back(
      std::make_shared<Segment>(SegmentFiles{}, Offset(0), LimitsOf(options)));
  nothing.report.segments = 1;
  std::unique_ptr<Log> log(new Log(fs, std::move(directory), options, std::move(nothing), now));
  log->create_directory_ = std::move(create_directory);
  return log;
}

absl::StatusOr<std::unique_ptr<Log>> Log::Open(FileSystem& fs, std::string directory,
                                               const LogOptions& options, const OpenOptions& how,
                                               TimestampMs now) {
  auto recovered = RecoverLog(fs, directory, options, how);
  if (!recovered.ok()) return recovered.status();
  std::unique_ptr<Log> log(new Log(fs, std::move(directory), options, *std::move(recovered), now));
  log->cleaned_until_ = how.cleaned_until;
  if (absl::Status status = log->AgeDirtySegments(); !status.ok()) return status;
  // The age of the active segment goes on counting from its first batch.
  Segment& active = log->active();
  if (active.is_empty()) return log;
  const auto first = active.Locate(active.base());
  if (!first.ok()) return first.status();
  // Only a trusted index can have led past batches that do not belong here.
  if (!first->has_value()) {
    return absl::DataLossError(
        fmt::format("{}: no batch at offset {}, with which segment {} begins", log->directory_,
                    active.base().value(), active.base().value()));
  }
  if ((*first)->max_timestamp.value() >= 0) {
    active.upkeep.first_append = std::min(now, (*first)->max_timestamp);
  }
  return log;
}

absl::StatusOr<AppendResult> Log::Append(std::span<std::byte> batch, const AppendOptions& options) {
  if (!append_failure_.ok()) return append_failure_;
  INVARIANT(create_directory_ == nullptr);
  INVARIANT(!NeedsRoll(static_cast<int64_t>(batch.size()), options.now));
  if (auto refusal = Refusal(batch, options)) return *std::move(refusal);
  const record::BatchView view(batch);
  ProducerVerdict verdict = producers_.Check(view);
  if (verdict.error != ErrorCode::kNone) return Refuse(verdict.error, std::move(verdict.message));
  if (verdict.duplicate_base_offset.has_value()) {
    const Offset base = *verdict.duplicate_base_offset;
    return AppendResult{
        .base_offset = base, .last_offset = base + view.last_offset_delta(), .duplicate = true};
  }
  AppendResult result;
  if (options_.timestamp_type == TimestampType::kLogAppendTime) {
    record::StampLogAppendTime(batch, options.now);
    result.log_append_time = options.now;
  }
  record::StampBatch(batch, log_end_, options.leader_epoch);
  if (absl::Status status = active().Append(batch); !status.ok()) {
    append_failure_ = status;
    return status;
  }
  result.base_offset = log_end_;
  result.last_offset = view.last_offset();
  OnAppended(view, options);
  return result;
}

std::optional<AppendResult> Log::Refusal(std::span<std::byte> batch,
                                         const AppendOptions& options) const {
  if (auto fault = record::AdmitBatch(batch, CheckOptionsOf(options_, options.now))) {
    AppendResult refusal = Refuse(fault->error, std::move(fault->message));
    refusal.record_index = fault->record_index;
    return refusal;
  }
  if (const auto size = static_cast<int64_t>(batch.size()); size > options_.segment_bytes) {
    return Refuse(ErrorCode::kRecordListTooLarge,
                  fmt::format("a batch of {} bytes does not fit into a segment (segment.bytes={})",
                              size, options_.segment_bytes));
  }
  if (record::BatchView(batch).last_offset_delta() >= kSegmentOffsetsMax) {
    return Refuse(ErrorCode::kRecordListTooLarge,
                  fmt::format("a batch may hold {} records at most", kSegmentOffsetsMax));
  }
  if (const auto latest = epochs_.latest(); latest.has_value() && *latest > options.leader_epoch) {
    return Refuse(ErrorCode::kFencedLeaderEpoch,
                  fmt::format("the log holds records of leader epoch {}, this leader's is {}",
                              latest->value(), options.leader_epoch.value()));
  }
  return std::nullopt;
}

// Whether the batch has another codec than is wanted, or records that were not seen and should be.
// What is no batch at all is left for Append() to refuse.
bool Log::DiffersOrHides(std::span<const std::byte> batch) const {
  if (batch.size() < record::kBatchHeaderBytes) return false;
  const record::BatchView view(batch);
  const std::optional<record::CodecType> codec = view.codec();
  if (view.magic() != record::kMagicV2 || !codec.has_value()) return false;
  if (options_.compression.has_value() && options_.compression->codec != *codec) return true;
  const bool must_see_records = options_.check_compressed || options_.require_keys;
  return must_see_records && *codec != record::CodecType::kNone;
}

record::RecompressOptions Log::HowToOpen(TimestampMs now) const {
  return {.check = CheckOptionsOf(options_, now),
          .wanted = options_.compression,
          .max_bytes = std::max(kDecompressedBytesMin, static_cast<size_t>(std::max<int64_t>(
                                                           options_.max_message_bytes, 0)))};
}

void Log::OnAppended(const record::BatchView& batch, const AppendOptions& options) {
  INVARIANT(batch.base_offset() == log_end_);
  is_as_closed_ = false;
  Segment::Upkeep& upkeep = active().upkeep;
  if (active().base() == log_end_) upkeep.first_append = options.now;
  upkeep.last_append = options.now;
  if (epochs_.Assign(options.leader_epoch, log_end_)) ++epoch_changes_;
  producers_.Update(batch);
  size_bytes_ += batch.size_bytes();
  log_end_ = batch.next_offset();
  INVARIANT(log_end_ == active().next_offset());
}

bool Log::NeedsRoll(int64_t bytes, TimestampMs now) const {
  const Segment& segment = active();
  // Another segment would not help a batch that is too large for any; Append() refuses it.
  const int64_t bytes_max = std::min(options_.segment_bytes, kPositionMax);
  if (segment.is_empty() || bytes > bytes_max) return false;
  return segment.size_bytes() + bytes > bytes_max || segment.indexes_full() ||
         log_end_ - segment.base() >= kSegmentOffsetsMax || IsOld(segment, now);
}

// Logs that were begun together are not all rolled together.
bool Log::IsOld(const Segment& segment, TimestampMs now) const {
  const int64_t age = now - segment.upkeep.first_append;
  const int64_t jitter_max =
      std::max<int64_t>(std::min(options_.segment_jitter_ms, options_.segment_ms), 0);
  // Most are younger than any jitter could make matter.
  if (age <= options_.segment_ms - jitter_max) return false;
  const int64_t jitter =
      jitter_max == 0
          ? 0
          : static_cast<int64_t>(segment.upkeep.jitter % static_cast<uint64_t>(jitter_max));
  return age > options_.segment_ms - jitter;
}

void Log::ExpireProducers(TimestampMs now) {
  if (const auto oldest = Shift(now, options_.producer_id_expiration_ms, -1)) {
    producers_.Expire(*oldest);
  }
}

void Log::ReleaseIdle() {
  for (const auto& segment : segments_) segment->ReleaseIdle();
}

void Log::SetOptions(const LogOptions& options) {
  options_ = options;
  may_open_ = MayOpen(options);
}

Offset Log::log_start_offset() const { return log_start_; }
Offset Log::log_end() const { return log_end_; }
Offset Log::durable_end() const { return durable_end_; }
Offset Log::recovery_point() const { return recovery_point_; }
int64_t Log::size_bytes() const { return size_bytes_; }

int64_t Log::undurable_bytes() const {
  int64_t bytes = 0;
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    const int64_t undurable = (*segment)->size_bytes() - (*segment)->upkeep.durable_bytes;
    bytes += undurable;
    if (undurable == 0 && (*segment)->is_sealed()) break;
  }
  return bytes;
}

std::optional<LeaderEpoch> Log::latest_epoch() const { return epochs_.latest(); }

std::optional<Log::EpochEnd> Log::EndOffsetForEpoch(LeaderEpoch epoch) const {
  const auto end = epochs_.EndOf(epoch, log_end_);
  if (!end.has_value()) return std::nullopt;
  return EpochEnd{.epoch = end->epoch, .end = end->end};
}

std::optional<LeaderEpoch> Log::EpochForOffset(Offset offset) const {
  return epochs_.EpochAt(offset);
}

const RecoveryReport& Log::recovery_report() const { return recovery_report_; }
const std::string& Log::directory() const { return directory_; }

}  // namespace millrace::storage
