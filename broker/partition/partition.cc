#include "broker/partition/partition.h"

#include <utility>

#include <spdlog/spdlog.h>

#include "proto/invariant.h"

namespace millrace::partition {

namespace {

// Bytes that only acks=0 and acks=1 producers wrote are synced in steps of this size, so that a
// restart after a crash has little to scan.
constexpr int64_t kUnsyncedBytesMax = 64 << 20;

// More than this is (de)compressed elsewhere than on the shard.
constexpr size_t kCodecBytesInlineMax = 64 << 10;

// What must be written before a sync is tried again so often while the disk has no room for it.
constexpr int64_t kFlushRetryMs = 200;

}  // namespace

Partition::Partition(Environment environment, PartitionName name, std::unique_ptr<storage::Log> log)
    : environment_(std::move(environment)),
      name_(std::move(name)),
      log_(std::move(log)),
      replica_(log_->log_end()),
      flusher_(environment_.shard, environment_.disk_pool, *log_, environment_.flushes,
               [this](const absl::Status& status) { OnFlushed(status); }),
      flush_timer_([this] { FlushLater(); }),
      retry_timer_([this] { FlushLater(); }),
      deletions_(environment_.shard, environment_.disk_pool),
      writable_(environment_.shard),
      quiet_(environment_.shard) {}

Partition::~Partition() { INVARIANT(waiters_.empty()); }

std::optional<AppendOutcome> Partition::TryAppend(std::span<std::byte> batch,
                                                  const AppendRequest& request) {
  if (log_->MustOpen(batch)) return std::nullopt;
  return TryAppendOpened(batch, request);
}

std::optional<AppendOutcome> Partition::TryAppendOpened(std::span<std::byte> batch,
                                                        const AppendRequest& request) {
  if (failure_ != ErrorCode::kNone) return AppendOutcome{.error = failure_};
  if (HasNoRoom()) {
    environment_.disk->OnRefused();
    return AppendOutcome{.error = ErrorCode::kKafkaStorageError,
                         .message = environment_.disk->Reason(),
                         .log_start_offset = log_->log_start_offset()};
  }
  if (MustWait() || needs_repair_ || !log_->IsReady()) return std::nullopt;
  if (log_->NeedsRoll(static_cast<int64_t>(batch.size()), request.now)) return std::nullopt;
  return AppendNow(batch, request);
}

awaitable<AppendOutcome> Partition::Append(std::span<std::byte> batch, AppendRequest request) {
  auto self = shared_from_this();
  record::Recompressed opened;
  if (failure_ == ErrorCode::kNone && log_->MustOpen(batch)) {
    opened = co_await Open(batch, request.now);
    if (opened.fault.has_value()) {
      co_return AppendOutcome{.error = opened.fault->error,
                              .message = std::move(opened.fault->message),
                              .record_index = opened.fault->record_index,
                              .log_start_offset = log_->log_start_offset()};
    }
    if (!opened.batch.empty()) batch = opened.batch;
  }
  for (;;) {
    std::optional<AppendOutcome> appended = TryAppendOpened(batch, request);
    if (appended.has_value()) co_return *std::move(appended);
    ErrorCode error = co_await MakeWritable(static_cast<int64_t>(batch.size()), request.now);
    if (error != ErrorCode::kNone) co_return AppendOutcome{.error = error};
  }
}

// A small batch that stays small costs less than the way to another thread and back.
awaitable<record::Recompressed> Partition::Open(std::span<std::byte> batch, TimestampMs now) {
  record::RecompressOptions how = log_->HowToOpen(now);
  const size_t bytes_max = std::exchange(how.max_bytes, kCodecBytesInlineMax);
  if (batch.size() <= kCodecBytesInlineMax) {
    record::Recompressed opened = record::Recompress(batch, how);
    if (!opened.needs_more_bytes) co_return opened;
  }
  how.max_bytes = std::min(bytes_max, environment_.codec_pool.bytes_max());
  record::Recompressed opened;
  co_await environment_.codec_pool.Run(0, [&] { opened = record::Recompress(batch, how); });
  co_return opened;
}

AppendOutcome Partition::AppendNow(std::span<std::byte> batch, const AppendRequest& request) {
  auto appended = log_->Append(batch, {.leader_epoch = leader_epoch_, .now = request.now});
  if (!appended.ok()) return OnWriteFailed(appended.status());
  AppendOutcome outcome{.error = appended->error,
                        .message = std::move(appended->message),
                        .record_index = appended->record_index,
                        .base_offset = appended->base_offset,
                        .end = appended->last_offset + 1,
                        .log_append_time = appended->log_append_time,
                        .log_start_offset = log_->log_start_offset()};
  if (outcome.error != ErrorCode::kNone) return outcome;
  if (!appended->duplicate) {
    replica_.OnAppend(outcome.base_offset, outcome.end, request.acks_all);
    StartBackgroundWork();
  }
  if (environment_.disk != nullptr) {
    environment_.disk->OnAppended(static_cast<int64_t>(batch.size()));
  }
  if (request.acks_all && !IsCommitted(outcome.end)) flusher_.Want();
  waiters_.OnHighWatermark(replica_.high_watermark());
  return outcome;
}

bool Partition::HasNoRoom() const {
  return environment_.disk != nullptr && !environment_.uses_reserve && environment_.disk->is_full();
}

// The one in charge of the disk reports it, once for all partitions.
void Partition::OnNoSpace(const absl::Status& status) {
  INVARIANT(absl::IsResourceExhausted(status));
  if (environment_.disk != nullptr) {
    environment_.disk->OnNoSpace();
  } else {
    spdlog::error("{}-{}: not written: {}", name_.topic, name_.index.value(), status.ToString());
  }
}

AppendOutcome Partition::OnWriteFailed(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    OnNoSpace(status);
    needs_repair_ = true;
  } else {
    OnDiskFailure(status);
  }
  return AppendOutcome{.error = ErrorCode::kKafkaStorageError,
                       .message = std::string(status.message())};
}

void Partition::StartBackgroundWork() {
  if (!preallocating_) {
    auto job = log_->Preallocate();
    DiskGate* disk = environment_.disk;
    if (job.has_value() && (disk == nullptr || disk->MayReserve(job->reserved_bytes))) {
      job->run = [this, run = std::move(job->run)]() mutable {
        reserving_.store(true, std::memory_order_relaxed);
        absl::Status status = run();
        reserving_.store(false, std::memory_order_relaxed);
        return status;
      };
      Submit(*std::move(job), preallocating_);
    }
  }
  if (!writing_back_) {
    auto job = log_->EarlyWriteBack(!flusher_.idle());
    if (job.has_value()) Submit(*std::move(job), writing_back_);
  }
  if (log_->undurable_bytes() >= kUnsyncedBytesMax && flusher_.idle()) flusher_.Want();
  if (options_.flush_messages.has_value() || options_.flush_ms.has_value()) FlushIfDue();
}

void Partition::FlushIfDue() {
  int64_t unsynced = log_->log_end() - log_->durable_end();
  if (unsynced == 0) return;
  bool is_due = options_.flush_messages.has_value() && unsynced >= *options_.flush_messages;
  if (is_due || options_.flush_ms == 0) {
    flusher_.Want();
  } else if (options_.flush_ms.has_value() && !flush_timer_.is_armed()) {
    environment_.shard.timers().Arm(flush_timer_, SteadyNow() + *options_.flush_ms);
  }
}

// The oldest unsynced record may be younger than the timer; then the sync comes a little early.
void Partition::FlushLater() {
  if (failure_ == ErrorCode::kNone && log_->durable_end() < log_->log_end()) flusher_.Want();
}

// Preallocation and early write-back only make things faster: a failure shows at the next append or
// sync.
void Partition::Submit(storage::DiskJob job, bool& in_flight) {
  in_flight = true;
  auto run = std::move(job.run);
  environment_.disk_pool.Submit(
      environment_.shard, std::move(run),
      [self = shared_from_this(), &in_flight, job = std::move(job)](absl::Status status) mutable {
        in_flight = false;
        if (status.ok() && job.finish) job.finish();
        self->writable_.Notify();
        self->quiet_.Notify();
      });
}

awaitable<ErrorCode> Partition::MakeWritable(int64_t bytes, TimestampMs now) {
  while (MustWait()) co_await writable_.Wait();
  if (failure_ != ErrorCode::kNone) co_return failure_;
  if (needs_repair_) {
    ErrorCode error = co_await RunBlocking(log_->RepairTail());
    if (error == ErrorCode::kNone) needs_repair_ = false;
    co_return error;
  }
  if (!log_->IsReady()) co_return co_await RunBlocking(log_->Prepare());
  if (!log_->NeedsRoll(bytes, now)) co_return ErrorCode::kNone;
  co_return co_await RunBlocking(log_->Roll(now));
}

// A preparation, a roll or a repair: appends wait until it is done.
awaitable<ErrorCode> Partition::RunBlocking(storage::DiskJob job) {
  auto self = shared_from_this();
  blocked_ = true;
  absl::Status status = co_await environment_.disk_pool.Run(std::move(job.run));
  blocked_ = false;
  if (status.ok()) {
    if (job.finish) job.finish();
  } else if (absl::IsResourceExhausted(status)) {
    OnNoSpace(status);
  } else {
    OnDiskFailure(status);
  }
  writable_.Notify();
  quiet_.Notify();
  co_return status.ok() ? ErrorCode::kNone : ErrorCode::kKafkaStorageError;
}

void Partition::OnFlushed(const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    // What comes before the sync had no room: nothing is lost, and who waits goes on waiting.
    OnNoSpace(status);
    environment_.shard.timers().Arm(retry_timer_, SteadyNow() + kFlushRetryMs);
  } else if (!status.ok()) {
    OnDiskFailure(status);
  } else {
    replica_.OnDurable(log_->durable_end());
    waiters_.OnHighWatermark(replica_.high_watermark());
    if (replica_.needs_sync() && flusher_.idle()) flusher_.Want();
  }
  quiet_.Notify();
}

// Of a partition that is closing nobody else need know, but it is not closed in order.
void Partition::OnDiskFailure(const absl::Status& status) {
  disk_failure_.Update(status);
  if (failure_ != ErrorCode::kNone) return;
  spdlog::critical("{}-{}: the log directory has failed and is offline: {}", name_.topic,
                   name_.index.value(), status.ToString());
  Fail(ErrorCode::kKafkaStorageError);
  environment_.on_disk_failure();
}

void Partition::Fail(ErrorCode error) {
  if (failure_ == ErrorCode::kNone) failure_ = error;
  waiters_.FailAll(failure_);
  // Nothing more is written there.
  deletions_.Cancel();
  stop_compaction_->store(true, std::memory_order_relaxed);
}

ErrorCode Partition::CheckLeaderEpoch(std::optional<LeaderEpoch> current) const {
  if (!current.has_value() || *current == leader_epoch_) return ErrorCode::kNone;
  return *current < leader_epoch_ ? ErrorCode::kFencedLeaderEpoch : ErrorCode::kUnknownLeaderEpoch;
}

// This leader's own epoch may have written nothing yet: then it ends where the log does.
std::optional<storage::Log::EpochEnd> Partition::EndOfEpoch(LeaderEpoch epoch) const {
  if (epoch > leader_epoch_) return std::nullopt;
  if (epoch == leader_epoch_) return storage::Log::EpochEnd{epoch, log_->log_end()};
  return log_->EndOffsetForEpoch(epoch);
}

void Partition::CheckDivergence(const FetchRequest& request, FetchOutcome& outcome) const {
  if (!request.last_fetched_epoch.has_value()) return;
  auto end = EndOfEpoch(*request.last_fetched_epoch);
  if (!end.has_value()) {
    outcome.error = ErrorCode::kOffsetOutOfRange;
  } else if (end->epoch < *request.last_fetched_epoch || end->end < request.from) {
    outcome.diverging_epoch = end;
  }
}

FetchOutcome Partition::Fetch(const FetchRequest& request) {
  FetchOutcome outcome{.error = failure_,
                       .high_watermark = replica_.high_watermark(),
                       .log_start_offset = log_->log_start_offset()};
  if (outcome.error == ErrorCode::kNone) {
    outcome.error = CheckLeaderEpoch(request.current_leader_epoch);
  }
  if (outcome.error == ErrorCode::kNone) CheckDivergence(request, outcome);
  if (outcome.error != ErrorCode::kNone || outcome.diverging_epoch.has_value()) return outcome;
  auto read = log_->Read({.from = request.from,
                          .limit = outcome.high_watermark,
                          .max_bytes = request.max_bytes,
                          .at_least_one_batch = request.at_least_one_batch,
                          .resident_bytes = request.resident_bytes});
  if (!read.ok()) {
    spdlog::error("{}-{}: read at {} failed: {}", name_.topic, name_.index.value(),
                  request.from.value(), read.status().ToString());
    outcome.error = ErrorCode::kKafkaStorageError;
    return outcome;
  }
  if (!cold_readers_.empty()) FollowReader(*read);
  outcome.error = read->error;
  outcome.slice = std::move(read->slice);
  outcome.first_batch_bytes = read->first_batch_bytes;
  outcome.log = std::move(read->log);
  outcome.missing = std::move(read->missing);
  outcome.is_resident = read->is_resident;
  outcome.is_active = read->is_active;
  return outcome;
}

awaitable<void> Partition::Maintain(TimestampMs now) {
  if (maintaining_ || failure_ != ErrorCode::kNone) co_return;
  auto self = shared_from_this();
  // Readers of a deleted file hold it open: the delay is for people, who want the room.
  if (environment_.disk != nullptr && environment_.disk->is_full()) deletions_.RunAll();
  log_->ExpireProducers(now);
  log_->ReleaseIdle();
  co_await RollIfExpired(now);
  auto job = log_->DeleteOldSegments(now, replica_.high_watermark());
  if (!job.has_value()) co_return;
  maintaining_ = true;
  absl::Status status = co_await environment_.disk_pool.Run(std::move(job->run));
  maintaining_ = false;
  // Also after a failure some files may have been renamed.
  if (job->finish) job->finish();
  if (status.ok()) {
    auto unlink = log_->UnlinkDeleted();
    if (unlink.has_value()) {
      const bool is_urgent = environment_.disk != nullptr && environment_.disk->is_full();
      const int64_t delay_ms = is_urgent ? 0 : options_.file_delete_delay_ms;
      deletions_.Add(*std::move(unlink), SteadyNow() + delay_ms);
    }
    spdlog::info("{}-{}: old segments deleted, the log now starts at {}", name_.topic,
                 name_.index.value(), log_->log_start_offset().value());
  } else {
    spdlog::error("{}-{}: old segments could not be deleted: {}", name_.topic, name_.index.value(),
                  status.ToString());
  }
  quiet_.Notify();
}

awaitable<Partition::DeleteOutcome> Partition::DeleteRecords(std::optional<Offset> end) {
  auto self = shared_from_this();
  Offset start = end.value_or(high_watermark());
  if (failure_ != ErrorCode::kNone) co_return DeleteOutcome{.error = failure_};
  if (start.value() < 0 || start > high_watermark()) {
    co_return DeleteOutcome{.error = ErrorCode::kOffsetOutOfRange};
  }
  while (log_->durable_end() < start) {
    flusher_.Want();
    co_await quiet_.Wait();
    if (retry_timer_.is_armed()) co_return DeleteOutcome{.error = ErrorCode::kKafkaStorageError};
    if (failure_ != ErrorCode::kNone) co_return DeleteOutcome{.error = failure_};
  }
  log_->AdvanceLogStart(start);
  co_return DeleteOutcome{.log_start_offset = log_->log_start_offset()};
}

// An active segment goes, too, when all of it has expired: a new one is begun first.
awaitable<void> Partition::RollIfExpired(TimestampMs now) {
  while (blocked_) co_await writable_.Wait();
  if (failure_ != ErrorCode::kNone || needs_repair_ || !log_->ActiveExpired(now)) co_return;
  ErrorCode error = co_await RunBlocking(log_->Roll(now));
  if (error != ErrorCode::kNone) {
    spdlog::error("{}-{}: the expired segment was not rolled: {}", name_.topic, name_.index.value(),
                  ErrorName(error));
  }
}

awaitable<absl::Status> Partition::Close(bool keep) {
  auto self = shared_from_this();
  const bool had_failed = failure_ == ErrorCode::kKafkaStorageError;
  failure_ = keep ? ErrorCode::kNotLeaderOrFollower : ErrorCode::kUnknownTopicOrPartition;
  flush_timer_.Cancel();
  retry_timer_.Cancel();
  deletions_.Cancel();
  stop_compaction_->store(true, std::memory_order_relaxed);
  // A sync in flight still answers those who wait for it.
  while (blocked_ || preallocating_ || writing_back_ || maintaining_ || compacting_ ||
         !flusher_.idle()) {
    co_await quiet_.Wait();
  }
  waiters_.FailAll(failure_);
  if (!keep || had_failed) co_return absl::OkStatus();
  if (!disk_failure_.ok()) co_return disk_failure_;
  co_return co_await environment_.disk_pool.Run([log = log_.get()] { return log->Close(); });
}

void Partition::SetOptions(const storage::LogOptions& log, const PartitionOptions& options) {
  log_->SetOptions(log);
  options_ = options;
  replica_.SetWriteCaching(options.write_caching);
  waiters_.OnHighWatermark(replica_.high_watermark());
  flush_timer_.Cancel();
  if (failure_ == ErrorCode::kNone) FlushIfDue();
}

}  // namespace millrace::partition
