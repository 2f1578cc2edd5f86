#include "broker/service/topic_settings.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "proto/invariant.h"

namespace millrace::service {

namespace {

constexpr int kGzipOwnLevel = -1;
constexpr int kLz4FastLevel = 9;

std::optional<int64_t> NoneIfNegative(int64_t value) {
  return value < 0 ? std::nullopt : std::optional(value);
}

// Longer than any process lives; adding it to a clock does not overflow.
constexpr int64_t kDelayMsMax = 100LL * 365 * 86'400'000;

std::optional<int64_t> NoneIfMax(int64_t value) {
  return value == INT64_MAX ? std::nullopt : std::optional(value);
}

// A topic's value where one is set, else the broker's under its own name.
class Values {
 public:
  Values(const core::Properties& broker, const core::PropertyValues& configs)
      : broker_(broker), topic_(core::PropertyScope::kTopic) {
    for (const auto& [name, value] : configs) {
      // A stored value that a later version no longer knows falls back to the broker's.
      static_cast<void>(topic_.Set(name, value));
    }
  }

  bool IsSet(std::string_view name) const { return topic_.IsSet(name); }
  int64_t Integer(std::string_view name) const {
    if (IsSet(name)) return topic_.Integer(name);
    int64_t value = 0;
    std::string text = broker_.Effective(BrokerName(name));
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    INVARIANT(error == std::errc() && end == text.data() + text.size());
    return value;
  }
  double Double(std::string_view name) const {
    return IsSet(name) ? topic_.Double(name) : broker_.Double(BrokerName(name));
  }
  bool Bool(std::string_view name) const {
    return IsSet(name) ? topic_.Bool(name) : broker_.Bool(BrokerName(name));
  }
  std::string Text(std::string_view name) const {
    return IsSet(name) ? topic_.Text(name) : broker_.Text(BrokerName(name));
  }

 private:
  static std::string_view BrokerName(std::string_view name) {
    const core::Property* property = core::FindProperty(core::PropertyScope::kTopic, name);
    INVARIANT(property != nullptr);
    return property->broker_name;
  }

  const core::Properties& broker_;
  core::Properties topic_;
};

// None: batches keep the codec that their producer chose.
std::optional<record::Compression> CompressionOf(const Values& values) {
  const std::string type = values.Text("compression.type");
  if (type == "producer") return std::nullopt;
  record::Compression compression{
      .codec = record::CodecByName(type).value_or(record::CodecType::kNone), .level = std::nullopt};
  switch (compression.codec) {
    case record::CodecType::kNone:
    case record::CodecType::kSnappy:
      break;
    case record::CodecType::kGzip:
      compression.level = static_cast<int>(values.Integer("compression.gzip.level"));
      if (compression.level == kGzipOwnLevel) compression.level.reset();
      break;
    case record::CodecType::kLz4:
      compression.level = static_cast<int>(values.Integer("compression.lz4.level"));
      // Kafka's default is a level that stands for its fast compressor, which has none.
      if (compression.level == kLz4FastLevel) compression.level.reset();
      break;
    case record::CodecType::kZstd:
      compression.level = static_cast<int>(values.Integer("compression.zstd.level"));
      break;
  }
  return compression;
}

storage::CompactionSettings CompactionOf(const Values& values) {
  return {.min_dirty_ratio = values.Double("min.cleanable.dirty.ratio"),
          .min_lag_ms = values.Integer("min.compaction.lag.ms"),
          .max_lag_ms = NoneIfMax(values.Integer("max.compaction.lag.ms")),
          .delete_retention_ms = values.Integer("delete.retention.ms")};
}

}  // namespace

TopicSettings MakeTopicSettings(const core::Properties& broker,
                                const core::PropertyValues& topic_configs) {
  Values values(broker, topic_configs);
  TopicSettings settings;
  storage::LogOptions& log = settings.log;
  log.segment_bytes = values.Integer("segment.bytes");
  log.segment_ms = values.Integer("segment.ms");
  log.segment_jitter_ms = values.Integer("segment.jitter.ms");
  log.segment_index_bytes = values.Integer("segment.index.bytes");
  log.index_interval_bytes = values.Integer("index.interval.bytes");
  log.preallocate_segments = values.Bool("preallocate");
  std::string policy = values.Text("cleanup.policy");
  if (policy.find("delete") != std::string::npos) {
    log.retention_ms = NoneIfNegative(values.Integer("retention.ms"));
    log.retention_bytes = NoneIfNegative(values.Integer("retention.bytes"));
  }
  log.max_message_bytes = values.Integer("max.message.bytes");
  log.timestamp_type = values.Text("message.timestamp.type") == "LogAppendTime"
                           ? storage::TimestampType::kLogAppendTime
                           : storage::TimestampType::kCreateTime;
  log.timestamp_before_max_ms = NoneIfMax(values.Integer("message.timestamp.before.max.ms"));
  log.timestamp_after_max_ms = NoneIfMax(values.Integer("message.timestamp.after.max.ms"));
  log.compression = CompressionOf(values);
  if (policy.find("compact") != std::string::npos) {
    log.require_keys = true;
    log.compaction = CompactionOf(values);
  }
  log.check_compressed = values.Text("record.validation") == "full";
  log.producer_id_expiration_ms = broker.Integer("producer.id.expiration.ms");
  partition::PartitionOptions& partition = settings.partition;
  partition.write_caching = values.Bool("write.caching");
  partition.flush_messages = NoneIfMax(values.Integer("flush.messages"));
  partition.flush_ms = NoneIfMax(values.Integer("flush.ms"));
  if (partition.flush_ms > kDelayMsMax) partition.flush_ms.reset();
  partition.file_delete_delay_ms = std::min(values.Integer("file.delete.delay.ms"), kDelayMsMax);
  settings.min_insync_replicas = static_cast<int32_t>(values.Integer("min.insync.replicas"));
  return settings;
}

}  // namespace millrace::service
