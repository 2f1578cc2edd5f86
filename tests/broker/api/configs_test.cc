// DescribeConfigs, AlterConfigs, IncrementalAlterConfigs and ListConfigResources.
#include <algorithm>
#include <deque>
#include <map>

#include <catch2/catch.hpp>

#include "tests/broker/support.h"

namespace millrace::test {
namespace {

using Type = wire::ConfigResourceType;
using Source = wire::ConfigSource;
using Operation = wire::ConfigOperation;

struct Change {
  std::string_view name;
  std::optional<std::string_view> value;
  Operation operation = Operation::kSet;
};

struct Outcome {
  ErrorCode error;
  std::string message;
};

Outcome Alter(TestClient& client, Type type, std::string_view name, std::vector<Change> changes,
              bool validate_only = false, int16_t version = 1) {
  std::vector<wire::IncrementalAlterConfigsRequest::Config> configs;
  for (const Change& change : changes) {
    configs.push_back({change.name, change.operation, change.value});
  }
  std::vector<wire::IncrementalAlterConfigsRequest::Resource> resources{
      {type, name, ArrayOf(configs)}};
  auto answer = client.Call(wire::IncrementalAlterConfigsRequest{.resources = ArrayOf(resources),
                                                                 .validate_only = validate_only},
                            version);
  REQUIRE(answer->responses.size() == 1);
  CHECK(answer->responses[0].resource_type == type);
  CHECK(answer->responses[0].resource_name == name);
  return {answer->responses[0].error_code,
          std::string(answer->responses[0].error_message.value_or(""))};
}

Outcome Replace(TestClient& client, Type type, std::string_view name,
                std::vector<wire::AlterConfigsRequest::Config> configs, int16_t version = 2) {
  std::vector<wire::AlterConfigsRequest::Resource> resources{{type, name, ArrayOf(configs)}};
  auto answer = client.Call(wire::AlterConfigsRequest{.resources = ArrayOf(resources)}, version);
  REQUIRE(answer->responses.size() == 1);
  return {answer->responses[0].error_code,
          std::string(answer->responses[0].error_message.value_or(""))};
}

struct Value {
  std::optional<std::string> value;
  Source source = Source::kUnknown;
  bool read_only = false;
};

struct Described {
  ErrorCode error = ErrorCode::kNone;
  std::map<std::string, Value, std::less<>> configs;

  const Value& at(std::string_view name) const {
    auto found = configs.find(name);
    INFO(name);
    REQUIRE(found != configs.end());
    return found->second;
  }
};

Described Describe(TestClient& client, Type type, std::string_view name, int16_t version = 4) {
  std::vector<wire::DescribeConfigsRequest::Resource> resources{
      {.resource_type = type, .resource_name = name}};
  auto answer = client.Call(wire::DescribeConfigsRequest{.resources = ArrayOf(resources)}, version);
  REQUIRE(answer->results.size() == 1);
  Described described{.error = answer->results[0].error_code};
  for (const auto& config : answer->results[0].configs) {
    Value value{.source = config.config_source, .read_only = config.read_only};
    if (config.value.has_value()) value.value = std::string(*config.value);
    described.configs.emplace(config.name, value);
  }
  return described;
}

TEST_CASE("alter configs: what is refused, by its reason, changes nothing") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  using enum ErrorCode;
  CHECK(Alter(client, Type::kTopic, "t", {{"retention.m", "1"}}).error == kInvalidConfig);
  CHECK(Alter(client, Type::kTopic, "t", {{"flush.ms", "7"}, {"segment.bytes", "1"}}).error ==
        kInvalidConfig);
  CHECK(Alter(client, Type::kTopic, "t", {{"flush.ms", std::nullopt}}).error == kInvalidRequest);
  CHECK(Alter(client, Type::kTopic, "t", {{"flush.ms", "7"}, {"flush.ms", "8"}}).error ==
        kInvalidRequest);
  CHECK(Alter(client, Type::kTopic, "t", {{"flush.ms", "7", Operation{9}}}).error ==
        kInvalidRequest);
  CHECK(Alter(client, Type::kTopic, "none", {{"flush.ms", "7"}}).error == kUnknownTopicOrPartition);
  CHECK(Alter(client, Type::kTopic, "a/b", {{"flush.ms", "7"}}).error == kInvalidTopicException);
  CHECK(Alter(client, Type::kTopic, "", {{"flush.ms", "7"}}).error == kInvalidRequest);
  CHECK(Alter(client, Type::kBroker, "7", {{"log.roll.ms", "7"}}).error == kInvalidRequest);
  CHECK(Alter(client, Type::kBroker, "x", {{"log.roll.ms", "7"}}).error == kInvalidRequest);
  CHECK(Alter(client, Type::kBroker, "1", {{"num.partitions", "7"}}).error == kInvalidRequest);
  CHECK(Alter(client, Type::kBroker, "", {{"log.roll.m", "7"}}).error == kInvalidConfig);
  CHECK(Alter(client, Type::kClientMetrics, "m", {{"interval.ms", "7"}}).error == kInvalidRequest);
  CHECK(Alter(client, Type::kGroup, "", {{"consumer.session.timeout.ms", "50000"}}).error ==
        kInvalidRequest);
  CHECK(Alter(client, Type::kGroup, "g", {{"consumer.session.timeout.m", "50000"}}).error ==
        kInvalidConfig);
  CHECK(Alter(client, Type::kGroup, "g", {{"consumer.session.timeout.ms", "x"}}).error ==
        kInvalidConfig);
  CHECK(Alter(client, Type::kUnknown, "", {{"a", "7"}}).error == kInvalidRequest);
  CHECK(Alter(client, Type{99}, "", {{"a", "7"}}).error == kInvalidRequest);
  CHECK(Replace(client, Type::kTopic, "t", {{"flush.ms", std::nullopt}}).error == kInvalidRequest);
  CHECK(Replace(client, Type::kBrokerLogger, "1", {{"root", "INFO"}}).error == kInvalidRequest);
  CHECK(Describe(client, Type::kTopic, "t").at("flush.ms").source == Source::kDefaultConfig);
}

TEST_CASE("alter configs: a value that is no UTF-8 is kept over a restart, and so is its topic") {
  TestBroker broker(1);
  constexpr std::string_view kBytes = "\xff\xfe:1";
  {
    TestClient client = broker.Connect();
    CreateTopic(client, "t");
    CHECK(Alter(client, Type::kTopic, "t", {{"leader.replication.throttled.replicas", kBytes}})
              .error == ErrorCode::kNone);
  }
  broker.Restart();
  TestClient client = broker.Connect();
  CHECK(Describe(client, Type::kTopic, "t").at("leader.replication.throttled.replicas").value ==
        kBytes);
}

TEST_CASE("alter configs: a message names the nearest property") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  CHECK_THAT(Alter(client, Type::kTopic, "t", {{"retention.m", "1"}}).message,
             Catch::Matchers::Contains("retention.ms"));
  CHECK_THAT(Alter(client, Type::kBroker, "", {{"log.roll.m", "1"}}).message,
             Catch::Matchers::Contains("log.roll.ms"));
}

TEST_CASE("alter configs: of a resource that stands twice neither is changed, others are") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  CreateTopic(client, "u");
  std::vector<wire::IncrementalAlterConfigsRequest::Config> configs{
      {.name = "flush.ms", .value = "7"}};
  std::vector<wire::IncrementalAlterConfigsRequest::Resource> resources{
      {Type::kTopic, "t", ArrayOf(configs)},
      {Type::kTopic, "u", ArrayOf(configs)},
      {Type::kTopic, "t", ArrayOf(configs)}};
  auto answer =
      client.Call(wire::IncrementalAlterConfigsRequest{.resources = ArrayOf(resources)}, 1);
  CHECK(answer->responses[0].error_code == ErrorCode::kInvalidRequest);
  CHECK(answer->responses[1].error_code == ErrorCode::kNone);
  CHECK(answer->responses[2].error_code == ErrorCode::kInvalidRequest);
  CHECK(Describe(client, Type::kTopic, "t").at("flush.ms").source == Source::kDefaultConfig);
  CHECK(Describe(client, Type::kTopic, "u").at("flush.ms").value == "7");
}

TEST_CASE("alter configs: validate_only says what would happen and changes nothing") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  CHECK(Alter(client, Type::kTopic, "t", {{"flush.ms", "7"}}, true).error == ErrorCode::kNone);
  CHECK(Alter(client, Type::kTopic, "t", {{"flush.ms", "x"}}, true).error ==
        ErrorCode::kInvalidConfig);
  CHECK(Alter(client, Type::kBroker, "", {{"log.roll.ms", "7"}}, true).error == ErrorCode::kNone);
  CHECK(Describe(client, Type::kTopic, "t").at("flush.ms").source == Source::kDefaultConfig);
  CHECK(Describe(client, Type::kBroker, "").configs.empty());
}

TEST_CASE("alter configs: a topic's partitions take a change at once, and it survives a restart") {
  TestBroker broker(GENERATE(1, 4));
  {
    TestClient client = broker.Connect();
    CreateTopic(client, "t", 5);
    for (int32_t p = 0; p < 5; ++p) {
      CHECK(Produce(client, "t", p, LargeBatch(5000)).error_code == ErrorCode::kNone);
    }
    for (int16_t version : {0, 1}) {
      CHECK(
          Alter(client, Type::kTopic, "t", {{"max.message.bytes", "3000"}}, false, version).error ==
          ErrorCode::kNone);
    }
    for (int32_t p = 0; p < 5; ++p) {
      CHECK(Produce(client, "t", p, LargeBatch(5000)).error_code == ErrorCode::kMessageTooLarge);
    }
  }
  broker.Restart();
  TestClient client = broker.Connect();
  CHECK(Describe(client, Type::kTopic, "t").at("max.message.bytes").value == "3000");
  CHECK(Produce(client, "t", 3, LargeBatch(5000)).error_code == ErrorCode::kMessageTooLarge);
  CHECK(Alter(client, Type::kTopic, "t", {{"max.message.bytes", std::nullopt, Operation::kDelete}})
            .error == ErrorCode::kNone);
  CHECK(Produce(client, "t", 3, LargeBatch(5000)).error_code == ErrorCode::kNone);
  CHECK(ReadAll(client, "t", 3).size() == 2);
}

TEST_CASE("alter configs: partitions that are added take the topic's properties") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 1, {{"max.message.bytes", "3000"}});
  std::vector<wire::CreatePartitionsRequest::Topic> topics{{.name = "t", .count = 4}};
  auto grown = client.Call(wire::CreatePartitionsRequest{.topics = ArrayOf(topics)}, 3);
  REQUIRE(grown->results[0].error_code == ErrorCode::kNone);
  CHECK(Produce(client, "t", 3, LargeBatch(5000)).error_code == ErrorCode::kMessageTooLarge);
  CHECK(Alter(client, Type::kTopic, "t", {{"max.message.bytes", "9000"}}).error ==
        ErrorCode::kNone);
  for (int32_t p = 0; p < 4; ++p) {
    CHECK(Produce(client, "t", p, LargeBatch(5000)).error_code == ErrorCode::kNone);
  }
}

TEST_CASE("alter configs: changes of one topic from many clients are all kept") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  const std::vector<std::string_view> names{"flush.ms", "segment.ms", "retention.ms",
                                            "flush.messages", "max.message.bytes"};
  std::deque<std::vector<wire::IncrementalAlterConfigsRequest::Config>> configs;
  std::vector<TestClient> clients;
  for (std::string_view name : names) {
    auto& config = configs.emplace_back();
    config.push_back({.name = name, .value = "77"});
    std::vector<wire::IncrementalAlterConfigsRequest::Resource> resources{
        {Type::kTopic, "t", ArrayOf(config)}};
    clients.push_back(broker.Connect());
    clients.back().Send(wire::IncrementalAlterConfigsRequest{.resources = ArrayOf(resources)}, 1);
  }
  std::vector<wire::CreatePartitionsRequest::Topic> topics{{.name = "t", .count = 3}};
  client.Call(wire::CreatePartitionsRequest{.topics = ArrayOf(topics)}, 3);
  for (TestClient& other : clients) {
    auto answer = other.Receive<wire::IncrementalAlterConfigsRequest>(1);
    CHECK(answer->responses[0].error_code == ErrorCode::kNone);
  }
  Described described = Describe(client, Type::kTopic, "t");
  for (std::string_view name : names) CHECK(described.at(name).value == "77");
}

TEST_CASE("alter configs: the older request resets what it does not name") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 1, {{"flush.ms", "7"}, {"segment.ms", "8"}});
  for (int16_t version = 0; version <= 2; ++version) {
    CHECK(Replace(client, Type::kTopic, "t", {{"flush.ms", "9"}}, version).error ==
          ErrorCode::kNone);
    Described described = Describe(client, Type::kTopic, "t");
    CHECK(described.at("flush.ms").value == "9");
    CHECK(described.at("segment.ms").source == Source::kDefaultConfig);
    CHECK(Replace(client, Type::kTopic, "t", {{"segment.ms", "8"}}, version).error ==
          ErrorCode::kNone);
  }
  CHECK(Replace(client, Type::kTopic, "t", {}).error == ErrorCode::kNone);
  CHECK(Describe(client, Type::kTopic, "t").at("segment.ms").source == Source::kDefaultConfig);
}

TEST_CASE("alter configs: lists are appended to and subtracted from") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  auto alter = [&](std::string_view value, Operation operation) {
    return Alter(client, Type::kTopic, "t", {{"cleanup.policy", value, operation}}).error;
  };
  CHECK(alter("delete", Operation::kSubtract) == ErrorCode::kNone);
  CHECK(Describe(client, Type::kTopic, "t").at("cleanup.policy").value == "");
  CHECK(alter("delete", Operation::kAppend) == ErrorCode::kNone);
  CHECK(Describe(client, Type::kTopic, "t").at("cleanup.policy").value == "delete");
  CHECK(Alter(client, Type::kTopic, "t", {{"flush.ms", "7", Operation::kAppend}}).error ==
        ErrorCode::kInvalidConfig);
}

TEST_CASE("alter configs: a broker's default reaches the topics that have no value of their own") {
  TestBroker broker(GENERATE(1, 4));
  {
    TestClient client = broker.Connect();
    CreateTopic(client, "inherits", 3);
    CreateTopic(client, "own", 1, {{"max.message.bytes", "9000"}});
    CHECK(Alter(client, Type::kBroker, "", {{"message.max.bytes", "3000"}}).error ==
          ErrorCode::kNone);
    CreateTopic(client, "later");
    for (const char* topic : {"inherits", "later"}) {
      CHECK(Produce(client, topic, 0, LargeBatch(5000)).error_code == ErrorCode::kMessageTooLarge);
    }
    CHECK(Produce(client, "own", 0, LargeBatch(5000)).error_code == ErrorCode::kNone);
    // One broker's value goes before all brokers'.
    CHECK(Alter(client, Type::kBroker, "1", {{"message.max.bytes", "6000"}}).error ==
          ErrorCode::kNone);
    CHECK(Produce(client, "inherits", 2, LargeBatch(5000)).error_code == ErrorCode::kNone);
  }
  broker.Restart();
  TestClient client = broker.Connect();
  CHECK(Describe(client, Type::kTopic, "inherits").at("max.message.bytes").value == "6000");
  CHECK(Describe(client, Type::kTopic, "inherits").at("max.message.bytes").source ==
        Source::kDynamicBrokerConfig);
  CHECK(Describe(client, Type::kBroker, "1").at("message.max.bytes").value == "6000");
  CHECK(Describe(client, Type::kBroker, "").at("message.max.bytes").value == "3000");
  CHECK(Produce(client, "inherits", 1, LargeBatch(8000)).error_code == ErrorCode::kMessageTooLarge);
  for (std::string_view name : {"1", ""}) {
    CHECK(Alter(client, Type::kBroker, name,
                {{"message.max.bytes", std::nullopt, Operation::kDelete}})
              .error == ErrorCode::kNone);
  }
  CHECK(Produce(client, "inherits", 1, LargeBatch(8000)).error_code == ErrorCode::kNone);
}

TEST_CASE("alter configs: more min.insync.replicas than replicas are no obstacle, as in Kafka") {
  TestBroker broker(GENERATE(1, 4));
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  CHECK(Alter(client, Type::kBroker, "", {{"min.insync.replicas", "2"}}).error == ErrorCode::kNone);
  CHECK(Produce(client, "t", 0, BatchOf({"a"})).error_code == ErrorCode::kNone);
  CHECK(Alter(client, Type::kTopic, "t", {{"min.insync.replicas", "3"}}).error == ErrorCode::kNone);
  CHECK(Produce(client, "t", 0, BatchOf({"a"})).error_code == ErrorCode::kNone);
}

TEST_CASE("alter configs: the level of the broker's log") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  auto level = [&] { return *Describe(client, Type::kBrokerLogger, "1").at("root").value; };
  const std::string before = level();
  CHECK(Alter(client, Type::kBrokerLogger, "1", {{"root", "LOUD"}}).error ==
        ErrorCode::kInvalidConfig);
  CHECK(Alter(client, Type::kBrokerLogger, "1", {{"kafka.log", "INFO"}}).error ==
        ErrorCode::kInvalidConfig);
  CHECK(Alter(client, Type::kBrokerLogger, "1", {{"root", "", Operation::kDelete}}).error ==
        ErrorCode::kInvalidRequest);
  CHECK(Alter(client, Type::kBrokerLogger, "2", {{"root", "INFO"}}).error ==
        ErrorCode::kInvalidRequest);
  CHECK(Alter(client, Type::kBrokerLogger, "1", {{"root", "ERROR"}}, true).error ==
        ErrorCode::kNone);
  CHECK(level() == before);
  CHECK(Alter(client, Type::kBrokerLogger, "1", {{"root", "ERROR"}}).error == ErrorCode::kNone);
  CHECK(level() == "ERROR");
  CHECK(Alter(client, Type::kBrokerLogger, "1", {{"root", before}}).error == ErrorCode::kNone);
}

TEST_CASE("describe configs: what there is not, by its reason") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  using enum ErrorCode;
  CHECK(Describe(client, Type::kTopic, "none").error == kUnknownTopicOrPartition);
  CHECK(Describe(client, Type::kTopic, "a/b").error == kInvalidTopicException);
  CHECK(Describe(client, Type::kTopic, "").error == kInvalidTopicException);
  CHECK(Describe(client, Type::kBroker, "7").error == kInvalidRequest);
  CHECK(Describe(client, Type::kBroker, "x").error == kInvalidRequest);
  CHECK(Describe(client, Type::kBrokerLogger, "").error == kInvalidRequest);
  CHECK(Describe(client, Type::kClientMetrics, "").error == kInvalidRequest);
  CHECK(Describe(client, Type::kGroup, "").error == kInvalidRequest);
  CHECK(Describe(client, Type::kUnknown, "x").error == kInvalidRequest);
  Described described = Describe(client, Type::kClientMetrics, "x");
  CHECK(described.error == kNone);
  CHECK(described.configs.empty());
}

TEST_CASE("configs: a group's are set within the broker's bounds, kept, shown and deleted") {
  TestBroker broker(1, {{"group.consumer.session.timeout.ms", "61000"}});
  {
    TestClient client = broker.Connect();
    const auto set = [&](std::string_view value) {
      return Alter(client, Type::kGroup, "g/1", {{"consumer.session.timeout.ms", value}}).error;
    };
    CHECK(set("44999") == ErrorCode::kInvalidConfig);
    CHECK(set("61001") == ErrorCode::kInvalidConfig);
    CHECK(set("61000") == ErrorCode::kNone);
    CHECK(set("45000") == ErrorCode::kNone);
  }
  broker.Restart();
  TestClient client = broker.Connect();
  Described described = Describe(client, Type::kGroup, "g/1");
  CHECK(described.configs.size() == 3);
  CHECK(described.at("consumer.session.timeout.ms").value == "45000");
  CHECK(described.at("consumer.session.timeout.ms").source == Source::kGroupConfig);
  CHECK(described.at("consumer.heartbeat.interval.ms").value == "5000");
  CHECK(Describe(client, Type::kGroup, "h").at("consumer.session.timeout.ms").value == "61000");
  std::vector<Type> types{Type::kGroup};
  auto list = [&] {
    return client.Call(wire::ListConfigResourcesRequest{.resource_types = ArrayOf(types)}, 1);
  };
  REQUIRE(list()->config_resources.size() == 1);
  CHECK(list()->config_resources[0].resource_name == "g/1");
  CHECK(Alter(client, Type::kGroup, "g/1",
              {{"consumer.session.timeout.ms", std::nullopt, Operation::kDelete}})
            .error == ErrorCode::kNone);
  CHECK(list()->config_resources.empty());
}

TEST_CASE("describe configs: every version shows a topic's properties and their sources") {
  TestBroker broker(1, {{"log.segment.bytes", "2097152"}});
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 1, {{"retention.ms", "60000"}});
  for (int16_t version = 0; version <= 4; ++version) {
    Described described = Describe(client, Type::kTopic, "t", version);
    CHECK(described.configs.size() > 30);
    CHECK(described.at("retention.ms").value == "60000");
    CHECK(described.at("segment.bytes").value == "2097152");
    CHECK_FALSE(described.at("segment.bytes").read_only);
    if (version == 0) continue;
    CHECK(described.at("retention.ms").source == Source::kTopicConfig);
    CHECK(described.at("segment.bytes").source == Source::kStaticBrokerConfig);
    CHECK(described.at("segment.ms").source == Source::kDefaultConfig);
  }
  Described described = Describe(client, Type::kBroker, "1");
  CHECK(described.at("log.segment.bytes").value == "2097152");
  CHECK(described.at("node.id").read_only);
  CHECK_FALSE(described.at("log.segment.bytes").read_only);
  CHECK_FALSE(described.at("broker.rack").value.has_value());
}

TEST_CASE("describe configs: only the names that are asked for, with synonyms and documentation") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t", 1, {{"max.message.bytes", "7"}});
  std::vector<std::string_view> keys{"max.message.bytes", "no.such.name"};
  std::vector<wire::DescribeConfigsRequest::Resource> resources{{Type::kTopic, "t", ArrayOf(keys)},
                                                                {Type::kTopic, "t", std::nullopt}};
  wire::DescribeConfigsRequest request{
      .resources = ArrayOf(resources), .include_synonyms = true, .include_documentation = true};
  auto answer = client.Call(request, 4);
  REQUIRE(answer->results.size() == 2);
  REQUIRE(answer->results[0].configs.size() == 1);
  const auto& config = answer->results[0].configs[0];
  CHECK(config.config_type == wire::ConfigType::kInt);
  CHECK_FALSE(config.documentation.value_or("").empty());
  REQUIRE(config.synonyms.size() == 2);
  CHECK(config.synonyms[0].name == "max.message.bytes");
  CHECK(config.synonyms[0].source == Source::kTopicConfig);
  CHECK(config.synonyms[1].name == "message.max.bytes");
  CHECK(config.synonyms[1].value == "1048588");
  CHECK(config.synonyms[1].source == Source::kDefaultConfig);
  CHECK(answer->results[1].error_code == ErrorCode::kInvalidRequest);
}

TEST_CASE("create topics: the answer shows all properties with their sources") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  std::vector<wire::CreateTopicsRequest::Config> configs{{"retention.ms", " 60000 "}};
  std::vector<wire::CreateTopicsRequest::Topic> topics{
      {.name = "t", .num_partitions = 1, .replication_factor = 1, .configs = ArrayOf(configs)}};
  auto answer = client.Call(wire::CreateTopicsRequest{.topics = ArrayOf(topics)}, 7);
  REQUIRE(answer->topics[0].configs.has_value());
  CHECK(answer->topics[0].configs->size() == Describe(client, Type::kTopic, "t").configs.size());
  for (const auto& config : *answer->topics[0].configs) {
    bool is_set = config.name == "retention.ms";
    CHECK(config.config_source == (is_set ? Source::kTopicConfig : Source::kDefaultConfig));
    if (is_set) CHECK(config.value == "60000");
  }
}

TEST_CASE("list config resources: topics, brokers and loggers, by their types") {
  TestBroker broker(1);
  TestClient client = broker.Connect();
  CreateTopic(client, "t");
  auto list = [&](std::vector<Type> types, int16_t version = 1) {
    return client.Call(wire::ListConfigResourcesRequest{.resource_types = ArrayOf(types)}, version);
  };
  CHECK(list({Type{99}})->error_code == ErrorCode::kUnsupportedVersion);
  CHECK(list({}, 0)->config_resources.empty());
  CHECK(list({})->config_resources.size() == 3);
  auto topics = list({Type::kTopic});
  REQUIRE(topics->config_resources.size() == 1);
  CHECK(topics->config_resources[0].resource_name == "t");
  CHECK(topics->config_resources[0].resource_type == Type::kTopic);
  CHECK(list({Type::kBroker})->config_resources[0].resource_name == "1");
  CHECK(list({Type::kGroup, Type::kClientMetrics})->config_resources.empty());
}

}  // namespace
}  // namespace millrace::test
