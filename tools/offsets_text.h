// Partitions and offsets as they stand on a command line and in CSV files. The files are those that
// kafka-consumer-groups --export writes and --from-file reads for one group.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "tools/group_facts.h"

namespace millrace::tools {

struct TopicSelection {
  std::string topic;
  std::vector<PartitionIndex> partitions;  // empty: all that the topic has
};

// "orders" or "orders:0,2".
absl::StatusOr<TopicSelection> ParseTopicSelection(std::string_view text);

// Lines of topic,partition,offset; empty ones are passed over. Names of topics may be in double
// quotes. No partition may stand there twice.
absl::StatusOr<OffsetMap> ParseOffsetsCsv(std::string_view text);

std::string OffsetsCsvLine(const TopicPartition& at, Offset offset);

}  // namespace millrace::tools
