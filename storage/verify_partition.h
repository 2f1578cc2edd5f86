// Verifies one partition's directory: every segment, how they meet, what is remembered beside them,
// and which files stand there that should not.
//
// Synchronous, read-only; any thread. The FileSystem must outlive the call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "proto/types.h"
#include "storage/file_system.h"
#include "storage/finding.h"
#include "storage/verify_segment.h"

namespace millrace::storage {

struct VerifyOptions {
  // A batch that takes more than this decompressed is not looked into.
  size_t opened_bytes_max = size_t{256} << 20;
  // The partition-like directory that holds the broker's metadata, and the file in it that is one
  // batch; they have no topic id.
  std::string metadata_directory = {};
  std::string metadata_snapshot = {};
};

struct PartitionToVerify {
  std::string path;
  bool was_closed = true;  // in order: nothing in it may be unfinished
  bool is_in_use = false;  // by a broker that runs
  // From the checkpoints; none: they do not name it.
  std::optional<Offset> recovery_point;
  std::optional<Offset> log_start;
  bool is_metadata = false;
};

struct PartitionSummary {
  std::string path;
  int64_t segments = 0;
  SegmentSummary sum;   // next_offset is the log's end
  Offset first_offset;  // the first segment's base
  std::optional<TopicId> topic_id;
};

PartitionSummary VerifyPartition(FileSystem& fs, const PartitionToVerify& partition,
                                 const VerifyOptions& options, VerifySinks sinks);

}  // namespace millrace::storage
