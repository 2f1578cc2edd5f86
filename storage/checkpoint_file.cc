#include "storage/checkpoint_file.h"

#include <cstdint>
#include <optional>

#include <fmt/format.h>

#include "proto/invariant.h"
#include "proto/topic_name.h"
#include "storage/checkpoint_text.h"

namespace millrace::storage {

std::string EncodeCheckpoint(const std::vector<TopicPartitionOffset>& entries) {
  std::string out = CheckpointHeader(entries.size());
  for (const TopicPartitionOffset& entry : entries) {
    INVARIANT(!InvalidTopicName(entry.topic));
    INVARIANT(entry.partition.value() >= 0 && entry.offset.value() >= 0);
    out += fmt::format("{} {} {}\n", entry.topic, entry.partition.value(), entry.offset.value());
  }
  return out;
}

absl::StatusOr<std::vector<TopicPartitionOffset>> DecodeCheckpoint(std::string_view text) {
  CheckpointReader reader(text);
  if (absl::Status header = reader.ReadHeader(); !header.ok()) return header;
  std::vector<TopicPartitionOffset> entries;
  while (reader.HasEntry()) {
    const absl::StatusOr<std::vector<std::string_view>> fields = reader.NextEntry(3);
    if (!fields.ok()) return fields.status();
    const std::string_view topic = (*fields)[0];
    if (const std::optional<std::string> reason = InvalidTopicName(topic)) {
      return reader.Fault(fmt::format("has no topic name: {}", *reason));
    }
    const std::optional<int32_t> partition = ParseNumber<int32_t>((*fields)[1]);
    const std::optional<int64_t> offset = ParseNumber<int64_t>((*fields)[2]);
    if (!partition || !offset) return reader.Fault("is not <topic> <partition> <offset>");
    entries.push_back({std::string(topic), PartitionIndex(*partition), Offset(*offset)});
  }
  if (absl::Status end = reader.CheckEnd(); !end.ok()) return end;
  return entries;
}

}  // namespace millrace::storage
