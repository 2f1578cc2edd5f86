// `millrace topic`: thin over the admin requests that every Kafka broker knows.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "proto/topic_id_text.h"
#include "proto/wire/create_partitions.h"
#include "proto/wire/create_topics.h"
#include "proto/wire/delete_topics.h"
#include "proto/wire/metadata.h"
#include "tools/admin_connection.h"
#include "tools/commands.h"
#include "tools/config_changes.h"

namespace millrace::tools {

namespace {

namespace json = boost::json;

constexpr int16_t kCreatePartitionsVersion = 3;
constexpr int16_t kCreateTopicsVersion = 7;
constexpr int16_t kDeleteTopicsVersion = 5;
constexpr int16_t kMetadataVersion = 12;
constexpr int32_t kTimeoutMs = 30'000;

void Print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
}

int Fail(const TopicOptions& options, std::string_view error, std::string_view message) {
  if (options.json) {
    Print(json::serialize(
        json::object{{"error", error}, {"message", message}, {"topic", options.name}}));
    return 1;
  }
  std::string text = "millrace: ";
  if (!options.name.empty()) text += fmt::format("topic '{}': ", options.name);
  text += message.empty() ? std::string(error) : fmt::format("{}: {}", error, message);
  std::fprintf(stderr, "%s\n", text.c_str());
  return 1;
}

int Fail(const TopicOptions& options, const absl::Status& status) {
  return Fail(options, "UNAVAILABLE", std::string(status.message()));
}

int Fail(const TopicOptions& options, ErrorCode error,
         const std::optional<std::string_view>& message) {
  return Fail(options, ErrorName(error), message.value_or(std::string_view()));
}

json::array ToJson(const wire::Array<BrokerId>& ids) {
  json::array array;
  for (BrokerId id : ids) array.push_back(id.value());
  return array;
}

json::object ToJson(const wire::MetadataResponse::Topic& topic) {
  json::array partitions;
  for (const auto& partition : topic.partitions) {
    partitions.push_back(
        json::object{{"partition", partition.partition_index.value()},
                     {"leader", partition.leader_id.value_or(BrokerId(-1)).value()},
                     {"replicas", ToJson(partition.replica_nodes)},
                     {"isr", ToJson(partition.isr_nodes)}});
  }
  return {{"name", topic.name.value_or("")},
          {"topicId", TopicIdText(topic.topic_id)},
          {"internal", topic.is_internal},
          {"partitions", partitions}};
}

// All topics, or the one that is named.
absl::Status FetchMetadata(AdminConnection& connection, wire::MetadataRequest::Topic* one,
                           wire::MetadataResponse& response) {
  wire::MetadataRequest request;
  request.allow_auto_topic_creation = false;
  if (one != nullptr) request.topics = wire::Array(one, 1);
  return connection.Call(kMetadataVersion, request, response);
}

void PrintPartitions(const wire::MetadataResponse::Topic& topic) {
  Print(fmt::format("{}  id {}  {} partitions", topic.name.value_or(""),
                    TopicIdText(topic.topic_id), topic.partitions.size()));
  Print("PARTITION  LEADER  REPLICAS  ISR");
  for (const auto& partition : topic.partitions) {
    Print(fmt::format("{:<9}  {:<6}  {:<8}  {}", partition.partition_index.value(),
                      partition.leader_id.value_or(BrokerId(-1)).value(),
                      json::serialize(ToJson(partition.replica_nodes)),
                      json::serialize(ToJson(partition.isr_nodes))));
  }
}

bool SplitConfigs(const std::vector<std::string>& texts,
                  std::vector<wire::CreateTopicsRequest::Config>& configs) {
  for (std::string_view text : texts) {
    size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) return false;
    configs.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  return true;
}

// None when it was done; else the exit code.
std::optional<int> AlterTopicConfigs(AdminConnection& connection, const TopicOptions& options,
                                     ConfigChanges& changes, bool validate_only) {
  ConfigTarget target{wire::ConfigResourceType::kTopic, options.name};
  auto altered = SendConfigChanges(connection, target, changes, validate_only);
  if (!altered.ok()) return Fail(options, altered.status());
  if (altered->error_code == ErrorCode::kNone) return std::nullopt;
  return Fail(options, altered->error_code, altered->error_message);
}

std::optional<int> AddPartitions(AdminConnection& connection, const TopicOptions& options) {
  wire::CreatePartitionsRequest::Topic topic{.name = options.name, .count = *options.partitions};
  wire::CreatePartitionsRequest request{.topics = wire::Array(&topic, 1), .timeout_ms = kTimeoutMs};
  wire::CreatePartitionsResponse response;
  absl::Status status = connection.Call(kCreatePartitionsVersion, request, response);
  if (!status.ok()) return Fail(options, status);
  if (response.results.size() != 1) return Fail(options, "UNKNOWN_SERVER_ERROR", "no answer");
  if (response.results[0].error_code == ErrorCode::kNone) return std::nullopt;
  return Fail(options, response.results[0].error_code, response.results[0].error_message);
}

}  // namespace

// The properties are checked before anything is changed, and changed last: adding partitions is
// what cannot be taken back.
int AlterTopic(const TopicOptions& options) {
  auto changes = ParseConfigChanges(options.configs, options.delete_configs);
  if (!changes.ok()) {
    return Fail(options, "INVALID_CONFIG", std::string(changes.status().message()));
  }
  if (changes->empty() && !options.partitions.has_value()) {
    return Fail(options, "INVALID_REQUEST",
                "nothing to change: give --config, --delete-config or --partitions");
  }
  auto connection = AdminConnection::Connect(options.bootstrap_server);
  if (!connection.ok()) return Fail(options, connection.status());
  std::optional<int> failed;
  if (options.partitions.has_value()) {
    if (!changes->empty()) failed = AlterTopicConfigs(*connection, options, *changes, true);
    if (!failed.has_value()) failed = AddPartitions(*connection, options);
  }
  if (!failed.has_value() && !changes->empty()) {
    failed = AlterTopicConfigs(*connection, options, *changes, false);
  }
  if (failed.has_value()) return *failed;
  if (options.json) {
    Print(json::serialize(json::object{{"altered", options.name}}));
  } else {
    Print(fmt::format("altered {}", options.name));
  }
  return 0;
}

int CreateTopic(const TopicOptions& options) {
  std::vector<wire::CreateTopicsRequest::Config> configs;
  if (!SplitConfigs(options.configs, configs)) {
    return Fail(options, "INVALID_CONFIG", "--config must be name=value");
  }
  auto connection = AdminConnection::Connect(options.bootstrap_server);
  if (!connection.ok()) return Fail(options, connection.status());
  wire::CreateTopicsRequest::Topic topic{.name = options.name,
                                         .num_partitions = options.partitions,
                                         .replication_factor = options.replication_factor};
  topic.configs = wire::Array(configs.data(), configs.size());
  wire::CreateTopicsRequest request{.topics = wire::Array(&topic, 1), .timeout_ms = kTimeoutMs};
  wire::CreateTopicsResponse response;
  absl::Status status = connection->Call(kCreateTopicsVersion, request, response);
  if (!status.ok()) return Fail(options, status);
  const auto& created = response.topics[0];
  if (created.error_code != ErrorCode::kNone) {
    return Fail(options, created.error_code, created.error_message);
  }
  std::string id = TopicIdText(created.topic_id);
  int32_t partitions = created.num_partitions.value_or(-1);
  if (options.json) {
    Print(json::serialize(
        json::object{{"name", options.name}, {"topicId", id}, {"partitions", partitions}}));
  } else {
    Print(fmt::format("created {} with {} partition{}", options.name, partitions,
                      partitions == 1 ? "" : "s"));
  }
  return 0;
}

int ListTopics(const TopicOptions& options) {
  auto connection = AdminConnection::Connect(options.bootstrap_server);
  if (!connection.ok()) return Fail(options, connection.status());
  wire::MetadataResponse response;
  absl::Status status = FetchMetadata(*connection, nullptr, response);
  if (!status.ok()) return Fail(options, status);
  json::array topics;
  for (const auto& topic : response.topics) {
    if (options.json) {
      topics.push_back(ToJson(topic));
    } else {
      Print(topic.name.value_or(""));
    }
  }
  if (options.json) Print(json::serialize(topics));
  return 0;
}

int DescribeTopic(const TopicOptions& options) {
  auto connection = AdminConnection::Connect(options.bootstrap_server);
  if (!connection.ok()) return Fail(options, connection.status());
  wire::MetadataRequest::Topic one{.name = options.name};
  wire::MetadataResponse response;
  absl::Status status = FetchMetadata(*connection, &one, response);
  if (!status.ok()) return Fail(options, status);
  const auto& topic = response.topics[0];
  if (topic.error_code != ErrorCode::kNone) {
    return Fail(options, topic.error_code, std::nullopt);
  }
  if (options.json) {
    Print(json::serialize(ToJson(topic)));
  } else {
    PrintPartitions(topic);
  }
  return 0;
}

int DeleteTopic(const TopicOptions& options) {
  auto connection = AdminConnection::Connect(options.bootstrap_server);
  if (!connection.ok()) return Fail(options, connection.status());
  std::string_view name = options.name;
  wire::DeleteTopicsRequest request{.topic_names = wire::Array(&name, 1), .timeout_ms = kTimeoutMs};
  wire::DeleteTopicsResponse response;
  absl::Status status = connection->Call(kDeleteTopicsVersion, request, response);
  if (!status.ok()) return Fail(options, status);
  const auto& deleted = response.responses[0];
  if (deleted.error_code != ErrorCode::kNone) {
    return Fail(options, deleted.error_code, deleted.error_message);
  }
  if (options.json) {
    Print(json::serialize(json::object{{"deleted", options.name}}));
  } else {
    Print(fmt::format("deleted {}", options.name));
  }
  return 0;
}

}  // namespace millrace::tools
