#include "broker/core/config_change.h"

#include <catch2/catch.hpp>

namespace millrace::core {
namespace {

using Catch::Matchers::Contains;
using enum ConfigOperation;

TEST_CASE("config change: a topic's unknown names, bad values and non-lists are refused") {
  for (const ConfigChange& change :
       {ConfigChange{"retention.m", kSet, "1"}, ConfigChange{"retention.ms", kSet, "x"},
        ConfigChange{"retention.ms", kSet, ""}, ConfigChange{"segment.bytes", kSet, "1"},
        ConfigChange{"retention.ms", kAppend, "5"}, ConfigChange{"no.such", kAppend, "5"},
        ConfigChange{"retention.ms", kSubtract, "5"}, ConfigChange{"cleanup.policy", kSet, "x"},
        ConfigChange{"cleanup.policy", kAppend, "compacted"},
        ConfigChange{"remote.storage.enable", kSet, "true"}}) {
    INFO(change.name << " " << change.value);
    ConfigPlan plan = PlanTopicConfigs({{"flush.ms", "1"}}, {{"flush.ms", kSet, "2"}, change});
    CHECK(plan.error == ErrorCode::kInvalidConfig);
    CHECK_THAT(plan.message, Contains(change.name));
    CHECK(plan.values.empty());
  }
  CHECK_THAT(PlanTopicConfigs({}, {{"retention.m", kSet, "1"}}).message,
             Contains("'retention.ms'"));
}

TEST_CASE("config change: a message does not grow with what it refuses") {
  std::string huge(30'000, 'x');
  CHECK(PlanTopicConfigs({}, {{huge, kSet, "1"}}).message.size() < 300);
  CHECK(PlanTopicConfigs({}, {{"retention.ms", kSet, huge}}).message.size() < 300);
  CHECK(PlanTopicConfigs({}, {{"message.timestamp.type", kSet, huge}}).message.size() < 300);
}

TEST_CASE(
    "config change: a group's values lie within the broker's bounds, and its own value does") {
  Properties broker(PropertyScope::kBroker);
  auto plan = [&](const char* name, const char* value) {
    return PlanGroupConfigs({}, {{name, kSet, value}}, broker);
  };
  CHECK(plan("consumer.heartbeat.interval.ms", "4999").error == ErrorCode::kInvalidConfig);
  CHECK_THAT(plan("consumer.heartbeat.interval.ms", "15001").message, Contains("5000 to 15000"));
  CHECK(plan("consumer.heartbeat.interval.m", "5000").error == ErrorCode::kInvalidConfig);
  CHECK(plan("retention.ms", "5000").error == ErrorCode::kInvalidConfig);
  CHECK(plan("consumer.heartbeat.interval.ms", "5000").error == ErrorCode::kNone);
  CHECK_FALSE(broker.Set("group.consumer.heartbeat.interval.ms", "300").has_value());
  CHECK(plan("consumer.heartbeat.interval.ms", "300").error == ErrorCode::kNone);
  CHECK(plan("consumer.heartbeat.interval.ms", "299").error == ErrorCode::kInvalidConfig);
}

TEST_CASE("config change: a broker's read-only properties stay as they are") {
  for (const char* name : {"num.partitions", "listeners", "log.retention.hours", "node.id"}) {
    ConfigPlan plan = PlanBrokerConfigs({}, {{name, kSet, "1"}}, BrokerLevel::kOne);
    CHECK(plan.error == ErrorCode::kInvalidRequest);
    CHECK_THAT(plan.message, Contains(name));
  }
  CHECK(PlanBrokerConfigs({}, {{"no.such", kSet, "1"}}, BrokerLevel::kAll).error ==
        ErrorCode::kInvalidConfig);
  CHECK(PlanBrokerConfigs({}, {{"log.retention.ms", kSet, "x"}}, BrokerLevel::kAll).error ==
        ErrorCode::kInvalidRequest);
}

TEST_CASE("config change: deleting what is not set, or not known, changes nothing") {
  ConfigPlan plan = PlanTopicConfigs({{"flush.ms", "1"}},
                                     {{"no.such", kDelete, ""}, {"segment.ms", kDelete, ""}});
  CHECK(plan.error == ErrorCode::kNone);
  CHECK(plan.values == PropertyValues{{"flush.ms", "1"}});
  plan = PlanBrokerConfigs({}, {{"node.id", kDelete, ""}}, BrokerLevel::kOne);
  CHECK(plan.error == ErrorCode::kNone);
}

TEST_CASE("config change: values are set in their plainest form, others are left alone") {
  ConfigPlan plan =
      PlanTopicConfigs({{"flush.ms", "1"}, {"segment.ms", "5"}}, {{"retention.ms", kSet, " +60 "},
                                                                  {"preallocate", kSet, "TRUE"},
                                                                  {"segment.ms", kDelete, ""}});
  CHECK(plan.error == ErrorCode::kNone);
  CHECK(plan.values ==
        PropertyValues{{"flush.ms", "1"}, {"retention.ms", "60"}, {"preallocate", "true"}});
  CHECK(plan.without_effect.empty());
}

TEST_CASE("config change: lists grow from their default and shrink to nothing") {
  ConfigPlan plan = PlanTopicConfigs({}, {{"cleanup.policy", kSubtract, "compact"}});
  CHECK(plan.values == PropertyValues{{"cleanup.policy", "delete"}});
  plan = PlanTopicConfigs(plan.values, {{"cleanup.policy", kSubtract, "delete"}});
  CHECK(plan.values == PropertyValues{{"cleanup.policy", ""}});
  plan = PlanTopicConfigs(plan.values, {{"cleanup.policy", kAppend, "delete,delete"}});
  CHECK(plan.values == PropertyValues{{"cleanup.policy", "delete"}});
  plan = PlanTopicConfigs({}, {{"leader.replication.throttled.replicas", kAppend, "0:1,1:1"}});
  CHECK(plan.values.at("leader.replication.throttled.replicas") == "0:1,1:1");
}

TEST_CASE("config change: a list grows no longer than an answer can tell") {
  constexpr const char* kName = "leader.replication.throttled.replicas";
  std::string many;
  for (int i = 0; i < 4000; ++i) many += (i == 0 ? "0:" : ",0:") + std::to_string(i);
  ConfigPlan plan = PlanTopicConfigs({}, {{kName, kSet, many}});
  REQUIRE(plan.error == ErrorCode::kNone);
  CHECK(PlanTopicConfigs(plan.values, {{kName, kAppend, many}}).values == plan.values);
  CHECK(PlanTopicConfigs(plan.values, {{kName, kSubtract, many}}).values.at(kName).empty());
  std::string others;
  for (int i = 0; i < 4000; ++i) others += (i == 0 ? "1:" : ",1:") + std::to_string(i);
  ConfigPlan refused = PlanTopicConfigs(plan.values, {{kName, kAppend, others}});
  CHECK(refused.error == ErrorCode::kInvalidConfig);
  CHECK_THAT(refused.message, Contains("32767"));
}

TEST_CASE("config change: what has no effect here is taken and reported") {
  ConfigPlan plan = PlanTopicConfigs({}, {{"local.retention.ms", kSet, "5"}});
  CHECK(plan.values == PropertyValues{{"local.retention.ms", "5"}});
  CHECK(plan.without_effect == std::vector<std::string>{"local.retention.ms"});
  // A name of Kafka's that the table does not have is not kept: it may be a secret.
  plan = PlanBrokerConfigs({}, {{"ssl.keystore.password", kSet, "secret"}}, BrokerLevel::kOne);
  CHECK(plan.error == ErrorCode::kNone);
  CHECK(plan.values.empty());
  CHECK(plan.without_effect == std::vector<std::string>{"ssl.keystore.password"});
}

}  // namespace
}  // namespace millrace::core
