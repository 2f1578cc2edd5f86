// Partition: compaction of its log.
#include <utility>

#include <spdlog/spdlog.h>

#include "broker/partition/partition.h"

namespace millrace::partition {

namespace {

// A log whose cleaning came to nothing lets others go first.
constexpr int64_t kRetryMs = 60'000;

}  // namespace

storage::CompactionNeed Partition::CompactionNeed(TimestampMs now) const {
  bool is_possible = failure_ == ErrorCode::kNone && !compacting_ && !maintaining_ &&
                     !uncleanable_ && SteadyNow() >= compact_again_;
  if (!is_possible) return {};
  return log_->MeasureCompaction(high_watermark(), now);
}

awaitable<void> Partition::PrepareCompaction(storage::CompactionNeed need, TimestampMs now) {
  auto self = shared_from_this();
  while (blocked_) co_await writable_.Wait();
  if (failure_ != ErrorCode::kNone) co_return;
  // Others may have rolled it meanwhile.
  bool must_roll =
      need.must_roll && !needs_repair_ && log_->MeasureCompaction(high_watermark(), now).must_roll;
  if (must_roll) {
    ErrorCode error = co_await RunBlocking(log_->Roll(now));
    if (error != ErrorCode::kNone) co_return;
  }
  if ((must_roll || need.must_flush) && failure_ == ErrorCode::kNone) flusher_.Want();
}

awaitable<std::optional<storage::CompactionReport>> Partition::Compact(
    DiskPool& pool, storage::CompactionRequest request) {
  if (failure_ != ErrorCode::kNone || compacting_ || maintaining_ || uncleanable_) {
    co_return std::nullopt;
  }
  // The settings may have changed since the need was seen.
  if (!log_->MeasureCompaction(high_watermark(), request.now).is_due) co_return std::nullopt;
  auto self = shared_from_this();
  request.limit = high_watermark();
  storage::CompactionJob cleaning = log_->Compact(std::move(request));
  compacting_ = true;
  // What went wrong is in the report.
  static_cast<void>(co_await pool.Run(std::move(cleaning.job.run)));
  cleaning.job.finish();
  compacting_ = false;
  OnCompacted(*cleaning.report);
  // Retention had to wait.
  co_await Maintain(WallNow());
  quiet_.Notify();
  co_return *cleaning.report;
}

void Partition::OnCompacted(const storage::CompactionReport& report) {
  auto unlink = log_->UnlinkDeleted();
  // A partition that closes leaves the files to the next start, or to whoever removes the rest.
  if (unlink.has_value() && failure_ == ErrorCode::kNone) {
    deletions_.Add(*std::move(unlink), SteadyNow() + options_.file_delete_delay_ms);
  }
  if (!report.status.ok() || report.end <= report.from) compact_again_ = SteadyNow() + kRetryMs;
  if (report.status.ok() || absl::IsCancelled(report.status)) return;
  spdlog::error("{}-{}: not compacted: {}", name_.topic, name_.index.value(),
                report.status.ToString());
  if (report.is_log_damaged) {
    uncleanable_ = true;
  } else if (report.is_log_unusable || !absl::IsResourceExhausted(report.status)) {
    OnDiskFailure(report.status);
  }
}

}  // namespace millrace::partition
