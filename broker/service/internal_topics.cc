#include "broker/service/internal_topics.h"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace millrace::service {

namespace {

// Takes every record of the coordinators, whatever the broker's message.max.bytes.
constexpr int64_t kMessageBytesMax = 1'048'588;
// The least that a topic may have.
constexpr int64_t kSegmentBytesMin = 1 << 20;

}  // namespace

bool IsInternalTopic(std::string_view name) { return name == kOffsetsTopic; }

// Only the last record of a key counts. A committed offset must stay until the coordinator takes it
// back: nothing goes by age or size.
void AddInternalDefaults(const core::Properties& properties, NewTopic& topic) {
  if (!IsInternalTopic(topic.name)) return;
  if (topic.assignments.empty()) {
    if (!topic.partitions.has_value()) {
      topic.partitions = static_cast<int32_t>(properties.Integer("offsets.topic.num.partitions"));
    }
    // As many as offsets.topic.replication.factor says and brokers there are: one.
    if (!topic.replication_factor.has_value()) topic.replication_factor = 1;
  }
  int64_t segment_bytes =
      std::max(properties.Integer("offsets.topic.segment.bytes"), kSegmentBytesMin);
  topic.configs.emplace("cleanup.policy", "compact");
  topic.configs.emplace("compression.type", "producer");
  topic.configs.emplace("max.message.bytes", fmt::format("{}", kMessageBytesMax));
  topic.configs.emplace("retention.bytes", "-1");
  topic.configs.emplace("retention.ms", "-1");
  topic.configs.emplace("segment.bytes", fmt::format("{}", segment_bytes));
}

}  // namespace millrace::service
