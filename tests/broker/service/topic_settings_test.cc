#include "broker/service/topic_settings.h"

#include <initializer_list>
#include <utility>

#include <catch2/catch.hpp>

namespace millrace::service {
namespace {

constexpr int64_t kHourMs = 3'600'000;

core::Properties Broker(std::initializer_list<std::pair<const char*, const char*>> values) {
  core::Properties broker(core::PropertyScope::kBroker);
  for (const auto& [name, value] : values) {
    INFO(name);
    REQUIRE_FALSE(broker.Set(name, value).has_value());
  }
  return broker;
}

TEST_CASE("topic settings: defaults are Kafka's") {
  TopicSettings settings = MakeTopicSettings(Broker({}), {});
  CHECK(settings.log.segment_bytes == 1 << 30);
  CHECK(settings.log.segment_ms == 168 * kHourMs);
  CHECK(settings.log.retention_ms == 168 * kHourMs);
  CHECK_FALSE(settings.log.retention_bytes.has_value());
  CHECK(settings.log.max_message_bytes == 1'048'588);
  CHECK(settings.log.timestamp_type == storage::TimestampType::kCreateTime);
  CHECK_FALSE(settings.log.timestamp_before_max_ms.has_value());
  CHECK(settings.log.timestamp_after_max_ms == kHourMs);
  CHECK_FALSE(settings.partition.write_caching);
  CHECK(settings.min_insync_replicas == 1);
  CHECK(settings.log.segment_jitter_ms == 0);
  CHECK_FALSE(settings.log.preallocate_segments);
  CHECK_FALSE(settings.partition.flush_messages.has_value());
  CHECK_FALSE(settings.partition.flush_ms.has_value());
  CHECK(settings.partition.file_delete_delay_ms == 60'000);
}

TEST_CASE("topic settings: an empty cleanup.policy keeps everything") {
  TopicSettings settings = MakeTopicSettings(Broker({{"log.cleanup.policy", ""}}),
                                             {{"retention.ms", "5"}, {"retention.bytes", "6"}});
  CHECK_FALSE(settings.log.retention_ms.has_value());
  CHECK_FALSE(settings.log.retention_bytes.has_value());
  CHECK(MakeTopicSettings(Broker({{"log.cleanup.policy", ""}}),
                          {{"cleanup.policy", "delete"}, {"retention.ms", "5"}})
            .log.retention_ms == 5);
}

TEST_CASE("topic settings: compact alone has no retention, compact and delete have both") {
  TopicSettings settings =
      MakeTopicSettings(Broker({{"log.retention.ms", "5"}, {"log.retention.bytes", "6"}}),
                        {{"cleanup.policy", "compact"}});
  CHECK_FALSE(settings.log.retention_ms.has_value());
  CHECK_FALSE(settings.log.retention_bytes.has_value());
  CHECK(settings.log.require_keys);
  REQUIRE(settings.log.compaction.has_value());
  CHECK(settings.log.compaction->min_dirty_ratio == 0.5);
  CHECK(settings.log.compaction->min_lag_ms == 0);
  CHECK_FALSE(settings.log.compaction->max_lag_ms.has_value());
  CHECK(settings.log.compaction->delete_retention_ms == 24 * kHourMs);
  settings = MakeTopicSettings(
      Broker({{"log.retention.ms", "5"}, {"log.cleaner.min.cleanable.ratio", "0.1"}}),
      {{"cleanup.policy", "compact,delete"}, {"max.compaction.lag.ms", "7"}});
  CHECK(settings.log.retention_ms == 5);
  REQUIRE(settings.log.compaction.has_value());
  CHECK(settings.log.compaction->min_dirty_ratio == 0.1);
  CHECK(settings.log.compaction->max_lag_ms == 7);
  CHECK_FALSE(MakeTopicSettings(Broker({}), {}).log.compaction.has_value());
  CHECK_FALSE(MakeTopicSettings(Broker({}), {}).log.require_keys);
}

TEST_CASE("topic settings: syncs, jitter and delays") {
  TopicSettings settings = MakeTopicSettings(Broker({{"log.flush.scheduler.interval.ms", "7"},
                                                     {"log.roll.jitter.hours", "1"},
                                                     {"log.segment.delete.delay.ms", "0"}}),
                                             {{"flush.messages", "3"}, {"preallocate", "true"}});
  CHECK(settings.partition.flush_messages == 3);
  CHECK(settings.partition.flush_ms == 7);
  CHECK(settings.partition.file_delete_delay_ms == 0);
  CHECK(settings.log.segment_jitter_ms == kHourMs);
  CHECK(settings.log.preallocate_segments);
  // What would overflow a clock is as good as for ever.
  settings = MakeTopicSettings(Broker({}), {{"file.delete.delay.ms", "9223372036854775807"},
                                            {"flush.ms", "9223372036854775806"}});
  CHECK(settings.partition.file_delete_delay_ms < INT64_MAX / 2);
  CHECK_FALSE(settings.partition.flush_ms.has_value());
}

TEST_CASE("topic settings: the broker's values are the topic's where it has none") {
  auto broker = Broker({{"log.segment.bytes", "2097152"},
                        {"message.max.bytes", "500"},
                        {"log.message.timestamp.type", "LogAppendTime"},
                        {"log.retention.bytes", "77"},
                        {"write.caching", "true"},
                        {"min.insync.replicas", "2"},
                        {"log.message.timestamp.before.max.ms", "5"},
                        {"producer.id.expiration.ms", "9"}});
  TopicSettings settings = MakeTopicSettings(broker, {});
  CHECK(settings.log.segment_bytes == 2 << 20);
  CHECK(settings.log.max_message_bytes == 500);
  CHECK(settings.log.timestamp_type == storage::TimestampType::kLogAppendTime);
  CHECK(settings.log.retention_bytes == 77);
  CHECK(settings.partition.write_caching);
  CHECK(settings.min_insync_replicas == 2);
  CHECK(settings.log.timestamp_before_max_ms == 5);
  CHECK(settings.log.producer_id_expiration_ms == 9);
}

TEST_CASE("topic settings: batches keep their codec unless one is chosen, then with its level") {
  CHECK_FALSE(MakeTopicSettings(Broker({}), {}).log.compression.has_value());
  CHECK_FALSE(MakeTopicSettings(Broker({}), {}).log.check_compressed);
  auto broker = Broker({{"compression.type", "gzip"},
                        {"compression.gzip.level", "1"},
                        {"compression.zstd.level", "-7"},
                        {"record.validation", "full"}});
  auto compression = [&](const core::PropertyValues& topic) {
    return MakeTopicSettings(broker, topic).log.compression;
  };
  using record::CodecType;
  CHECK(MakeTopicSettings(broker, {}).log.check_compressed);
  CHECK_FALSE(compression({{"compression.type", "producer"}}).has_value());
  CHECK(compression({})->codec == CodecType::kGzip);
  CHECK(compression({})->level == 1);
  CHECK_FALSE(compression({{"compression.gzip.level", "-1"}})->level.has_value());
  CHECK(compression({{"compression.type", "uncompressed"}})->codec == CodecType::kNone);
  CHECK(compression({{"compression.type", "snappy"}})->codec == CodecType::kSnappy);
  CHECK(compression({{"compression.type", "zstd"}})->level == -7);
  // Kafka's default is its fast compressor and no level.
  CHECK(compression({{"compression.type", "lz4"}})->codec == CodecType::kLz4);
  CHECK_FALSE(compression({{"compression.type", "lz4"}})->level.has_value());
  CHECK(compression({{"compression.type", "lz4"}, {"compression.lz4.level", "17"}})->level == 17);
}

TEST_CASE("topic settings: the topic's values go before the broker's") {
  auto broker = Broker({{"log.segment.bytes", "2097152"},
                        {"log.retention.ms", "5"},
                        {"log.roll.ms", "6"},
                        {"write.caching", "true"}});
  TopicSettings settings = MakeTopicSettings(broker, {{"segment.bytes", "4194304"},
                                                      {"retention.ms", "-1"},
                                                      {"segment.ms", "8"},
                                                      {"write.caching", "false"},
                                                      {"max.message.bytes", "9"}});
  CHECK(settings.log.segment_bytes == 4 << 20);
  CHECK_FALSE(settings.log.retention_ms.has_value());
  CHECK(settings.log.segment_ms == 8);
  CHECK_FALSE(settings.partition.write_caching);
  CHECK(settings.log.max_message_bytes == 9);
}

TEST_CASE("topic settings: of hours, minutes and milliseconds the finest that is set counts") {
  CHECK(MakeTopicSettings(Broker({{"log.retention.hours", "2"}}), {}).log.retention_ms ==
        2 * kHourMs);
  CHECK(
      MakeTopicSettings(Broker({{"log.retention.hours", "2"}, {"log.retention.minutes", "3"}}), {})
          .log.retention_ms == 180'000);
  CHECK(MakeTopicSettings(Broker({{"log.retention.ms", "4"}, {"log.retention.minutes", "3"}}), {})
            .log.retention_ms == 4);
  CHECK_FALSE(
      MakeTopicSettings(Broker({{"log.retention.hours", "-1"}}), {}).log.retention_ms.has_value());
  CHECK(MakeTopicSettings(Broker({{"log.roll.hours", "1"}, {"log.roll.ms", "9"}}), {})
            .log.segment_ms == 9);
}

TEST_CASE("topic settings: a stored value that is no longer valid falls back to the broker's") {
  TopicSettings settings =
      MakeTopicSettings(Broker({}), {{"segment.bytes", "7"}, {"gone.in.this.version", "1"}});
  CHECK(settings.log.segment_bytes == 1 << 30);
}

}  // namespace
}  // namespace millrace::service
