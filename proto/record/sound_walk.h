// The quick way through a block of records that are all in order and of the usual shape: the
// leader walks every record that it appends, so this is kept as small as it can be.
//
// Pure; never allocates, never reads past the block. It says only yes or "look closer": who needs
// to know what is wrong, or has records of an unusual shape (headers, very long fields), uses
// RecordReader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace millrace::record {

// The range of the records' timestamp deltas against the base timestamp.
struct TimestampDeltas {
  int64_t min;
  int64_t max;
};

// Whether `block` holds exactly `count` records with offset deltas 0, 1, 2, ..., whose fields fill
// them exactly and have no headers, with a key each where `require_keys` says so. None: perhaps
// not.
std::optional<TimestampDeltas> WalkSound(std::span<const std::byte> block, int32_t count,
                                         bool require_keys);

}  // namespace millrace::record
