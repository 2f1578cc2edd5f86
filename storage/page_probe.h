// Asks before each read of a look-up whether the bytes are in the page cache, so that a shard does
// not wait for the disk; and remembers what was missing.
//
//   PageProbe probe(segment.files(), 1 << 20);
//   auto spot = segment.Locate(offset, &probe);
//   if (absl::IsUnavailable(spot.status())) ... probe.missing() has to be loaded first ...
//
// One thread, on the stack of one look-up in one segment, whose files must outlive it.
#pragma once

#include <cstdint>
#include <memory>

#include <absl/status/status.h>

#include "storage/segment_files.h"

namespace millrace::storage {

class PageProbe {
 public:
  // Once something of the log is read, so many bytes from there on are likely to be wanted: they
  // are asked about together, and named together when they are missing.
  PageProbe(const SegmentFiles& files, int64_t wanted_bytes)
      : files_(files), wanted_bytes_(wanted_bytes) {}

  // Whether the first bytes of an index of the segment may be read.
  bool AllowsIndex(const std::shared_ptr<File>& index, int64_t bytes);
  // Whether the range of the log, whose last byte stands before `end`, may be read.
  bool AllowsLog(int64_t position, int64_t length, int64_t end);

  const FileSlice& missing() const { return missing_; }
  // What a look-up returns that was not allowed to read.
  static absl::Status Missing() { return absl::UnavailableError("not in the page cache"); }

 private:
  const SegmentFiles& files_;
  int64_t wanted_bytes_;
  // Of the log, known to be resident.
  int64_t begin_ = 0;
  int64_t end_ = 0;
  FileSlice missing_;
};

}  // namespace millrace::storage
