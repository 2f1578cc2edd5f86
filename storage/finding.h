// What a look at files that are at rest finds: the values that LogScan and the Verify functions
// report. Values only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <absl/functional/function_ref.h>

#include "proto/types.h"

namespace millrace::storage {

enum class Severity : uint8_t {
  kNotice,  // worth knowing; nothing is lost by it
  kError,   // something is not as it was written
};

enum class FindingKind : uint8_t {
  kUnreadable,    // the device or the file system refuses
  kTruncated,     // a file ends inside a batch
  kLength,        // a batch claims a size that it cannot have
  kMagic,         // no batch of magic 2 stands here
  kLegacyFormat,  // a sound message of magic 0 or 1
  kCrc,           // the bytes of a batch are not those that were written
  kHeader,        // the checksum is right, and yet the header makes no sense
  kOffsets,       // a batch's offsets do not follow those before it
  kRecords,       // a batch's records do not parse, or are not as many as it says
  kTooLarge,      // records that were not looked at, for they are larger than the limit
  kTornTail,      // what an unclean stop left at the end; the next start cuts it
  kSegmentGap,    // segments do not meet
  kFileName,      // a segment's name and what it holds disagree
  kOffsetIndex,
  kTimeIndex,
  kTransactionIndex,
  kMissingFile,
  kProducerSnapshot,
  kLeaderEpoch,
  kTopicId,
  kIdentity,  // meta.properties
  kCheckpoint,
  kStray,  // left by unfinished work, or not known
  kUncleanStop,
};

// "crc", "offset-index": for scripts; they never change their meaning.
std::string_view FindingName(FindingKind kind);

struct Finding {
  Severity severity = Severity::kError;
  FindingKind kind = FindingKind::kUnreadable;
  std::string path;                 // of a file or a directory
  std::optional<int64_t> position;  // in the file
  std::optional<Offset> offset;
  std::string what;  // a phrase that follows path and position
};

// A sink must not call back into whatever reports to it.
using FindingSink = absl::FunctionRef<void(Finding)>;

}  // namespace millrace::storage
