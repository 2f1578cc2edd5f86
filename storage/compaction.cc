// Log::MeasureCompaction and Log::Compact: what of a log is to be cleaned, and taking over what a
// cleaning has made. The cleaning itself: compaction_run.h.
#include "storage/compaction.h"

#include <algorithm>
#include <utility>

#include "proto/invariant.h"
#include "storage/compaction_run.h"
#include "storage/log.h"
#include "storage/segment.h"
#include "storage/segment_files.h"

namespace millrace::storage {
namespace {

SourceSegment SourceOf(const Segment& segment) {
  return {.files = segment.files(),
          .base = segment.base(),
          .next_offset = segment.next_offset(),
          .size_bytes = segment.size_bytes()};
}

}  // namespace

// What no cleaning has covered yet begins here.
Offset Log::dirty_from() const { return std::clamp(cleaned_until_, log_start_, log_end_); }

// On open: a segment is as old as its first batch, so that max_lag_ms counts over restarts.
absl::Status Log::AgeDirtySegments() {
  if (!options_.compaction.has_value() || !options_.compaction->max_lag_ms.has_value()) {
    return absl::OkStatus();
  }
  for (const auto& segment : segments_) {
    if (segment->is_empty() || segment->next_offset() <= dirty_from()) continue;
    const auto first = segment->Locate(segment->base());
    if (!first.ok()) return first.status();
    if (!first->has_value() || (*first)->max_timestamp.value() < 0) continue;
    TimestampMs& age = segment->upkeep.first_append;
    age = std::min(age, (*first)->max_timestamp);
  }
  return absl::OkStatus();
}

// How many segments from the first on a cleaning may touch.
size_t Log::CleanableSegments(Offset limit, TimestampMs now) const {
  INVARIANT(options_.compaction.has_value());
  const int64_t lag_ms = options_.compaction->min_lag_ms;
  size_t count = 0;
  for (; count + 1 < segments_.size(); ++count) {
    const Segment& segment = *segments_[count];
    if (!segment.is_sealed() || segment.next_offset() > limit) break;
    const bool is_dirty = segment.next_offset() > dirty_from();
    if (is_dirty && lag_ms > 0 && now - NewestIn(segment) < lag_ms) break;
  }
  return count;
}

CompactionNeed Log::MeasureCompaction(Offset limit, TimestampMs now) const {
  CompactionNeed need;
  if (!options_.compaction.has_value() || compacting_) return need;
  const CompactionSettings& settings = *options_.compaction;
  const size_t count = CleanableSegments(limit, now);
  bool is_overdue = false;
  for (size_t i = 0; i < count; ++i) {
    const Segment& segment = *segments_[i];
    if (segment.next_offset() <= dirty_from()) {
      need.clean_bytes += segment.size_bytes();
      continue;
    }
    need.dirty_bytes += segment.size_bytes();
    if (settings.max_lag_ms.has_value()) {
      is_overdue |= now - segment.upkeep.first_append > *settings.max_lag_ms;
    }
  }
  need.is_due =
      need.dirty_bytes > 0 && (is_overdue || need.dirty_ratio() > settings.min_dirty_ratio);
  need.must_flush = segments_.size() > 1 && !segments_[segments_.size() - 2]->is_sealed();
  need.must_roll = settings.max_lag_ms.has_value() && !active().is_empty() &&
                   now - active().upkeep.first_append > *settings.max_lag_ms;
  return need;
}

CompactionJob Log::Compact(CompactionRequest request) {
  INVARIANT(!compacting_);
  // What is not durable may be lost: it supersedes nothing, and ends no transaction.
  request.limit = std::min(request.limit, durable_end_);
  auto run = std::make_shared<CompactionRun>();
  const size_t count = CleanableSegments(request.limit, request.now);
  for (size_t i = 0; i < segments_.size(); ++i) {
    (i < count ? run->sources : run->behind).push_back(SourceOf(*segments_[i]));
  }
  run->request = std::move(request);
  run->write = {.fs = &fs_,
                .directory = directory_,
                .limits = LimitsOf(options_),
                .segment_bytes = options_.segment_bytes,
                .buffer_bytes = run->request.buffer_bytes};
  run->rules.dirty_from = dirty_from();
  run->rules.durable_end = run->request.limit;
  run->rules.delete_retention_ms = options_.compaction->delete_retention_ms;
  for (const ProducerState::Active& producer : producers_.ListActive()) {
    run->rules.producers[producer.id] = {
        .epoch = producer.epoch, .last_offset = producer.last_offset, .last_durable = {}};
  }
  run->report = std::make_shared<CompactionReport>();
  run->report->from = dirty_from();
  run->report->end = dirty_from();
  compacting_ = true;
  return {.job = {.run =
                      [run] {
                        run->Run();
                        return absl::OkStatus();
                      },
                  .finish = [this, run] { OnCompacted(*run); }},
          .report = run->report};
}

void Log::OnCompacted(CompactionRun& run) {
  INVARIANT(compacting_);
  compacting_ = false;
  if (!run.swapped.empty()) is_as_closed_ = false;
  for (CompactionRun::Swapped& swap : run.swapped) {
    Replace(swap.cleaned);
    deleted_.insert(deleted_.end(), swap.deleted.begin(), swap.deleted.end());
  }
  cleaned_until_ = std::max(dirty_from(), run.report->end);
}

void Log::Replace(const CleanedSegment& cleaned) {
  const std::shared_ptr<Segment>& segment = cleaned.segment;
  const size_t first = SegmentOf(segment->base());
  const size_t end = first + cleaned.replaced.size();
  INVARIANT(end < segments_.size());
  INVARIANT(segments_[end]->base() == segment->next_offset());
  Segment::Upkeep& upkeep = segment->upkeep;
  upkeep = segments_[first]->upkeep;
  for (size_t i = first; i < end; ++i) {
    INVARIANT(segments_[i]->base() == cleaned.replaced[i - first]);
    size_bytes_ -= segments_[i]->size_bytes();
    upkeep.first_append = std::min(upkeep.first_append, segments_[i]->upkeep.first_append);
    upkeep.last_append = std::max(upkeep.last_append, segments_[i]->upkeep.last_append);
  }
  upkeep.durable_bytes = segment->size_bytes();
  upkeep.write_back_bytes = segment->size_bytes();
  upkeep.reserved_bytes = 0;
  size_bytes_ += segment->size_bytes();
  segments_[first] = segment;
  segments_.erase(segments_.begin() + static_cast<std::ptrdiff_t>(first) + 1,
                  segments_.begin() + static_cast<std::ptrdiff_t>(end));
}

}  // namespace millrace::storage
