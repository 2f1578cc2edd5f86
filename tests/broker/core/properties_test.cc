#include "broker/core/properties.h"

#include <set>
#include <string_view>

#include <catch2/catch.hpp>

namespace millrace::core {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("properties: an unknown name suggests the nearest one") {
  Properties broker(PropertyScope::kBroker);
  auto fault = broker.Set("log.retention.hour", "1");
  REQUIRE(fault.has_value());
  CHECK_THAT(*fault, Contains("'log.retention.hour'") && Contains("'log.retention.hours'"));
  CHECK_FALSE(broker.IsSet("log.retention.hour"));
  CHECK(NearestProperty(PropertyScope::kTopic, "retention_ms") == "retention.ms");
}

TEST_CASE("properties: a broker's name is unknown to a topic and the other way round") {
  Properties topic(PropertyScope::kTopic);
  CHECK(topic.Set("log.segment.bytes", "2097152").has_value());
  CHECK_FALSE(topic.Set("segment.bytes", "2097152").has_value());
  Properties broker(PropertyScope::kBroker);
  CHECK(broker.Set("segment.bytes", "2097152").has_value());
}

TEST_CASE("properties: numbers must be whole, in range and nothing else") {
  Properties broker(PropertyScope::kBroker);
  for (const char* wrong : {"", " 1", "1 ", "0x10", "1.5", "-2", "2147483648", "abc",
                            "99999999999999999999999", "+1"}) {
    INFO("'" << wrong << "'");
    CHECK(broker.Set("log.retention.minutes", wrong).has_value());
  }
  CHECK_FALSE(broker.IsSet("log.retention.minutes"));
  for (const char* right : {"-1", "0", "2147483647"}) {
    CHECK_FALSE(broker.Set("log.retention.minutes", right).has_value());
  }
  CHECK(broker.Integer("log.retention.minutes") == 2147483647);
  CHECK(broker.Set("log.segment.bytes", "1048575").has_value());
  CHECK_FALSE(broker.Set("log.segment.bytes", "1048576").has_value());
}

TEST_CASE("properties: levels of codecs have Kafka's bounds, gzip's with a gap") {
  Properties topic(PropertyScope::kTopic);
  for (const char* wrong : {"-2", "0", "10", "01"}) {
    CHECK(topic.Set("compression.gzip.level", wrong).has_value());
  }
  for (const char* right : {"-1", "1", "9"}) {
    CHECK_FALSE(topic.Set("compression.gzip.level", right).has_value());
  }
  CHECK(topic.Set("compression.lz4.level", "0").has_value());
  CHECK(topic.Set("compression.lz4.level", "18").has_value());
  CHECK_FALSE(topic.Set("compression.lz4.level", "17").has_value());
  CHECK(topic.Set("compression.zstd.level", "23").has_value());
  CHECK(topic.Set("compression.zstd.level", "-131073").has_value());
  CHECK_FALSE(topic.Set("compression.zstd.level", "-131072").has_value());
}

TEST_CASE("properties: booleans are true or false") {
  Properties broker(PropertyScope::kBroker);
  for (const char* wrong : {"", "1", "True", "yes"}) {
    CHECK(broker.Set("write.caching", wrong).has_value());
  }
  CHECK_FALSE(broker.Bool("write.caching"));
  CHECK_FALSE(broker.Set("write.caching", "true").has_value());
  CHECK(broker.Bool("write.caching"));
}

TEST_CASE("properties: choices are exact") {
  Properties topic(PropertyScope::kTopic);
  auto fault = topic.Set("message.timestamp.type", "createtime");
  REQUIRE(fault.has_value());
  CHECK_THAT(*fault, Contains("CreateTime,LogAppendTime"));
  CHECK(topic.Set("message.timestamp.type", "").has_value());
  CHECK(topic.Set("message.timestamp.type", "CreateTime,LogAppendTime").has_value());
  CHECK(topic.Set("cleanup.policy", "compact").has_value());
  CHECK_FALSE(topic.Set("message.timestamp.type", "LogAppendTime").has_value());
  CHECK(topic.Text("message.timestamp.type") == "LogAppendTime");
}

TEST_CASE("properties: a refused value leaves the old one") {
  Properties broker(PropertyScope::kBroker);
  REQUIRE_FALSE(broker.Set("num.partitions", "3").has_value());
  CHECK(broker.Set("num.partitions", "0").has_value());
  CHECK(broker.Integer("num.partitions") == 3);
}

TEST_CASE("properties: what is not set has the table's default") {
  Properties broker(PropertyScope::kBroker);
  CHECK(broker.Integer("log.segment.bytes") == 1 << 30);
  CHECK(broker.Bool("auto.create.topics.enable"));
  CHECK(broker.Text("broker.rack").empty());
  CHECK_FALSE(broker.IsSet("num.partitions"));
}

TEST_CASE("properties: the table is sound") {
  for (const Property& property : AllProperties()) {
    INFO(property.name);
    CHECK(FindProperty(property.scope, property.name) == &property);  // no name stands twice
    if (!property.default_value.empty()) {
      CHECK_FALSE(InvalidValue(property, property.default_value).has_value());
    }
    if (property.scope != PropertyScope::kTopic) continue;
    const Property* broker = FindProperty(PropertyScope::kBroker, property.broker_name);
    REQUIRE(broker != nullptr);
    CHECK(broker->type == property.type);
    CHECK(broker->choices == property.choices);
    CHECK(broker->min == property.min);
  }
}

TEST_CASE("properties: Kafka's other names stand there once and none is ours") {
  auto names = KafkaOnlyPropertyNames();
  CHECK(std::set<std::string_view>(names.begin(), names.end()).size() == names.size());
  for (std::string_view name : names) {
    INFO(name);
    CHECK(FindProperty(PropertyScope::kBroker, name) == nullptr);
    CHECK(IsKafkaOnlyProperty(name));
  }
  CHECK_FALSE(IsKafkaOnlyProperty("no.such.thing"));
}

}  // namespace
}  // namespace millrace::core
