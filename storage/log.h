// A partition's log on one disk: an append-only sequence of record batches, cut into segments.
//
//   auto log = Log::Open(fs, "/data/orders-0", options, {.clean = false}, now);
//   auto appended = (*log)->Append(batch_bytes, {.leader_epoch = LeaderEpoch(0), .now = now});
//   auto read = (*log)->Read({.from = Offset(0), .limit = (*log)->log_end()});
//
// Threading: one thread (the partition's shard) owns a Log. Calls marked [shard] only write into
// the page cache and read resident pages. Whatever may block comes back as a DiskJob (disk_job.h),
// to be run on another thread; at most one job of each kind is in flight per log. Calls marked
// [blocking] are made before the log is handed to its shard, or after it was taken from it.
// Lifetime: the FileSystem must outlive the log. A FileSlice keeps its file open by itself.
// Format: docs/formats/log.md (Kafka's own: .log, .index, .timeindex, .snapshot,
// leader-epoch-checkpoint, partition.metadata).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "proto/error_code.h"
#include "proto/record/compression.h"
#include "proto/types.h"
#include "storage/compaction.h"
#include "storage/disk_job.h"
#include "storage/file_system.h"
#include "storage/leader_epochs.h"
#include "storage/load_ahead.h"
#include "storage/producer_state.h"

namespace millrace::record {
struct RecompressOptions;
}

namespace millrace::storage {

class PageProbe;
class Segment;
struct BatchSpot;
struct CleanedSegment;
struct ClosedLog;
struct CompactionRun;
struct FlushWork;
struct RecoveredLog;
struct SegmentFiles;

enum class TimestampType { kCreateTime, kLogAppendTime };

struct LogOptions {
  int64_t segment_bytes = int64_t{1} << 30;
  int64_t segment_ms = 7LL * 24 * 3600 * 1000;
  // A segment may be replaced earlier by less than this; by how much is its own.
  int64_t segment_jitter_ms = 0;
  int64_t segment_index_bytes = 10 << 20;
  int64_t index_interval_bytes = 4096;
  std::optional<int64_t> retention_ms;     // none: keep for ever
  std::optional<int64_t> retention_bytes;  // none: no limit
  int64_t max_message_bytes = 1048588;
  TimestampType timestamp_type = TimestampType::kCreateTime;
  // A CreateTime further from `now` than this is refused (INVALID_TIMESTAMP); none: no bound.
  std::optional<int64_t> timestamp_before_max_ms;
  std::optional<int64_t> timestamp_after_max_ms = 3600 * 1000;
  // Batches in another codec are rebuilt in this one; none: they stay as they were sent.
  std::optional<record::Compression> compression;
  // Compacted topics: every record needs a key. Compressed batches are opened to see.
  bool require_keys = false;
  // Compressed batches are opened, and every record in them is checked.
  bool check_compressed = false;
  int64_t producer_id_expiration_ms = 86400 * 1000;
  // Bytes are reserved in steps of this size ahead of the log's end, once a segment is busy.
  int64_t preallocate_step_bytes = 32 << 20;
  bool preallocate_segments = false;             // the whole segment at once instead
  std::optional<CompactionSettings> compaction;  // none: the log is not compacted
};

struct OpenOptions {
  bool clean = false;          // the data directory was shut down in order: indexes are trusted
  Offset recovery_point{0};    // everything below it was synced; damage there is corruption
  Offset log_start_offset{0};  // from the checkpoint; the log starts no earlier
  Offset cleaned_until{0};     // up to where compaction came, as far as that is known
  LoadHook load_ahead;         // for files that are read from end to end
};

// What Open found and did, for the log line and the metrics.
struct RecoveryReport {
  int64_t segments = 0;
  int64_t scanned_bytes = 0;
  int64_t cut_bytes = 0;        // torn tail removed
  bool kept_cut_bytes = false;  // valid batches followed the bad one: kept beside the log (.cut)
  int64_t rebuilt_indexes = 0;
};

struct AppendOptions {
  LeaderEpoch leader_epoch;
  TimestampMs now;
};

// A refusal (error != kNone) changed nothing. A duplicate of an idempotent batch is a success with
// the original offsets and nothing appended.
struct AppendResult {
  ErrorCode error = ErrorCode::kNone;
  std::string message;                  // why it was refused; empty on success
  std::optional<int32_t> record_index;  // of the record that is why, in its batch
  Offset base_offset;
  Offset last_offset;
  std::optional<TimestampMs> log_append_time;  // only with TimestampType::kLogAppendTime
  bool duplicate = false;
};

struct ReadOptions {
  Offset from;
  Offset limit;  // exclusive; the high watermark, or log_end() for a follower
  int64_t max_bytes = 1 << 20;
  bool at_least_one_batch = true;  // the first batch comes whole even if larger than max_bytes
  // Set: nothing is read that is not in the page cache, and what is missing is said, with so many
  // bytes that are likely to be wanted next. None: the call may wait for the disk.
  std::optional<int64_t> resident_bytes;
};

// error is kOffsetOutOfRange when `from` is below the log start or beyond the log end. An empty
// slice (size 0) means there is nothing below `limit` yet, or that the first batch is larger than
// max_bytes and need not be sent. A slice starts at the batch that holds
// `from`, lies within one segment, and may end inside a batch (at max_bytes), never beyond `limit`.
struct ReadResult {
  ErrorCode error = ErrorCode::kNone;
  FileSlice slice;
  int64_t first_batch_bytes = 0;  // of the batch that holds `from`, where the slice is not empty
  // The segment's log, one object as long as the segment exists; set with `slice` and `missing`.
  std::shared_ptr<const File> log = {};
  // Not empty: the look-up needs these bytes first; nothing else is said. To be loaded on another
  // thread (File::Load), and then read again.
  FileSlice missing;
  bool is_resident = true;  // whether the slice was in the page cache, where that was asked for
  bool is_active = false;   // whether it lies in the segment that is appended to
};

struct TimestampedOffset {
  Offset offset;
  TimestampMs timestamp;
  std::optional<LeaderEpoch> leader_epoch;
};

class Log {
 public:
  // What one batch may take decompressed to answer a look-up, unless the caller says otherwise.
  static constexpr size_t kOpenedBytesMax = size_t{64} << 20;

  // [blocking] Opens or creates. After a crash: verifies from the recovery point on, cuts a torn
  // tail, rebuilds indexes, leader epochs and producer state, and syncs what it keeps, so that
  // everything below log_end() is durable when it returns. DataLossError: a bad batch below the
  // recovery point or outside the last segment; nothing was changed.
  static absl::StatusOr<std::unique_ptr<Log>> Open(FileSystem& fs, std::string directory,
                                                   const LogOptions& options,
                                                   const OpenOptions& how, TimestampMs now);
  // A log without records whose directory is made by the first Prepare(): `create_directory` does
  // it there, on any thread, with all that must stand in it beside the log's own files.
  using CreateDirectory = std::function<absl::Status()>;
  static std::unique_ptr<Log> Fresh(FileSystem& fs, std::string directory,
                                    const LogOptions& options, CreateDirectory create_directory,
                                    TimestampMs now);
  // A log as Closed() described it, without opening a file: they are opened when they are used. The
  // caller answers for it that nothing has changed since (data_directory.h).
  static absl::StatusOr<std::unique_ptr<Log>> Restore(FileSystem& fs, std::string directory,
                                                      const LogOptions& options, ClosedLog closed,
                                                      TimestampMs now);
  ~Log();

  // [shard] Whether the active segment's file exists and is open, so that an append need not wait
  // for that; and the job that brings it about.
  bool IsReady() const;
  DiskJob Prepare();
  // [shard] Whether a batch must go through record::Recompress() before Append(), and with which
  // options. What takes long of it belongs on another thread.
  bool MustOpen(std::span<const std::byte> batch) const {
    return may_open_ && DiffersOrHides(batch);
  }
  record::RecompressOptions HowToOpen(TimestampMs now) const;
  // [shard] Checks one record batch (v2), stamps its base offset and leader epoch in place, and
  // writes it. A non-OK status means the device failed: nothing was appended; ResourceExhausted
  // (disk full) may be tried again later after RepairTail().
  // Preconditions: the files were created (see IsReady()), and !NeedsRoll(batch.size(), now).
  absl::StatusOr<AppendResult> Append(std::span<std::byte> batch, const AppendOptions& options);
  // [shard] Whether the active segment must be replaced before a batch of this size is appended.
  bool NeedsRoll(int64_t bytes, TimestampMs now) const;
  // A new active segment: files created and opened by run, in use after finish. Run syncs the old
  // segment first, so that only the last segment of a log can be torn; the next flush seals it.
  // Nothing may be appended between this call and finish. Precondition: something was appended to
  // the active segment (as NeedsRoll() and ActiveExpired() say).
  DiskJob Roll(TimestampMs now);
  // Cuts what a failed append may have left behind the log's end. Needed after a failed Append.
  DiskJob RepairTail();
  // Reserves space ahead of the end; none when there is enough.
  std::optional<DiskJob> Preallocate();

  // [shard]
  absl::StatusOr<ReadResult> Read(const ReadOptions& options) const;
  // [shard] The first record whose timestamp is >= `target` and whose offset is < `limit`, in two
  // steps: the slices to look through (few), then ScanForTimestamp on any thread. A batch that
  // would take more than `opened_bytes_max` decompressed is taken as one record. With `missing`
  // the first step does not wait for the disk: what it lacks is to be loaded, and the step to be
  // made again.
  std::vector<FileSlice> SlicesForTimestamp(TimestampMs target, Offset limit,
                                            FileSlice* missing = nullptr) const;
  static absl::StatusOr<std::optional<TimestampedOffset>> ScanForTimestamp(
      const std::vector<FileSlice>& slices, TimestampMs target, Offset limit,
      size_t opened_bytes_max = kOpenedBytesMax);
  // [shard] The record with the largest timestamp below `limit`, likewise.
  std::vector<FileSlice> SlicesForMaxTimestamp(Offset limit, FileSlice* missing = nullptr) const;
  static absl::StatusOr<std::optional<TimestampedOffset>> ScanForMaxTimestamp(
      const std::vector<FileSlice>& slices, Offset limit,
      size_t opened_bytes_max = kOpenedBytesMax);

  // Makes everything below the log_end() of this moment durable: one fdatasync per dirty file
  // (and the directory after a roll), then seals rolled segments (trim, last time index entry,
  // producer snapshot). finish advances durable_end().
  DiskJob Flush();
  // What one more sync of the active file would make durable; none when a flush has more to do than
  // that (after a roll, or with a new leader epoch). Somebody else may sync `file`, on any thread,
  // and pass this to OnSynced() afterwards, in the order in which they were made, and before the
  // next Flush().
  struct Tail {
    std::shared_ptr<File> file;
    std::shared_ptr<Segment> segment;
    int64_t bytes;  // of the file
    Offset end;
  };
  std::optional<Tail> UnsyncedTail() const;
  // What it covers need not be written back early.
  void OnSyncBegun(const Tail& tail);
  void OnSynced(const Tail& tail);
  // Starts write-back of what was appended since the last call or flush; none when it is little.
  // Beside a flush less is enough.
  std::optional<DiskJob> EarlyWriteBack(bool beside_flush);
  // [shard] DeleteRecords: the log starts at `start` from here on; whole segments below it go with
  // the next DeleteOldSegments(). Never goes back. Precondition: start <= durable_end(), so that a
  // log start that was written down is never beyond the end of what a crash leaves.
  void AdvanceLogStart(Offset start);
  // Removes whole segments that retention by time or size, or the log start offset, lets go, never
  // the active one and nothing at or above `limit`. The log start offset moves at once; run
  // renames the files (.deleted), which UnlinkDeleted() gives back. None when there is nothing to
  // do. Finish is called also after a failure of run: some of the files may have been renamed.
  std::optional<DiskJob> DeleteOldSegments(TimestampMs now, Offset limit);
  // [shard] How far the log is from being clean, as compaction.h has it; without
  // LogOptions::compaction there is no need.
  CompactionNeed MeasureCompaction(Offset limit, TimestampMs now) const;
  // Cleans what lies below the request's limit. Until finish no segment is deleted by retention.
  // Precondition: LogOptions::compaction is set, and no other cleaning is in flight.
  CompactionJob Compact(CompactionRequest request);
  // Removes for good what finished deletions and cleanings have renamed since the last call; may be
  // run at any later time, also when the log is closed. None when there is nothing. What a process
  // leaves behind goes when the log is opened again.
  std::optional<DiskJob> UnlinkDeleted();
  // [shard] Whether retention by time lets go of everything in the active segment too: as in Kafka
  // it is rolled then, for DeleteOldSegments() to remove it.
  bool ActiveExpired(TimestampMs now) const;
  // [shard] Forgets producers that have written nothing for producer_id_expiration_ms.
  void ExpireProducers(TimestampMs now);

  // [blocking] Syncs everything and leaves the files as Kafka does on a clean shutdown.
  absl::Status Close();
  // After Close(): for Restore(). None for a log that has no files yet.
  std::optional<ClosedLog> Closed() const;

  // [shard] Gives back what was held for look-ups that nobody has made since the last call.
  void ReleaseIdle();

  // [shard] A changed option takes effect at the next call that looks at it.
  void SetOptions(const LogOptions& options);

  Offset log_start_offset() const;
  Offset log_end() const;      // the next offset to be given
  Offset durable_end() const;  // below it everything is on stable storage
  // Where recovery would have to start: durable_end of the last roll or 64 MiB step.
  Offset recovery_point() const;
  // Below it the log has been compacted; 0: it never was.
  Offset cleaned_until() const { return cleaned_until_; }
  int64_t size_bytes() const;
  int64_t undurable_bytes() const;
  std::optional<LeaderEpoch> latest_epoch() const;
  // The end offset of the largest epoch <= `epoch` and that epoch; none if there is no such epoch.
  struct EpochEnd {
    LeaderEpoch epoch;
    Offset end;
  };
  std::optional<EpochEnd> EndOffsetForEpoch(LeaderEpoch epoch) const;
  // The epoch that wrote `offset`; none for an empty log.
  std::optional<LeaderEpoch> EpochForOffset(Offset offset) const;
  // The idempotent producers that are remembered, in no order.
  std::vector<ProducerState::Active> ActiveProducers() const { return producers_.ListActive(); }
  const RecoveryReport& recovery_report() const;
  const std::string& directory() const;

 private:
  Log(FileSystem& fs, std::string directory, const LogOptions& options, RecoveredLog recovered,
      TimestampMs now);

  // Append (log.cc).
  bool DiffersOrHides(std::span<const std::byte> batch) const;
  std::optional<AppendResult> Refusal(std::span<std::byte> batch,
                                      const AppendOptions& options) const;
  void OnAppended(const record::BatchView& batch, const AppendOptions& options);
  Segment& active() { return *segments_.back(); }
  const Segment& active() const { return *segments_.back(); }
  // Flush (flush.cc).
  FlushWork CollectFlush();
  void OnFlushed(const FlushWork& work);
  void OnFileSynced(Segment& segment, int64_t bytes);
  void AdvanceDurableEnd(Offset end);
  void AdvanceRecoveryPoint(bool at_once);
  // Look-ups (log_read.cc, timestamp_search.cc).
  size_t SegmentOf(Offset offset) const;
  absl::StatusOr<ReadResult> SliceFrom(const Segment& segment, const BatchSpot& spot, int64_t end,
                                       const ReadOptions& options) const;
  bool IsResident(const Segment& segment, const FileSlice& slice, PageProbe& probe,
                  const ReadOptions& options) const;
  FileSlice SliceOf(const Segment& segment, Offset from, Offset limit, PageProbe* probe) const;
  // Retention (retention.cc).
  bool HasExpired(const Segment& segment, TimestampMs now) const;
  bool MayDeleteFirst(TimestampMs now, Offset limit) const;
  TimestampMs NewestIn(const Segment& segment) const;
  // Compaction (compaction.cc).
  Offset dirty_from() const;
  absl::Status AgeDirtySegments();
  size_t CleanableSegments(Offset limit, TimestampMs now) const;
  void OnCompacted(CompactionRun& run);
  void Replace(const CleanedSegment& cleaned);

  bool IsOld(const Segment& segment, TimestampMs now) const;
  std::shared_ptr<Segment> NewSegment(SegmentFiles files, Offset base) const;

  FileSystem& fs_;
  const std::string directory_;
  LogOptions options_;
  bool may_open_ = false;  // whether the options ask for any batch to be opened
  const RecoveryReport recovery_report_;
  std::vector<std::shared_ptr<Segment>> segments_;  // ascending, at least one; the last is active
  ProducerState producers_;
  LeaderEpochs epochs_;
  Offset log_start_;
  Offset log_end_;
  Offset durable_end_;
  Offset recovery_point_;
  Offset cleaned_until_{0};
  bool compacting_ = false;
  std::vector<std::string> deleted_;  // files that wait for UnlinkDeleted()
  int64_t size_bytes_ = 0;
  int64_t flushed_since_recovery_point_ = 0;
  // Since Restore() or Close() nothing has changed: the files are as Close() leaves them.
  bool is_as_closed_ = false;
  CreateDirectory create_directory_;  // empty once the directory is there
  absl::Status append_failure_;       // not OK: what may stand behind the end must be cut first
  // Versions: counted up with each change, and what of it is on stable storage.
  int64_t epoch_changes_ = 0;
  int64_t epoch_changes_written_ = 0;
  int64_t rolls_ = 0;
  int64_t rolls_synced_ = 0;
};

}  // namespace millrace::storage
