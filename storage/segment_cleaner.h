// Writes one segment anew from a run of neighbouring ones, with what a BatchCleaner leaves of them.
//
// Blocking; any thread. The segments that it reads are sealed: their bytes do not change. Memory:
// one buffer for reading and one for writing, larger only while a larger batch passes through.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "proto/types.h"
#include "storage/batch_cleaner.h"
#include "storage/file_system.h"
#include "storage/segment.h"

namespace millrace::storage {

// What is known of a segment that may be replaced.
struct SourceSegment {
  SegmentFiles files;
  Offset base;
  Offset next_offset;
  int64_t size_bytes = 0;
};

struct SegmentWriteOptions {
  FileSystem* fs;
  std::string directory;
  Segment::Limits limits;
  int64_t segment_bytes;
  size_t buffer_bytes;
};

// Reports what was read or written; see CompactionRequest::pace. A status that is not OK stops.
using Progress = std::function<absl::Status(int64_t read_bytes, int64_t written_bytes)>;

struct CleanedSegment {
  std::shared_ptr<Segment> segment;  // sealed and durable under its .cleaned name
  std::vector<Offset> replaced;      // bases of what it was made from
  int64_t bytes_before = 0;
  bool is_same = false;  // as the one segment that it was made from
};

// From the first of `sources` (at `first`) and as many of the following as fit into one segment.
// DataLossError: a source is damaged.
absl::StatusOr<CleanedSegment> CleanSegments(const SegmentWriteOptions& options,
                                             const std::vector<SourceSegment>& sources,
                                             size_t first, BatchCleaner& cleaner,
                                             const Progress& progress);

}  // namespace millrace::storage
