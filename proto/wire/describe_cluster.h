// DescribeCluster: the cluster's id, its controller and its brokers.
#pragma once

#include "proto/error_code.h"
#include "proto/wire/authorized_operations.h"
#include "proto/wire/codec.h"

namespace millrace::wire {

// A value read from the wire may be none of these.
enum class EndpointType : int8_t { kBroker = 1, kController = 2 };

struct DescribeClusterRequest {
  static constexpr MessageInfo kInfo{ApiKey::kDescribeCluster, 0, 2, 0};

  bool include_cluster_authorized_operations = false;
  EndpointType endpoint_type = EndpointType::kBroker;
  bool include_fenced_brokers = false;
};

template <class Archive>
void Describe(Archive& ar, DescribeClusterRequest& request) {
  ar.Field(request.include_cluster_authorized_operations);
  if (ar.Since(1)) ar.Field(request.endpoint_type);
  if (ar.Since(2)) ar.Field(request.include_fenced_brokers);
  ar.Tags();
}

struct DescribeClusterResponse {
  static constexpr MessageInfo kInfo{ApiKey::kDescribeCluster, 0, 2, 0};

  struct Broker {
    BrokerId broker_id;
    std::string_view host;
    int32_t port = 0;
    std::optional<std::string_view> rack;
    bool is_fenced = false;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::kNone;
  std::optional<std::string_view> error_message;
  EndpointType endpoint_type = EndpointType::kBroker;
  std::string_view cluster_id;
  std::optional<BrokerId> controller_id;
  Array<Broker> brokers;
  int32_t cluster_authorized_operations = kOperationsNotRequested;
};

template <class Archive>
void Describe(Archive& ar, DescribeClusterResponse::Broker& broker) {
  ar.Field(broker.broker_id);
  ar.Field(broker.host);
  ar.Field(broker.port);
  ar.Field(broker.rack);
  if (ar.Since(2)) ar.Field(broker.is_fenced);
  ar.Tags();
}

template <class Archive>
void Describe(Archive& ar, DescribeClusterResponse& response) {
  ar.Field(response.throttle_time_ms);
  ar.Field(response.error_code);
  ar.Field(response.error_message);
  if (ar.Since(1)) ar.Field(response.endpoint_type);
  ar.Field(response.cluster_id);
  ar.Optional(response.controller_id);
  ar.Field(response.brokers);
  ar.Field(response.cluster_authorized_operations);
  ar.Tags();
}

}  // namespace millrace::wire
