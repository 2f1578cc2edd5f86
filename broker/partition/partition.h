// A partition hosted by this broker: its log, its role, and who waits for it.
//
//   auto appended = partition.TryAppend(batch, {.acks_all = true, .now = now});
//   if (!appended) appended = co_await partition.Append(batch, ...);   // a segment must be rolled
//   if (!partition.IsCommitted(appended->end)) partition.Park(waiter, appended->end);
//
// Threading: one shard, `shard()`. Lifetime: shared; Close() waits for the disk jobs in flight, and
// an open fetch keeps only its file.
// Errors: an ErrorCode in the outcome. A failed disk takes the whole log directory offline: every
// append and every waiter gets KAFKA_STORAGE_ERROR.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <absl/status/status.h>

#include "broker/core/offset_waiters.h"
#include "broker/core/replica_state.h"
#include "broker/partition/cold_readers.h"
#include "broker/partition/deferred_jobs.h"
#include "broker/partition/disk_gate.h"
#include "broker/partition/flusher.h"
#include "broker/runtime/codec_pool.h"
#include "broker/runtime/disk_pool.h"
#include "broker/runtime/load_pool.h"
#include "broker/runtime/task_group.h"
#include "proto/error_code.h"
#include "proto/record/recompress.h"
#include "proto/types.h"
#include "storage/log.h"

namespace millrace::partition {

struct PartitionName {
  std::string topic;
  TopicId topic_id;
  PartitionIndex index;
};

struct Environment {
  Shard& shard;
  DiskPool& disk_pool;
  CodecPool& codec_pool;
  LoadPool& load_pool;
  // Called on the partition's shard when its log directory has failed.
  std::function<void()> on_disk_failure;
  DiskGate* disk = nullptr;   // null: not watched
  bool uses_reserve = false;  // appends are not refused while the disk is nearly full
  FlushCounts* flushes = nullptr;
  size_t log_directory = 0;  // in which of the broker's it lies
};

// What a topic's properties say beyond its log.
struct PartitionOptions {
  bool write_caching = false;
  // Records that are not synced, and how long one may stay so, before a sync starts that nobody
  // waits for; none: no such sync.
  std::optional<int64_t> flush_messages;
  std::optional<int64_t> flush_ms;
  int64_t file_delete_delay_ms = 60'000;
};

struct AppendRequest {
  bool acks_all = false;
  TimestampMs now;
};

struct AppendOutcome {
  ErrorCode error = ErrorCode::kNone;
  std::string message;
  std::optional<int32_t> record_index;  // of the record that was refused, in its batch
  Offset base_offset;
  Offset end;  // the offset after the batch: acks=all is answered when the high watermark is there
  std::optional<TimestampMs> log_append_time;
  Offset log_start_offset;
};

struct FetchRequest {
  Offset from;
  int64_t max_bytes = 0;
  bool at_least_one_batch = false;
  std::optional<LeaderEpoch> current_leader_epoch;
  // Of the last record that a follower has; none: not a follower, or it has none.
  std::optional<LeaderEpoch> last_fetched_epoch;
  // Set: the disk is not waited for; the outcome says what is not in the page cache
  // (storage::ReadOptions).
  std::optional<int64_t> resident_bytes;
};

struct FetchOutcome {
  ErrorCode error = ErrorCode::kNone;
  Offset high_watermark;
  Offset log_start_offset;
  storage::FileSlice slice;
  int64_t first_batch_bytes = 0;                  // where the slice is not empty
  std::shared_ptr<const storage::File> log = {};  // where the slice is from, as storage::ReadResult
  // Not empty: nothing was found yet, for these bytes must be loaded before: of an index, or of
  // `log`.
  storage::FileSlice missing;
  bool is_resident = true;  // whether the slice is in the page cache, where that was asked for
  bool is_active = false;   // whether it lies in the segment that is appended to
  // Set instead of records where the follower's log has parted from this one: until where they may
  // still be the same.
  std::optional<storage::Log::EpochEnd> diverging_epoch;
};

class Partition : public std::enable_shared_from_this<Partition> {
 public:
  Partition(Environment environment, PartitionName name, std::unique_ptr<storage::Log> log);
  ~Partition();

  // Appends at once; none when a segment must be rolled or repaired first, or the batch be opened:
  // then co_await Append.
  std::optional<AppendOutcome> TryAppend(std::span<std::byte> batch, const AppendRequest& request);
  awaitable<AppendOutcome> Append(std::span<std::byte> batch, AppendRequest request);

  bool IsCommitted(Offset end) const { return replica_.high_watermark() >= end; }
  // Precondition: the high watermark is below `wanted`, and failure() is kNone.
  void Park(core::OffsetWaiter& waiter, Offset wanted) { waiters_.Park(waiter, wanted); }
  void Unpark(core::OffsetWaiter& waiter) { waiters_.Unpark(waiter); }

  FetchOutcome Fetch(const FetchRequest& request);
  // Brings what a read has found missing into the page cache. Records may be released again when
  // their readers have passed them, indexes stay. An error is that of the medium: it is logged and
  // counted, and takes nothing offline.
  enum class Loaded { kRecords, kIndex };
  awaitable<absl::Status> Load(storage::FileSlice slice, Loaded what, LoadPool::Owner owner);
  // kNone, or why nothing can be done here any more.
  ErrorCode failure() const { return failure_; }
  ErrorCode CheckLeaderEpoch(std::optional<LeaderEpoch> current) const;
  // The largest epoch up to `epoch` that this log knows and where it ended; none: it knows none,
  // or `epoch` is still to come.
  std::optional<storage::Log::EpochEnd> EndOfEpoch(LeaderEpoch epoch) const;

  struct DeleteOutcome {
    ErrorCode error = ErrorCode::kNone;
    Offset log_start_offset;
  };
  // The records before `end` are no longer read (DeleteRecords); none: all that may be read now.
  // The log's new start is durable once its checkpoint is written, which is the caller's.
  awaitable<DeleteOutcome> DeleteRecords(std::optional<Offset> end);

  // The disk failed somewhere in this log directory: refuses everything from now on.
  void Fail(ErrorCode error);
  // Retention, producer expiry. One at a time.
  awaitable<void> Maintain(TimestampMs now);
  // How far the log is from being clean; without need while it is cleaned, after a cleaning that
  // came to nothing, and where one never can.
  storage::CompactionNeed CompactionNeed(TimestampMs now) const;
  // Makes records cleanable that have waited too long: rolls and syncs, as far as `need` says so.
  awaitable<void> PrepareCompaction(storage::CompactionNeed need, TimestampMs now);
  // Cleans the log as `request` has it, up to the high watermark, on a thread of `pool`. Its pace
  // must look at compaction_stop(). None: not now.
  awaitable<std::optional<storage::CompactionReport>> Compact(DiskPool& pool,
                                                              storage::CompactionRequest request);
  // Set when a cleaning is to end; the thread that cleans may look at it.
  std::shared_ptr<const std::atomic<bool>> compaction_stop() const { return stop_compaction_; }
  // The log is damaged where compaction would have to read: it is never compacted again.
  bool is_uncleanable() const { return uncleanable_; }
  // Takes the partition out of service. `keep`: syncs and leaves the files as after a clean
  // shutdown; else the caller removes them.
  awaitable<absl::Status> Close(bool keep);
  void SetOptions(const storage::LogOptions& log, const PartitionOptions& options);

  const PartitionName& name() const { return name_; }
  Shard& shard() const { return environment_.shard; }
  size_t log_directory() const { return environment_.log_directory; }
  storage::Log& log() { return *log_; }
  Offset high_watermark() const { return replica_.high_watermark(); }
  LeaderEpoch leader_epoch() const { return leader_epoch_; }

 private:
  void CheckDivergence(const FetchRequest& request, FetchOutcome& outcome) const;
  // Cold reads (partition_load.cc).
  void FollowReader(const storage::ReadResult& read);
  void ReadAhead(storage::FileSlice range);
  awaitable<void> SurveyBefore(storage::FileSlice slice, LoadPool::Owner owner);
  // The batch needs no opening, or has been opened.
  std::optional<AppendOutcome> TryAppendOpened(std::span<std::byte> batch,
                                               const AppendRequest& request);
  awaitable<record::Recompressed> Open(std::span<std::byte> batch, TimestampMs now);
  AppendOutcome AppendNow(std::span<std::byte> batch, const AppendRequest& request);
  bool HasNoRoom() const;
  bool MustWait() const { return blocked_ || reserving_.load(std::memory_order_relaxed); }
  AppendOutcome OnWriteFailed(const absl::Status& status);
  void OnNoSpace(const absl::Status& status);
  void StartBackgroundWork();
  void FlushIfDue();
  void FlushLater();
  void Submit(storage::DiskJob job, bool& in_flight);
  awaitable<ErrorCode> MakeWritable(int64_t bytes, TimestampMs now);
  awaitable<ErrorCode> RunBlocking(storage::DiskJob job);
  awaitable<void> RollIfExpired(TimestampMs now);
  void OnCompacted(const storage::CompactionReport& report);
  void OnFlushed(const absl::Status& status);
  void OnDiskFailure(const absl::Status& status);

  Environment environment_;
  PartitionName name_;
  std::unique_ptr<storage::Log> log_;
  core::ReplicaState replica_;
  core::OffsetWaiters waiters_;
  PartitionOptions options_;
  Flusher flusher_;
  ColdReaders cold_readers_;
  CallTimer flush_timer_;  // armed while a record waits for flush_ms to pass
  CallTimer retry_timer_;  // armed while a sync waits for room on the disk
  DeferredJobs deletions_;
  LeaderEpoch leader_epoch_{0};
  ErrorCode failure_ = ErrorCode::kNone;
  absl::Status disk_failure_;  // of this partition's own files
  // A roll or a repair is under way: appends wait for `writable_`.
  bool blocked_ = false;
  bool needs_repair_ = false;
  Signal writable_;
  // Disk jobs in flight that may overlap with appends.
  bool preallocating_ = false;
  // The file system lets nobody write to a file while it reserves room for it, and may read from
  // the disk for that. Appends wait for `writable_` meanwhile, so that the shard does not.
  std::atomic<bool> reserving_ = false;
  bool writing_back_ = false;
  bool maintaining_ = false;
  bool compacting_ = false;
  const std::shared_ptr<std::atomic<bool>> stop_compaction_ =
      std::make_shared<std::atomic<bool>>(false);
  MonotonicMs compact_again_{0};
  bool uncleanable_ = false;
  Signal quiet_;
};

}  // namespace millrace::partition
