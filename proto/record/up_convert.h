// Converts a legacy message set, as Produce 0 to 2 carry it, into one record batch v2.
//
// Pure; any thread. Holds the set decompressed while it works.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "proto/record/batch.h"

namespace millrace::record {

struct UpConverted {
  std::optional<BatchFault> fault;
  // Without a fault: one batch with base offset 0, CreateTime, without a producer, in the codec
  // that the set had. Messages of magic 0 have the timestamp -1.
  std::vector<std::byte> batch;
};

// Refused as Kafka refuses it: a damaged message, several magics in one set, a compressed message
// that is not the only one, LogAppendTime from a client; more than `max_bytes` decompressed.
// Offsets that a producer has put into the set mean nothing.
UpConverted UpConvert(std::span<const std::byte> set, size_t max_bytes);

}  // namespace millrace::record
