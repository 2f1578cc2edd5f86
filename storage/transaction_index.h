// The index of aborted transactions of a segment (.txnindex), as Kafka writes it. It is only looked
// at: this broker has no transactions yet.
//
// Pure. Format: entries of 34 bytes, big-endian: version int16 = 0, producer id int64, first
// offset, last offset and last stable offset int64 each; last offsets ascend.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <absl/status/status.h>

#include "proto/types.h"

namespace millrace::storage {

struct AbortedTransaction {
  static constexpr size_t kEntryBytes = 34;

  int16_t version;
  ProducerId producer;
  Offset first_offset;
  Offset last_offset;
  Offset last_stable_offset;
};

// The whole entries; what follows them is left out.
std::vector<AbortedTransaction> DecodeTransactionIndex(std::span<const std::byte> bytes);

// DataLossError that names the entry which cannot be one of a segment from `base` to `end`.
absl::Status CheckTransactionIndex(std::span<const std::byte> bytes, Offset base, Offset end);

}  // namespace millrace::storage
