// Looking records up by time: which bytes to look through, and the look itself.
#include <algorithm>
#include <utility>

#include "proto/invariant.h"
#include "proto/record/open_batch.h"
#include "storage/batch_walk.h"
#include "storage/log.h"
#include "storage/page_probe.h"
#include "storage/segment.h"

namespace millrace::storage {
namespace {

// So many batches are opened in vain for one look-up; after that one is taken at its word.
constexpr int kVainOpeningsMax = 3;

// What is loaded together where headers are missing.
constexpr int64_t kHeadersWanted = 256 << 10;

absl::StatusOr<std::vector<std::byte>> ReadBatch(const File& file, const BatchSpot& spot) {
  std::vector<std::byte> bytes(static_cast<size_t>(spot.size));
  const auto read = file.ReadAt(spot.position, bytes);
  if (!read.ok()) return read.status();
  if (*read < bytes.size() || !record::IsIntact(bytes)) {
    return absl::DataLossError("the batch that holds the timestamp is damaged");
  }
  return bytes;
}

using Found = absl::StatusOr<std::optional<record::TimestampedOffset>>;

// What `find` says about the batch at `spot`. A batch that cannot be opened stands for its first
// record: whoever reads from there misses nothing.
template <class Find>
absl::StatusOr<std::optional<TimestampedOffset>> FindIn(const File& file, const BatchSpot& spot,
                                                        Find find) {
  const auto bytes = ReadBatch(file, spot);
  if (!bytes.ok()) return bytes.status();
  const LeaderEpoch epoch = record::BatchView(*bytes).leader_epoch();
  std::optional<LeaderEpoch> leader_epoch;
  if (epoch.value() >= 0) leader_epoch = epoch;
  const Found found = find(*bytes);
  if (!found.ok()) {
    return TimestampedOffset{
        .offset = spot.base_offset, .timestamp = spot.max_timestamp, .leader_epoch = leader_epoch};
  }
  if (!found->has_value()) return std::nullopt;
  return TimestampedOffset{
      .offset = (*found)->offset, .timestamp = (*found)->timestamp, .leader_epoch = leader_epoch};
}

}  // namespace

// From the batch that holds `from` up to `limit`. When the place cannot be looked up, from the
// segment's start: that only takes longer.
FileSlice Log::SliceOf(const Segment& segment, Offset from, Offset limit, PageProbe* probe) const {
  const auto spot = segment.Locate(from, probe);
  const auto end = segment.PositionOfLimit(limit, probe);
  const int64_t to = end.ok() ? *end : segment.size_bytes();
  int64_t position = 0;
  if (spot.ok()) position = spot->has_value() ? (*spot)->position : segment.size_bytes();
  // Unpinned the file is merely opened again, unless retention is faster.
  auto file = PinFile(segment.files().log);
  return {.file = file.ok() ? *std::move(file) : segment.files().log,
          .position = position,
          .size = std::max<int64_t>(to - position, 0)};
}

std::vector<FileSlice> Log::SlicesForTimestamp(TimestampMs target, Offset limit,
                                               FileSlice* missing) const {
  std::vector<FileSlice> slices;
  for (const auto& segment : segments_) {
    if (segment->base() >= limit) break;
    const bool may_hold = segment->newest().has_value() && segment->newest()->timestamp >= target;
    if (!may_hold || segment->next_offset() <= log_start_) continue;
    PageProbe probe(segment->files(), kHeadersWanted);
    PageProbe* asked = missing == nullptr ? nullptr : &probe;
    Offset from = std::max(segment->base(), log_start_);
    if (slices.empty()) {
      const std::optional<Offset> older = segment->OlderUpTo(target, asked);
      if (older.has_value()) from = std::max(from, *older + 1);
    }
    const FileSlice slice = SliceOf(*segment, from, limit, asked);
    if (probe.missing().size > 0) {
      *missing = probe.missing();
      return {};
    }
    if (slice.size > 0) slices.push_back(slice);
  }
  return slices;
}

absl::StatusOr<std::optional<TimestampedOffset>> Log::ScanForTimestamp(
    const std::vector<FileSlice>& slices, TimestampMs target, Offset limit,
    size_t opened_bytes_max) {
  int in_vain = 0;
  for (const FileSlice& slice : slices) {
    HeaderWalk walk(*slice.file, slice.position, slice.position + slice.size);
    while (true) {
      const auto spot = walk.Next();
      if (!spot.ok()) return spot.status();
      if (!spot->has_value()) break;
      if ((*spot)->max_timestamp < target) continue;
      auto found = FindIn(*slice.file, **spot, [&](std::span<const std::byte> batch) -> Found {
        if (in_vain >= kVainOpeningsMax) return absl::ResourceExhaustedError("opened enough");
        return record::FindByTimestamp(batch, target, Offset(0), opened_bytes_max);
      });
      // A compressed batch may claim a later time than its records have: then the search goes on.
      if (!found.ok()) return found;
      if (found->has_value() && (*found)->offset < limit) return found;
      ++in_vain;
    }
  }
  return std::nullopt;
}

std::vector<FileSlice> Log::SlicesForMaxTimestamp(Offset limit, FileSlice* missing) const {
  // Of the segments that lie below the limit whole, the newest batch of the newest will do; of the
  // one that the limit cuts, what follows its last time index entry below the limit.
  const Segment* newest = nullptr;
  std::vector<FileSlice> slices;
  for (const auto& segment : segments_) {
    if (segment->base() >= limit || segment->next_offset() <= log_start_) continue;
    if (segment->is_empty()) continue;
    if (segment->next_offset() > limit) {
      PageProbe probe(segment->files(), kHeadersWanted);
      PageProbe* asked = missing == nullptr ? nullptr : &probe;
      const Offset from = segment->NewestBefore(limit, asked).value_or(segment->base());
      slices.push_back(SliceOf(*segment, from, limit, asked));
      if (probe.missing().size > 0) {
        *missing = probe.missing();
        return {};
      }
    } else if (segment->newest().has_value() &&
               (newest == nullptr || segment->newest()->timestamp > newest->newest()->timestamp)) {
      newest = segment.get();
    }
  }
  if (newest != nullptr) {
    const Offset last = newest->newest()->offset;
    PageProbe probe(newest->files(), kHeadersWanted);
    PageProbe* asked = missing == nullptr ? nullptr : &probe;
    slices.insert(slices.begin(), SliceOf(*newest, last, last + 1, asked));
    if (probe.missing().size > 0) {
      *missing = probe.missing();
      return {};
    }
  }
  return slices;
}

absl::StatusOr<std::optional<TimestampedOffset>> Log::ScanForMaxTimestamp(
    const std::vector<FileSlice>& slices, Offset limit, size_t opened_bytes_max) {
  struct Newest {
    const File* file;
    BatchSpot spot;
  };
  std::optional<Newest> newest;
  for (const FileSlice& slice : slices) {
    HeaderWalk walk(*slice.file, slice.position, slice.position + slice.size);
    while (true) {
      const auto spot = walk.Next();
      if (!spot.ok()) return spot.status();
      if (!spot->has_value()) break;
      if ((*spot)->last_offset >= limit || (*spot)->max_timestamp.value() < 0) continue;
      if (!newest.has_value() || (*spot)->max_timestamp > newest->spot.max_timestamp) {
        newest = {.file = slice.file.get(), .spot = **spot};
      }
    }
  }
  if (!newest.has_value()) return std::nullopt;
  return FindIn(*newest->file, newest->spot, [&](std::span<const std::byte> batch) -> Found {
    return record::FindMaxTimestamp(batch, opened_bytes_max);
  });
}

}  // namespace millrace::storage
