// Kafka's checkpoint files of a data directory: an offset for each of its partitions
// (recovery-point-offset-checkpoint, log-start-offset-checkpoint, replication-offset-checkpoint).
//
// Pure: text in, text out; whoever calls reads and writes the file (ReadWholeFile, ReplaceFile).
// Format: docs/formats/checkpoints.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "proto/types.h"

namespace millrace::storage {

struct TopicPartitionOffset {
  std::string topic;
  PartitionIndex partition;
  Offset offset;

  friend bool operator==(const TopicPartitionOffset&, const TopicPartitionOffset&) = default;
};

// Precondition: topic names are valid and offsets not negative.
std::string EncodeCheckpoint(const std::vector<TopicPartitionOffset>& entries);
// DataLossError that names the line when the text is not a whole checkpoint.
absl::StatusOr<std::vector<TopicPartitionOffset>> DecodeCheckpoint(std::string_view text);

}  // namespace millrace::storage
