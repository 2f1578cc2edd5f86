#include "broker/core/properties.h"

#include <array>
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
  CHECK(NearestProperty(PropertyScope::kTopic, "retentionms") == "retention.ms");
  CHECK(NearestProperty(PropertyScope::kTopic, "colour").empty());
  fault = broker.Set("colour", "blue");
  REQUIRE(fault.has_value());
  CHECK(*fault == "unknown property 'colour'");
}

TEST_CASE("properties: nobody keeps records for no time at all by a slip of the hand") {
  Properties broker(PropertyScope::kBroker);
  for (const char* name : {"log.retention.ms", "log.retention.minutes", "log.retention.hours"}) {
    CHECK(broker.Set(name, "0").has_value());
    CHECK_FALSE(broker.Set(name, "-1").has_value());
    CHECK_FALSE(broker.Set(name, "1").has_value());
  }
  Properties topic(PropertyScope::kTopic);
  CHECK_FALSE(topic.Set("retention.ms", "0").has_value());  // as in Kafka: said for one topic
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
  for (const char* wrong : {"", " ", "1 2", "0x10", "1.5", "-2", "2147483648", "abc",
                            "99999999999999999999999", "++1", "+-1"}) {
    INFO("'" << wrong << "'");
    CHECK(broker.Set("log.retention.minutes", wrong).has_value());
  }
  CHECK_FALSE(broker.IsSet("log.retention.minutes"));
  for (const char* right : {"-1", "1", "2147483647"}) {
    CHECK_FALSE(broker.Set("log.retention.minutes", right).has_value());
  }
  CHECK(broker.Integer("log.retention.minutes") == 2147483647);
  Properties topic(PropertyScope::kTopic);
  for (const char* wrong : {"", "1.1", "-0.1", "half", "0.5x"}) {
    INFO("'" << wrong << "'");
    CHECK(topic.Set("min.cleanable.dirty.ratio", wrong).has_value());
  }
  CHECK_FALSE(topic.Set("min.cleanable.dirty.ratio", "0.25").has_value());
  CHECK(broker.Set("log.segment.bytes", "1048575").has_value());
  CHECK_FALSE(broker.Set("log.segment.bytes", "1048576").has_value());
}

TEST_CASE("properties: levels of codecs have Kafka's bounds, gzip's with a gap") {
  Properties topic(PropertyScope::kTopic);
  for (const char* wrong : {"-2", "0", "10", "x"}) {
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

TEST_CASE("properties: booleans are true or false, in any case") {
  Properties broker(PropertyScope::kBroker);
  for (const char* wrong : {"", "1", "tru", "yes"}) {
    CHECK(broker.Set("write.caching", wrong).has_value());
  }
  CHECK_FALSE(broker.Bool("write.caching"));
  CHECK_FALSE(broker.Set("write.caching", " True").has_value());
  CHECK(broker.Bool("write.caching"));
  Properties topic(PropertyScope::kTopic);
  CHECK(topic.Set("remote.storage.enable", "true").has_value());
  CHECK_FALSE(topic.Set("remote.storage.enable", "false").has_value());
}

TEST_CASE("properties: a value is kept in its plainest form") {
  Properties topic(PropertyScope::kTopic);
  for (auto [name, value, kept] :
       {std::array{"max.message.bytes", " +77 ", "77"}, std::array{"preallocate", "TRUE", "true"},
        std::array{"retention.bytes", "-07", "-7"},
        std::array{"message.timestamp.type", " CreateTime", "CreateTime"},
        std::array{"cleanup.policy", "delete, delete,", "delete"},
        std::array{"cleanup.policy", "compact , delete", "compact,delete"},
        std::array{"cleanup.policy", "", ""}}) {
    INFO(name << "='" << value << "'");
    CHECK_FALSE(topic.Set(name, value).has_value());
    CHECK(topic.Text(name) == kept);
  }
}

TEST_CASE("properties: every element of a list is one of the choices") {
  Properties topic(PropertyScope::kTopic);
  for (const char* wrong : {"compacted", "delete,compact,x", "Delete", "delete;"}) {
    INFO(wrong);
    CHECK(topic.Set("cleanup.policy", wrong).has_value());
  }
  CHECK_FALSE(topic.IsSet("cleanup.policy"));
}

TEST_CASE("properties: a list that needs an element says which there are") {
  Properties properties(PropertyScope::kBroker);
  CHECK(properties.List("group.consumer.assignors") ==
        std::vector<std::string>{"uniform", "range"});
  for (const char* empty : {"", " ", ",", " , "}) {
    CHECK(properties.Set("group.consumer.assignors", empty) ==
          "group.consumer.assignors must name at least one of uniform,range");
  }
  CHECK(properties.Set("group.consumer.assignors", "sticky") ==
        "group.consumer.assignors must be one of uniform,range, not 'sticky'");
  CHECK_FALSE(properties.Set("group.consumer.assignors", " range , uniform,range").has_value());
  CHECK(properties.List("group.consumer.assignors") ==
        std::vector<std::string>{"range", "uniform"});
}

TEST_CASE("properties: of several units the finest that is set counts") {
  Properties broker(PropertyScope::kBroker);
  CHECK(broker.Effective("log.retention.ms") == "604800000");
  CHECK(broker.Effective("log.flush.interval.ms") == "9223372036854775807");
  CHECK(broker.Effective("log.segment.bytes") == "1073741824");
  REQUIRE_FALSE(broker.Set("log.retention.hours", "2147483647").has_value());
  CHECK(broker.Effective("log.retention.minutes") == "7730941129200000");
  REQUIRE_FALSE(broker.Set("log.retention.minutes", "-1").has_value());
  CHECK(broker.Effective("log.retention.ms") == "-1");
  REQUIRE_FALSE(broker.Set("log.retention.ms", "5").has_value());
  CHECK(broker.Effective("log.retention.hours") == "5");
  REQUIRE_FALSE(broker.Set("log.flush.scheduler.interval.ms", "7").has_value());
  CHECK(broker.Effective("log.flush.interval.ms") == "7");
}

TEST_CASE("properties: a number with a point, and one that no integer holds") {
  Properties broker(PropertyScope::kBroker);
  for (auto [name, wrong] : {std::pair{"log.cleaner.io.max.bytes.per.second", "0"},
                             {"log.cleaner.io.max.bytes.per.second", "nan"},
                             {"log.cleaner.io.max.bytes.per.second", "fast"},
                             {"log.cleaner.min.cleanable.ratio", "1.01"}}) {
    INFO(name << "=" << wrong);
    CHECK(broker.Set(name, wrong).has_value());
  }
  CHECK(broker.Double("log.cleaner.io.max.bytes.per.second") > 1e300);
  REQUIRE_FALSE(broker.Set("log.cleaner.io.max.bytes.per.second", "1.5E20").has_value());
  CHECK(broker.Double("log.cleaner.io.max.bytes.per.second") == 1.5e20);
  REQUIRE_FALSE(broker.Set("log.cleaner.min.cleanable.ratio", "0.25").has_value());
  CHECK(broker.Double("log.cleaner.min.cleanable.ratio") == 0.25);
}

TEST_CASE("properties: choices are exact") {
  Properties topic(PropertyScope::kTopic);
  auto fault = topic.Set("message.timestamp.type", "createtime");
  REQUIRE(fault.has_value());
  CHECK_THAT(*fault, Contains("CreateTime,LogAppendTime"));
  CHECK(topic.Set("message.timestamp.type", "").has_value());
  CHECK(topic.Set("message.timestamp.type", "CreateTime,LogAppendTime").has_value());
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
    CHECK_FALSE(HelpOf(property).empty());
    for (const Unit& unit : UnitsOf(property.name)) {
      CHECK(FindProperty(PropertyScope::kBroker, unit.name) != nullptr);
    }
    if (property.broker_name.empty()) continue;
    REQUIRE(property.scope != PropertyScope::kBroker);
    const Property* broker = FindProperty(PropertyScope::kBroker, property.broker_name);
    REQUIRE(broker != nullptr);
    CHECK(broker->type == property.type);
    CHECK(broker->choices == property.choices);
    CHECK((broker->min == property.min || !UnitsOf(broker->name).empty()));
    CHECK(broker->has_effect == property.has_effect);
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
  CHECK(IsKafkaOnlyProperty("listener.name.internal.ssl.keystore.location"));
  CHECK_FALSE(IsKafkaOnlyProperty("no.such.thing"));
}

}  // namespace
}  // namespace millrace::core
