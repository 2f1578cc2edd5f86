// Connections to the brokers of a cluster: to the one that coordinates a group, to those that lead
// partitions. A cluster of one broker is spoken to at the address that the user gave, whatever the
// broker advertises.
//
// One thread. Errors: absl::Status with a sentence for the user (kafka_status.h).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "proto/error_code.h"
#include "proto/wire/metadata.h"
#include "tools/admin_connection.h"

namespace millrace::tools {

struct BrokerAddress {
  std::string host;
  int32_t port = 0;
};

// A topic's leaders by partition, or why they are not known.
struct TopicLeaders {
  ErrorCode error = ErrorCode::kNone;
  TopicId topic_id;
  std::map<PartitionIndex, std::optional<BrokerId>> leaders;
};

struct Coordinator {
  AdminConnection* connection = nullptr;
  BrokerId broker;
  BrokerAddress address;
};

class ClusterConnection {
 public:
  static absl::StatusOr<std::unique_ptr<ClusterConnection>> Connect(
      const std::string& bootstrap_server);

  const std::map<BrokerId, BrokerAddress>& brokers() const { return brokers_; }
  // Where to speak to it, as ToBroker() does: for connections of one's own.
  absl::StatusOr<std::string> AddressOf(BrokerId broker) const;
  AdminConnection& bootstrap() { return bootstrap_; }
  // Connections live as long as this.
  absl::StatusOr<AdminConnection*> ToBroker(BrokerId broker);
  absl::StatusOr<Coordinator> ToCoordinator(const std::string& group);
  // No topic is created by it.
  absl::StatusOr<std::map<std::string, TopicLeaders>> FindLeaders(
      const std::set<std::string>& topics);

 private:
  ClusterConnection(const std::string& bootstrap_server, AdminConnection&& bootstrap)
      : bootstrap_server_(bootstrap_server), bootstrap_(std::move(bootstrap)) {}
  absl::Status FetchMetadata(wire::Array<wire::MetadataRequest::Topic> topics,
                             wire::MetadataResponse& response);

  std::string bootstrap_server_;
  AdminConnection bootstrap_;
  std::map<BrokerId, BrokerAddress> brokers_;
  std::map<BrokerId, std::unique_ptr<AdminConnection>> others_;
};

}  // namespace millrace::tools
