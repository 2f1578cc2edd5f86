#include "storage/segment_cleaner.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "proto/invariant.h"
#include "proto/record/retain.h"
#include "storage/batch_walk.h"
#include "storage/segment_swap.h"

namespace millrace::storage {
namespace {

using Bytes = std::span<const std::byte>;

constexpr int64_t kPositionMax = std::numeric_limits<int32_t>::max();
constexpr int64_t kSegmentOffsetsMax = std::numeric_limits<int32_t>::max();

class SegmentCleaner {
 public:
  SegmentCleaner(const SegmentWriteOptions& options, SegmentFiles files, const SourceSegment& first,
                 const Progress& progress)
      : options_(options),
        files_(std::move(files)),
        base_(first.base),
        bytes_max_(std::min(std::max(options.segment_bytes, first.size_bytes), kPositionMax)),
        progress_(progress),
        segment_(std::make_shared<Segment>(files_, first.base, options.limits)) {}

  bool HasRoomFor(const SourceSegment& source) const {
    return segment_->size_bytes() + source.size_bytes <= bytes_max_ && !segment_->indexes_full() &&
           source.next_offset - base_ <= kSegmentOffsetsMax;
  }

  absl::Status Add(const SourceSegment& source, BatchCleaner& cleaner) {
    BatchScan scan(*source.files.log, 0, source.size_bytes, options_.buffer_bytes);
    while (true) {
      const int64_t from = scan.position();
      const auto batch = scan.Next();
      if (!batch.ok()) return batch.status();
      if (!batch->has_value()) break;
      absl::Status status = progress_(scan.position() - from, 0);
      if (!status.ok()) return status;
      Bytes kept = cleaner.Clean(**batch);
      // What is written anew may be larger; it must not take the room of what follows.
      const int64_t to_come = source.size_bytes - scan.position();
      if (Size(kept) > Size(**batch) &&
          segment_->size_bytes() + Size(kept) + to_come > bytes_max_) {
        kept = **batch;
      }
      if (kept.size() != (*batch)->size() ||
          !std::equal(kept.begin(), kept.end(), (*batch)->begin())) {
        is_changed_ = true;
      }
      status = kept.empty() ? Drop(record::BatchView(**batch)) : Write(kept);
      if (!status.ok()) return status;
    }
    if (scan.position() == source.size_bytes) return absl::OkStatus();
    return absl::DataLossError(
        fmt::format("{}/{}: no intact batch at position {}", options_.directory,
                    SegmentFileName(source.base, kLogSuffix), scan.position()));
  }

  // Everything written, sealed and synced. The last batch is there, with or without its records, so
  // that the next segment begins where this one ends.
  absl::Status Finish(Offset next_offset) {
    if (last_dropped_.has_value()) {
      const auto empty = std::exchange(last_dropped_, std::nullopt);
      if (absl::Status status = Write(*empty); !status.ok()) return status;
    }
    if (segment_->next_offset() != next_offset) {
      return absl::DataLossError(
          fmt::format("{}: the batches of segment {} end at offset {}, not {}", options_.directory,
                      base_.value(), segment_->next_offset().value(), next_offset.value()));
    }
    if (absl::Status status = FlushBuffer(); !status.ok()) return status;
    if (absl::Status status = segment_->Seal().Run(); !status.ok()) return status;
    segment_->Sealed();
    return absl::OkStatus();
  }

  bool is_changed() const { return is_changed_; }
  const std::shared_ptr<Segment>& segment() const { return segment_; }

 private:
  static int64_t Size(Bytes bytes) { return static_cast<int64_t>(bytes.size()); }

  absl::Status Drop(const record::BatchView& batch) {
    last_dropped_ = record::EmptyBatch(batch, record::EmptyKind::kOffsetsOnly);
    return absl::OkStatus();
  }

  absl::Status Write(Bytes batch) {
    last_dropped_.reset();
    segment_->Note(record::BatchView(batch));
    buffer_.insert(buffer_.end(), batch.begin(), batch.end());
    if (buffer_.size() < options_.buffer_bytes) return absl::OkStatus();
    return FlushBuffer();
  }

  absl::Status FlushBuffer() {
    if (buffer_.empty()) return absl::OkStatus();
    const int64_t position = segment_->size_bytes() - Size(buffer_);
    if (absl::Status status = files_.log->WriteAt(position, buffer_); !status.ok()) return status;
    // So that index entries do not gather in memory.
    if (absl::Status status = segment_->WriteIndexes(); !status.ok()) return status;
    const int64_t written = Size(buffer_);
    buffer_.clear();
    if (buffer_.capacity() > 2 * options_.buffer_bytes) buffer_.shrink_to_fit();
    return progress_(0, written);
  }

  const SegmentWriteOptions& options_;
  SegmentFiles files_;
  const Offset base_;
  const int64_t bytes_max_;
  const Progress& progress_;
  std::shared_ptr<Segment> segment_;
  std::vector<std::byte> buffer_;
  // What keeps the offsets of the batch that was dropped last, until another one follows.
  std::optional<std::array<std::byte, record::kBatchHeaderBytes>> last_dropped_;
  bool is_changed_ = false;
};

}  // namespace

absl::StatusOr<CleanedSegment> CleanSegments(const SegmentWriteOptions& options,
                                             const std::vector<SourceSegment>& sources,
                                             size_t first, BatchCleaner& cleaner,
                                             const Progress& progress) {
  INVARIANT(first < sources.size());
  auto files = CreateCleanedFiles(*options.fs, options.directory, sources[first].base);
  if (!files.ok()) return files.status();
  SegmentCleaner writer(options, *std::move(files), sources[first], progress);
  CleanedSegment cleaned;
  for (size_t i = first; i < sources.size(); ++i) {
    const SourceSegment& source = sources[i];
    if (i > first && !writer.HasRoomFor(source)) break;
    if (absl::Status status = writer.Add(source, cleaner); !status.ok()) return status;
    cleaned.replaced.push_back(source.base);
    cleaned.bytes_before += source.size_bytes;
  }
  const Offset end = sources[first + cleaned.replaced.size() - 1].next_offset;
  if (absl::Status status = writer.Finish(end); !status.ok()) return status;
  cleaned.segment = writer.segment();
  cleaned.is_same = cleaned.replaced.size() == 1 && !writer.is_changed();
  return cleaned;
}

}  // namespace millrace::storage
