#include "broker/service/topic_settings.h"

#include <optional>
#include <string_view>

#include "proto/invariant.h"

namespace millrace::service {

namespace {

constexpr int kGzipOwnLevel = -1;
constexpr int kLz4FastLevel = 9;
constexpr int64_t kMsPerMinute = 60'000;
constexpr int64_t kMsPerHour = 60 * kMsPerMinute;

std::optional<int64_t> NoneIfNegative(int64_t value) {
  return value < 0 ? std::nullopt : std::optional(value);
}

// Kafka's order: the finest unit that is set wins.
int64_t BrokerRetentionMs(const core::Properties& broker) {
  if (broker.IsSet("log.retention.ms")) return broker.Integer("log.retention.ms");
  int64_t unit = kMsPerHour;
  std::string_view name = "log.retention.hours";
  if (broker.IsSet("log.retention.minutes")) {
    unit = kMsPerMinute;
    name = "log.retention.minutes";
  }
  int64_t count = broker.Integer(name);
  return count < 0 ? -1 : count * unit;
}

int64_t BrokerSegmentMs(const core::Properties& broker) {
  if (broker.IsSet("log.roll.ms")) return broker.Integer("log.roll.ms");
  return broker.Integer("log.roll.hours") * kMsPerHour;
}

// A topic's value where one is set, else the broker's under its own name.
class Values {
 public:
  Values(const core::Properties& broker, const std::map<std::string, std::string>& configs)
      : broker_(broker), topic_(core::PropertyScope::kTopic) {
    for (const auto& [name, value] : configs) {
      // A stored value that a later version no longer knows falls back to the broker's.
      static_cast<void>(topic_.Set(name, value));
    }
  }

  bool IsSet(std::string_view name) const { return topic_.IsSet(name); }
  int64_t Integer(std::string_view name) const {
    return IsSet(name) ? topic_.Integer(name) : broker_.Integer(BrokerName(name));
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

}  // namespace

TopicSettings MakeTopicSettings(const core::Properties& broker,
                                const std::map<std::string, std::string>& topic_configs) {
  Values values(broker, topic_configs);
  TopicSettings settings;
  storage::LogOptions& log = settings.log;
  log.segment_bytes = values.Integer("segment.bytes");
  log.segment_ms =
      values.IsSet("segment.ms") ? values.Integer("segment.ms") : BrokerSegmentMs(broker);
  log.segment_index_bytes = values.Integer("segment.index.bytes");
  log.index_interval_bytes = values.Integer("index.interval.bytes");
  log.retention_ms = NoneIfNegative(values.IsSet("retention.ms") ? values.Integer("retention.ms")
                                                                 : BrokerRetentionMs(broker));
  log.retention_bytes = NoneIfNegative(values.Integer("retention.bytes"));
  log.max_message_bytes = values.Integer("max.message.bytes");
  log.timestamp_type = values.Text("message.timestamp.type") == "LogAppendTime"
                           ? storage::TimestampType::kLogAppendTime
                           : storage::TimestampType::kCreateTime;
  int64_t before = values.Integer("message.timestamp.before.max.ms");
  log.timestamp_before_max_ms = before == INT64_MAX ? std::nullopt : std::optional(before);
  int64_t after = values.Integer("message.timestamp.after.max.ms");
  log.timestamp_after_max_ms = after == INT64_MAX ? std::nullopt : std::optional(after);
  log.compression = CompressionOf(values);
  log.require_keys = values.Text("cleanup.policy").find("compact") != std::string::npos;
  log.check_compressed = values.Text("record.validation") == "full";
  log.producer_id_expiration_ms = broker.Integer("producer.id.expiration.ms");
  settings.write_caching = values.Bool("write.caching");
  settings.min_insync_replicas = static_cast<int32_t>(values.Integer("min.insync.replicas"));
  return settings;
}

}  // namespace millrace::service
