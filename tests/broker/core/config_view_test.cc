#include "broker/core/config_view.h"

#include <algorithm>
#include <initializer_list>

#include <catch2/catch.hpp>

namespace millrace::core {
namespace {

BrokerConfigs Started(std::initializer_list<std::pair<const char*, const char*>> values) {
  Properties properties(PropertyScope::kBroker);
  for (const auto& [name, value] : values) REQUIRE_FALSE(properties.Set(name, value).has_value());
  return BrokerConfigs(properties);
}

const ConfigView& Find(const std::vector<ConfigView>& views, std::string_view name) {
  auto found = std::find_if(views.begin(), views.end(),
                            [name](const ConfigView& view) { return view.property->name == name; });
  REQUIRE(found != views.end());
  return *found;
}

std::string Text(const std::vector<ConfigSetting>& settings) {
  std::string text;
  for (const ConfigSetting& setting : settings) {
    text += std::string(setting.name) + "=" + setting.value + ":" +
            std::to_string(static_cast<int>(setting.layer)) + " ";
  }
  return text;
}

TEST_CASE("broker configs: this broker goes before all, all before the start") {
  BrokerConfigs configs = Started({{"message.max.bytes", "1"}});
  CHECK(configs.effective().Integer("message.max.bytes") == 1);
  configs.SetForAll({{"message.max.bytes", "2"}, {"gone.in.this.version", "x"}});
  CHECK(configs.effective().Integer("message.max.bytes") == 2);
  configs.SetForThis({{"message.max.bytes", "3"}});
  CHECK(configs.effective().Integer("message.max.bytes") == 3);
  configs.SetForAll({});
  CHECK(configs.effective().Integer("message.max.bytes") == 3);
  configs.SetForThis({});
  CHECK(configs.effective().Integer("message.max.bytes") == 1);
}

TEST_CASE("config view: a topic's value with everything that would count without it") {
  BrokerConfigs configs = Started({{"log.retention.hours", "100"}});
  configs.SetForAll({{"log.retention.ms", "500000"}});
  configs.SetForThis({{"log.retention.ms", "5"}});
  auto views = ViewTopic(configs, {{"retention.ms", "60000"}});
  const ConfigView& retention = Find(views, "retention.ms");
  CHECK(retention.value == "60000");
  CHECK(retention.layer == ConfigLayer::kTopic);
  CHECK(Text(retention.settings) ==
        "retention.ms=60000:0 log.retention.ms=5:1 log.retention.ms=500000:2 "
        "log.retention.hours=100:3 log.retention.hours=168:4 ");
  const auto without = ViewTopic(configs, {});
  CHECK(Find(without, "retention.ms").layer == ConfigLayer::kOneBroker);
}

TEST_CASE("config view: what only another unit sets counts as the default") {
  BrokerConfigs configs = Started({{"log.retention.hours", "100"}});
  auto views = ViewTopic(configs, {});
  CHECK(Find(views, "retention.ms").value == "360000000");
  CHECK(Find(views, "retention.ms").layer == ConfigLayer::kDefault);
  CHECK(Find(views, "retention.ms").settings.empty());
  CHECK(Find(views, "segment.bytes").value == "1073741824");
  CHECK(Text(Find(views, "segment.bytes").settings) == "log.segment.bytes=1073741824:4 ");
  CHECK(Find(views, "remote.storage.enable").value == "false");
  CHECK(Find(views, "leader.replication.throttled.replicas").value == "");
  for (const ConfigView& view : views) CHECK(view.value.has_value());
}

TEST_CASE("config view: a broker's values, where they come from and what may change") {
  BrokerConfigs configs = Started({{"num.partitions", "2"}});
  configs.SetForAll({{"log.roll.ms", "100000"}});
  auto views = ViewBroker(configs);
  CHECK(Text(Find(views, "num.partitions").settings) == "num.partitions=2:3 num.partitions=1:4 ");
  CHECK(Find(views, "num.partitions").is_read_only);
  CHECK_FALSE(Find(views, "log.retention.ms").value.has_value());
  CHECK_FALSE(Find(views, "log.retention.ms").is_read_only);
  CHECK(Text(Find(views, "log.roll.ms").settings) == "log.roll.ms=100000:2 log.roll.hours=168:4 ");
  auto changed = ViewAllBrokers(configs);
  REQUIRE(changed.size() == 1);
  CHECK(changed[0].value == "100000");
  CHECK(changed[0].layer == ConfigLayer::kAllBrokers);
}

}  // namespace
}  // namespace millrace::core
