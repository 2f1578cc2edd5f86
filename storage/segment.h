// One segment of a log: a file of batches, its two sparse indexes, and what is known about them.
//
//   Segment segment(files, Offset(0), {.index_bytes_max = 10 << 20, .index_interval_bytes = 4096});
//   absl::Status status = segment.Append(batch);    // stamped and checked before
//   auto spot = segment.Locate(Offset(3));          // the batch that holds offset 3
//
// One thread (the log's); jobs on other threads get copies of the file handles (SealWork).
// A segment owns its descriptors as one generation: its files are never opened again by name.
// Format: docs/formats/log.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "proto/record/batch.h"
#include "proto/types.h"
#include "storage/batch_walk.h"
#include "storage/closed_log.h"
#include "storage/offset_index.h"
#include "storage/segment_files.h"
#include "storage/time_index.h"

namespace millrace::storage {

struct LogOptions;

// What sealing a segment takes on the disk. Run() may be called on any thread.
struct SealWork {
  std::shared_ptr<File> log;
  int64_t log_bytes = 0;
  IndexWrite offset_entries;
  IndexWrite time_entries;

  // Whether the index files have all their entries already.
  bool is_nothing() const { return offset_entries.bytes.empty() && time_entries.bytes.empty(); }
  // Gives reserved space back, completes the indexes and syncs all three files.
  absl::Status Run() const;
};

class Segment {
 public:
  struct Limits {
    int64_t index_bytes_max;
    int64_t index_interval_bytes;
  };

  // A segment of which nothing is known yet: new, or to be rebuilt with Note().
  Segment(SegmentFiles files, Offset base, const Limits& limits);
  // A segment whose index files may be trusted up to these entries; the batches from
  // resume_position() on must be noted before it is used.
  Segment(SegmentFiles files, Offset base, const Limits& limits, const OffsetIndex::Usable& offsets,
          const TimeIndex::Usable& times);

  // A segment as it was when its log was closed.
  Segment(SegmentFiles files, const Limits& limits, const ClosedSegment& closed);
  ClosedSegment AsClosed() const;

  // Writes a batch at the end. After an error nothing counts as appended, but the file may hold
  // part of the batch behind its end.
  absl::Status Append(std::span<const std::byte> batch);
  // Takes note of the batch that stands at the end of what is known. Only its header is read.
  void Note(const record::BatchView& batch);

  // The first batch whose last offset is >= `target`; none when there is none. UnavailableError:
  // the probe does not allow to read what is needed.
  absl::StatusOr<std::optional<BatchSpot>> Locate(Offset target, PageProbe* probe = nullptr) const;
  // Where the first batch that ends at or beyond `limit` starts: below are only offsets < limit.
  absl::StatusOr<int64_t> PositionOfLimit(Offset limit, PageProbe* probe = nullptr) const;

  // Look-ups in the time index; none where it has no entry or one that the log does not confirm,
  // and where the probe has found something missing.
  // The last known offset up to which every record is older than `target`.
  std::optional<Offset> OlderUpTo(TimestampMs target, PageProbe* probe = nullptr) const;
  // The last offset of a batch below `limit` such that nothing before the batch is newer.
  std::optional<Offset> NewestBefore(Offset limit, PageProbe* probe = nullptr) const;

  Offset base() const { return base_; }
  Offset next_offset() const { return next_offset_; }
  int64_t size_bytes() const { return size_; }
  bool is_empty() const { return size_ == 0; }
  bool has_index_entries() const { return offsets_.entries().size() > 0; }
  bool indexes_full() const { return offsets_.is_full() || times_.is_full(); }
  // The newest timestamp and the last offset of the first batch that holds it; none when no batch
  // has a timestamp.
  const std::optional<TimeIndex::Entry>& newest() const { return newest_; }
  const SegmentFiles& files() const { return files_; }

  // Writes what the index files lack and cuts what they hold beyond it. Blocks.
  absl::Status WriteIndexes();
  // What has still to be done to the files of a segment that gets no more appends; Sealed()
  // afterwards gives the memory back that only appends need.
  SealWork Seal();
  void Sealed();
  bool is_sealed() const { return sealed_; }
  // For a segment that is complete already, indexes included.
  void MarkSealed() { sealed_ = true; }
  // Gives mappings back that no look-up has used since the last call.
  void ReleaseIdle();

  // What the log keeps in mind for each segment; the segment itself does not look at it.
  struct Upkeep {
    // When the first and the last batch were appended, by the broker's clock.
    TimestampMs first_append;
    TimestampMs last_append;
    int64_t durable_bytes = 0;     // what a sync has covered
    int64_t write_back_bytes = 0;  // how far early write-back has come
    int64_t reserved_bytes = 0;    // up to where blocks are reserved
    uint64_t jitter = 0;           // any number, to be scaled; other logs have others
    std::string producers_at_end;  // the producer snapshot to write when the segment is sealed
  };
  Upkeep upkeep;

 private:
  // Recent batches that stand in memory, so that reads near the end need no I/O.
  static constexpr size_t kRecentMax = 64;

  const BatchSpot& Recent(size_t age_order) const {
    return recent_[(recent_begin_ + age_order) % kRecentMax];
  }
  void Remember(const BatchSpot& spot);
  std::optional<BatchSpot> LocateRecent(Offset target) const;
  using TimeEntry = absl::StatusOr<std::optional<TimeIndex::Entry>>;
  bool MayReadTimes(PageProbe* probe) const;
  std::optional<Offset> Confirmed(const TimeEntry& entry, PageProbe* probe) const;
  absl::StatusOr<std::optional<BatchSpot>> WalkFromIndex(Offset target, PageProbe* probe) const;

  SegmentFiles files_;
  Offset base_;
  Limits limits_;
  OffsetIndex offsets_;
  TimeIndex times_;
  int64_t size_ = 0;
  Offset next_offset_;
  std::optional<OffsetIndex::Entry> last_entry_;
  std::optional<TimeIndex::Entry> newest_;
  int64_t bytes_since_entry_ = 0;
  bool sealed_ = false;
  std::vector<BatchSpot> recent_;  // a ring
  size_t recent_begin_ = 0;
};

Segment::Limits LimitsOf(const LogOptions& options);

}  // namespace millrace::storage
