#include "tools/cluster_connection.h"

#include <utility>

#include <absl/memory/memory.h>
#include <fmt/format.h>

#include "proto/wire/find_coordinator.h"
#include "tools/kafka_status.h"
#include "tools/tcp_connect.h"

namespace millrace::tools {

namespace {

constexpr int16_t kFindCoordinatorVersion = 4;
constexpr int16_t kMetadataVersion = 12;

}  // namespace

absl::StatusOr<std::unique_ptr<ClusterConnection>> ClusterConnection::Connect(
    const std::string& bootstrap_server) {
  auto bootstrap = AdminConnection::Connect(bootstrap_server);
  if (!bootstrap.ok()) return bootstrap.status();
  auto cluster = absl::WrapUnique(new ClusterConnection(bootstrap_server, std::move(*bootstrap)));
  wire::MetadataResponse response;
  absl::Status status = cluster->FetchMetadata({}, response);
  if (!status.ok()) return status;
  for (const auto& broker : response.brokers) {
    cluster->brokers_[broker.node_id] = {std::string(broker.host), broker.port};
  }
  return cluster;
}

absl::Status ClusterConnection::FetchMetadata(wire::Array<wire::MetadataRequest::Topic> topics,
                                              wire::MetadataResponse& response) {
  wire::MetadataRequest request{.topics = topics, .allow_auto_topic_creation = false};
  return bootstrap_.Call(kMetadataVersion, request, response);
}

absl::StatusOr<std::string> ClusterConnection::AddressOf(BrokerId broker) const {
  auto found = brokers_.find(broker);
  if (found == brokers_.end()) {
    return absl::UnavailableError(fmt::format("broker {} is not there", broker.value()));
  }
  if (brokers_.size() == 1) return bootstrap_server_;
  return HostAndPort(found->second.host, found->second.port);
}

absl::StatusOr<AdminConnection*> ClusterConnection::ToBroker(BrokerId broker) {
  if (brokers_.size() == 1 && brokers_.contains(broker)) return &bootstrap_;
  std::unique_ptr<AdminConnection>& other = others_[broker];
  if (other != nullptr) return other.get();
  auto address = AddressOf(broker);
  if (!address.ok()) return address.status();
  auto opened = AdminConnection::Connect(*address);
  if (!opened.ok()) return opened.status();
  other = std::make_unique<AdminConnection>(std::move(*opened));
  return other.get();
}

absl::StatusOr<Coordinator> ClusterConnection::ToCoordinator(const std::string& group) {
  std::string_view key = group;
  wire::FindCoordinatorRequest request{.coordinator_keys = wire::Array(&key, 1)};
  wire::FindCoordinatorResponse response;
  absl::Status status = bootstrap_.Call(kFindCoordinatorVersion, request, response);
  if (!status.ok()) return status;
  if (response.coordinators.size() != 1) {
    return absl::DataLossError("the broker's answer does not fit the request");
  }
  const auto& found = response.coordinators[0];
  if (found.error_code != ErrorCode::kNone) {
    return KafkaError(found.error_code, found.error_message.value_or(""));
  }
  Coordinator coordinator{.broker = found.node_id.value_or(BrokerId(-1)),
                          .address = {std::string(found.host), found.port}};
  auto connection = ToBroker(coordinator.broker);
  if (!connection.ok()) return connection.status();
  coordinator.connection = *connection;
  return coordinator;
}

absl::StatusOr<std::map<std::string, TopicLeaders>> ClusterConnection::FindLeaders(
    const std::set<std::string>& topics) {
  std::vector<wire::MetadataRequest::Topic> asked;
  for (const std::string& topic : topics) asked.push_back({.name = topic});
  wire::MetadataResponse response;
  absl::Status status = FetchMetadata(wire::Array(asked.data(), asked.size()), response);
  if (!status.ok()) return status;
  std::map<std::string, TopicLeaders> found;
  for (const auto& topic : response.topics) {
    TopicLeaders& entry = found[std::string(topic.name.value_or(""))];
    entry.error = topic.error_code;
    entry.topic_id = topic.topic_id;
    for (const auto& partition : topic.partitions) {
      entry.leaders[partition.partition_index] = partition.leader_id;
    }
  }
  return found;
}

}  // namespace millrace::tools
