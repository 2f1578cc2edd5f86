// A log without opening its files: what was closed in order comes back as it was.
#include <algorithm>
#include <memory>
#include <utility>

#include "proto/invariant.h"
#include "storage/closed_log.h"
#include "storage/log.h"
#include "storage/recovery.h"
#include "storage/segment.h"
#include "storage/segment_files.h"

namespace millrace::storage {

absl::StatusOr<std::unique_ptr<Log>> Log::Restore(FileSystem& fs, std::string directory,
                                                  const LogOptions& options, ClosedLog closed,
                                                  TimestampMs now) {
  INVARIANT(!closed.segments.empty());
  const Segment::Limits limits = LimitsOf(options);
  RecoveredLog recovered;
  for (const ClosedSegment& segment : closed.segments) {
    auto files = OpenSegmentFilesLater(fs, directory, segment.base);
    if (!files.ok()) return files.status();
    recovered.segments.push_back(std::make_shared<Segment>(*std::move(files), limits, segment));
    if (&segment != &closed.segments.back()) recovered.segments.back()->MarkSealed();
  }
  recovered.producers = std::move(closed.producers);
  recovered.epochs = std::move(closed.epochs);
  recovered.log_start = closed.log_start;
  recovered.report.segments = static_cast<int64_t>(closed.segments.size());
  std::unique_ptr<Log> log(new Log(fs, std::move(directory), options, std::move(recovered), now));
  // The constructor knows no better than that everything was appended until now.
  for (size_t i = 0; i < closed.segments.size(); ++i) {
    Segment::Upkeep& upkeep = log->segments_[i]->upkeep;
    upkeep.first_append = std::min(now, closed.segments[i].first_append);
    upkeep.last_append = std::min(now, closed.segments[i].last_append);
  }
  log->cleaned_until_ = closed.cleaned_until;
  log->is_as_closed_ = true;
  return log;
}

std::optional<ClosedLog> Log::Closed() const {
  if (!is_as_closed_) return std::nullopt;
  ClosedLog closed{.log_start = log_start_, .epochs = epochs_, .producers = producers_};
  for (const auto& segment : segments_) closed.segments.push_back(segment->AsClosed());
  return closed;
}

}  // namespace millrace::storage
