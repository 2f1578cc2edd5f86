// The bytes of a producer snapshot (<offset>.snapshot), entry by entry. Pure.
// Format: docs/formats/producer-snapshot.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "proto/types.h"

namespace millrace::storage {

struct ProducerSnapshotEntry {
  struct Batch {
    int32_t last_sequence;
    int32_t offset_delta;  // last - first, of offsets and of sequences alike
    Offset last_offset;
  };

  ProducerId id;
  ProducerEpoch epoch;
  TimestampMs timestamp;
  std::optional<Batch> batch;                // none: the producer's last word ended a transaction
  std::optional<int32_t> coordinator_epoch;  // of the transaction that was ended last
  std::optional<Offset> transaction_start;   // of the one that is open
};

std::string EncodeProducerSnapshot(const std::vector<ProducerSnapshotEntry>& entries);
// DataLossError when the bytes are not a whole snapshot with a right checksum, or an entry has
// values that cannot be.
absl::StatusOr<std::vector<ProducerSnapshotEntry>> DecodeProducerSnapshot(std::string_view bytes);

}  // namespace millrace::storage
