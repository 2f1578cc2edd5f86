#include "tools/bench/bench_topic.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "proto/wire/api_versions.h"
#include "proto/wire/create_topics.h"
#include "proto/wire/delete_topics.h"
#include "proto/wire/fetch.h"
#include "proto/wire/list_offsets.h"
#include "proto/wire/produce.h"
#include "tools/kafka_status.h"

namespace millrace::bench {

namespace {

constexpr int16_t kCreateTopicsVersion = 5;
constexpr int16_t kDeleteTopicsVersion = 4;
constexpr int16_t kListOffsetsVersion = 4;
// Record batches of magic 2 are known from these on.
constexpr wire::MessageInfo kProduceOurs{wire::ApiKey::kProduce, 3, 13, 9};
constexpr wire::MessageInfo kFetchOurs{wire::ApiKey::kFetch, 4, 18, 12};
static_assert(kProduceOurs.max_version == wire::ProduceRequest::kInfo.max_version);
static_assert(kFetchOurs.max_version == wire::FetchRequest::kInfo.max_version);
constexpr int32_t kTimeoutMs = 30'000;
constexpr auto kServedDeadline = std::chrono::seconds(30);
constexpr auto kPollInterval = std::chrono::milliseconds(5);

absl::Status Unfitting() {
  return absl::DataLossError("the broker's answer does not fit the request");
}

// Errors that a topic that has just been created goes through.
bool WillPass(ErrorCode error) {
  return error == ErrorCode::kUnknownTopicOrPartition || error == ErrorCode::kLeaderNotAvailable ||
         error == ErrorCode::kNotLeaderOrFollower || error == ErrorCode::kUnknownTopicId;
}

bool WillPass(const absl::Status& status) {
  auto error = tools::KafkaErrorOf(status);
  return error.has_value() && WillPass(*error);
}

absl::StatusOr<int16_t> VersionOf(const wire::MessageInfo& ours,
                                  const wire::ApiVersionsResponse& theirs) {
  for (const auto& api : theirs.api_keys) {
    if (api.api_key != ours.key) continue;
    auto version = NewestCommon(ours, api.min_version, api.max_version);
    if (version.has_value()) return *version;
    return absl::FailedPreconditionError(fmt::format(
        "the broker speaks versions {} to {} of {}, this program {} to {}", api.min_version,
        api.max_version, wire::ApiName(ours.key), ours.min_version, ours.max_version));
  }
  return absl::FailedPreconditionError(
      fmt::format("the broker does not speak {}", wire::ApiName(ours.key)));
}

}  // namespace

std::optional<int16_t> NewestCommon(const wire::MessageInfo& ours, int16_t min, int16_t max) {
  int16_t newest = std::min(ours.max_version, max);
  if (newest < std::max(ours.min_version, min)) return std::nullopt;
  return newest;
}

absl::StatusOr<BenchTopic> BenchTopic::Open(const std::string& bootstrap_server,
                                            const TopicWish& wish) {
  auto cluster = tools::ClusterConnection::Connect(bootstrap_server);
  if (!cluster.ok()) return cluster.status();
  BenchTopic topic(std::move(*cluster));
  topic.name_.name = wish.name;
  auto deadline = std::chrono::steady_clock::now() + kServedDeadline;
  absl::Status found = topic.Find(wish);
  // One that somebody has just created is not served at once either.
  while (wish.create_if_missing && WillPass(found) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kPollInterval);
    found = topic.Find(wish);
  }
  if (!found.ok()) return found;
  absl::Status negotiated = topic.NegotiateVersions();
  if (!negotiated.ok()) return negotiated;
  return topic;
}

absl::Status BenchTopic::Find(const TopicWish& wish) {
  auto topics = cluster_->FindLeaders({wish.name});
  if (!topics.ok()) return topics.status();
  auto found = topics->find(wish.name);
  if (found == topics->end()) return Unfitting();
  const tools::TopicLeaders& topic = found->second;
  if (topic.error == ErrorCode::kUnknownTopicOrPartition && wish.create_if_missing &&
      !was_created_) {
    absl::Status created = Create(wish);
    return created.ok() ? tools::KafkaError(topic.error) : created;
  }
  if (topic.error != ErrorCode::kNone) {
    bool is_missing = topic.error == ErrorCode::kUnknownTopicOrPartition;
    return tools::KafkaError(
        topic.error, fmt::format("{}topic '{}'", is_missing ? "there is no " : "", wish.name));
  }
  name_.id = topic.topic_id;
  absl::Status led = FindLeaders(topic);
  if (!led.ok()) return led;
  // Asked of the leaders themselves, for metadata may name one that does not serve yet.
  for (const PartitionPlace& partition : partitions_) {
    auto end = OffsetAt(partition, wire::kLatestTimestamp);
    if (!end.ok()) return end.status();
  }
  return absl::OkStatus();
}

absl::Status BenchTopic::FindLeaders(const tools::TopicLeaders& topic) {
  partitions_.clear();
  for (const auto& [index, leader] : topic.leaders) {
    if (!leader.has_value()) {
      return tools::KafkaError(ErrorCode::kLeaderNotAvailable,
                               fmt::format("no broker leads {}-{}", name_.name, index.value()));
    }
    auto address = cluster_->AddressOf(*leader);
    if (!address.ok()) return address.status();
    partitions_.push_back({index, *leader, *address});
  }
  return partitions_.empty() ? Unfitting() : absl::OkStatus();
}

absl::Status BenchTopic::Create(const TopicWish& wish) {
  wire::CreateTopicsRequest::Topic topic{
      .name = wish.name, .num_partitions = wish.partitions, .replication_factor = std::nullopt};
  wire::CreateTopicsRequest request{.topics = wire::Array(&topic, 1), .timeout_ms = kTimeoutMs};
  wire::CreateTopicsResponse response;
  absl::Status status = cluster_->bootstrap().Call(kCreateTopicsVersion, request, response);
  if (!status.ok()) return status;
  if (response.topics.size() != 1) return Unfitting();
  const auto& created = response.topics[0];
  if (created.error_code == ErrorCode::kTopicAlreadyExists) return absl::OkStatus();
  was_created_ = created.error_code == ErrorCode::kNone;
  if (was_created_) return absl::OkStatus();
  return tools::KafkaError(created.error_code, created.error_message.value_or(""));
}

absl::Status BenchTopic::NegotiateVersions() {
  produce_version_ = kProduceOurs.max_version;
  fetch_version_ = kFetchOurs.max_version;
  std::set<BrokerId> leaders;
  for (const PartitionPlace& partition : partitions_) leaders.insert(partition.leader);
  for (BrokerId leader : leaders) {
    auto broker = cluster_->ToBroker(leader);
    if (!broker.ok()) return broker.status();
    wire::ApiVersionsResponse theirs;
    absl::Status status = (*broker)->Call(0, wire::ApiVersionsRequest{}, theirs);
    if (!status.ok()) return status;
    auto produce = VersionOf(kProduceOurs, theirs);
    if (!produce.ok()) return produce.status();
    auto fetch = VersionOf(kFetchOurs, theirs);
    if (!fetch.ok()) return fetch.status();
    produce_version_ = std::min(produce_version_, *produce);
    fetch_version_ = std::min(fetch_version_, *fetch);
  }
  return absl::OkStatus();
}

absl::StatusOr<Offset> BenchTopic::OffsetAt(const PartitionPlace& partition, int64_t timestamp) {
  auto broker = cluster_->ToBroker(partition.leader);
  if (!broker.ok()) return broker.status();
  wire::ListOffsetsRequest::Partition asked{.partition_index = partition.index,
                                            .timestamp = timestamp};
  wire::ListOffsetsRequest::Topic topic{.name = name_.name, .partitions = wire::Array(&asked, 1)};
  wire::ListOffsetsRequest request{.topics = wire::Array(&topic, 1)};
  wire::ListOffsetsResponse response;
  absl::Status status = (*broker)->Call(kListOffsetsVersion, request, response);
  if (!status.ok()) return status;
  if (response.topics.size() != 1 || response.topics[0].partitions.size() != 1) return Unfitting();
  const auto& found = response.topics[0].partitions[0];
  if (found.error_code != ErrorCode::kNone) {
    return tools::KafkaError(
        found.error_code, fmt::format("{}-{} is not served", name_.name, partition.index.value()));
  }
  return found.offset.value_or(Offset(0));
}

absl::Status BenchTopic::Delete() {
  std::string_view name = name_.name;
  wire::DeleteTopicsRequest request{.topic_names = wire::Array(&name, 1), .timeout_ms = kTimeoutMs};
  wire::DeleteTopicsResponse response;
  absl::Status status = cluster_->bootstrap().Call(kDeleteTopicsVersion, request, response);
  if (!status.ok()) return status;
  if (response.responses.size() != 1) return Unfitting();
  ErrorCode error = response.responses[0].error_code;
  return error == ErrorCode::kNone ? absl::OkStatus() : tools::KafkaError(error);
}

absl::StatusOr<std::vector<ConnectionPlan>> PlanConnections(
    const std::vector<PartitionPlace>& partitions, size_t count) {
  std::map<std::string, std::vector<PartitionIndex>> by_server;
  for (const PartitionPlace& partition : partitions) {
    by_server[partition.server].push_back(partition.index);
  }
  if (count < by_server.size()) {
    return absl::InvalidArgumentError(
        fmt::format("the partitions are led by {} brokers, so that --connections must be at "
                    "least {}, not {}",
                    by_server.size(), by_server.size(), count));
  }
  std::vector<ConnectionPlan> plans(count);
  size_t server_number = 0;
  for (const auto& [server, indexes] : by_server) {
    // The connections server_number, server_number + servers, ... are this server's.
    size_t servers = by_server.size();
    size_t own = (count - server_number + servers - 1) / servers;
    for (size_t i = 0; i < std::max(own, indexes.size()); ++i) {
      ConnectionPlan& plan = plans[server_number + i % own * servers];
      plan.server = server;
      plan.partitions.push_back(indexes[i % indexes.size()]);
    }
    ++server_number;
  }
  return plans;
}

}  // namespace millrace::bench
