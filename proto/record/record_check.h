// The checks of the single records of a batch that a client sent, for the files of this folder:
// batch_check.cc has them for uncompressed batches, open_batch.cc for decompressed ones. Pure; no
// allocation on success.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "proto/record/batch.h"
#include "proto/types.h"

namespace millrace::record {

struct RecordsCheck {
  std::optional<BatchFault> fault;
  // The largest timestamp of the records; meaningless where there is a fault.
  TimestampMs max_timestamp;
};

// `block` is what the batch's records() hold, decompressed. The header must have been checked.
RecordsCheck CheckRecords(BatchView batch, std::span<const std::byte> block,
                          const CheckOptions& options);

}  // namespace millrace::record
