// How one segment found on disk becomes a Segment: by trusting its indexes and walking the headers
// behind their last entry, or by reading all of it and checking every batch.
//
// Blocking. Neither changes a file: indexes that had to be rebuilt stand in the segment's memory
// until recovery.cc writes them.
#pragma once

#include <cstdint>
#include <memory>

#include <absl/status/statusor.h>

#include "proto/types.h"
#include "storage/load_ahead.h"
#include "storage/segment.h"

namespace millrace::storage {

struct OpenedSegment {
  std::shared_ptr<Segment> segment;
  int64_t file_bytes = 0;  // beyond segment->size_bytes() nothing intact follows directly
  bool indexes_rebuilt = false;
  bool verified = false;  // every batch was read and its checksum is right

  bool is_whole() const { return segment->size_bytes() == file_bytes; }
};

// Trusts the indexes where they agree with the batches they point to, else rebuilds them from the
// headers. When even the headers do not lead to the end of the file, the segment is not whole.
absl::StatusOr<OpenedSegment> ResumeSegment(const SegmentFiles& files, Offset base,
                                            const Segment::Limits& limits);
// Reads everything up to the first bytes that are not an intact batch, and rebuilds the indexes.
absl::StatusOr<OpenedSegment> ScanSegment(const SegmentFiles& files, Offset base,
                                          const Segment::Limits& limits,
                                          const LoadHook& load_ahead);

// Whether a sound message of magic 0 or 1 stands at the position, as Kafka before 0.11 wrote them.
absl::StatusOr<bool> HoldsLegacyMessage(const File& file, int64_t position, int64_t end);

}  // namespace millrace::storage
