// DescribeCluster and FindCoordinator.
#include "broker/api/handlers.h"
#include "proto/wire/authorized_operations.h"

namespace millrace::api {

namespace {

constexpr int16_t kBatchedSince = 4;
constexpr std::string_view kSuccess = "NONE";
constexpr std::string_view kNotAvailable = "The coordinator is not available.";
constexpr std::string_view kNoTransactions = "This broker has no transactions.";
constexpr std::string_view kNoSuchCoordinator = "This broker coordinates groups only.";

using Coordinator = wire::FindCoordinatorResponse::Coordinator;

Coordinator Refused(ErrorCode error, std::string_view message) {
  return {.port = -1, .error_code = error, .error_message = message};
}

// The leader of the partition that holds the group's records.
Coordinator CoordinatorOf(const core::ClusterImage& image, std::string_view group_id) {
  const core::TopicImage* topic = image.FindTopic(service::kOffsetsTopic);
  if (topic == nullptr) return Refused(ErrorCode::kCoordinatorNotAvailable, kNotAvailable);
  PartitionIndex index = service::PartitionOfGroup(group_id, topic->partitions.size());
  BrokerId leader = topic->partitions[static_cast<size_t>(index.value())].leader;
  for (const core::BrokerImage& broker : image.brokers) {
    if (broker.id != leader) continue;
    return {.node_id = broker.id, .host = broker.host, .port = broker.port, .error_message = ""};
  }
  return Refused(ErrorCode::kCoordinatorNotAvailable, kNotAvailable);
}

awaitable<Coordinator> Find(const Context& context, wire::CoordinatorType type,
                            std::string_view key) {
  // A transactional producer must stop, not ask again: the error is fatal in every client.
  if (type == wire::CoordinatorType::kTransaction) {
    co_return Refused(ErrorCode::kTransactionalIdAuthorizationFailed, kNoTransactions);
  }
  if (type != wire::CoordinatorType::kGroup) {
    co_return Refused(ErrorCode::kInvalidRequest, kNoSuchCoordinator);
  }
  ErrorCode error = co_await context.services.groups.EnsureTopic();
  if (error != ErrorCode::kNone) co_return Refused(error, kNotAvailable);
  core::ImagePtr image = context.services.cluster.ptr();
  Coordinator found = CoordinatorOf(*image, key);
  found.host = context.arena().Copy(found.host);
  co_return found;
}

}  // namespace

awaitable<void> HandleDescribeCluster(Context& context, wire::DescribeClusterRequest& request,
                                      AnswerSlot slot) {
  wire::DescribeClusterResponse response;
  core::ImagePtr image = context.services.cluster.ptr();
  response.endpoint_type = request.endpoint_type;
  if (request.endpoint_type == wire::EndpointType::kBroker) {
    response.cluster_id = image->cluster_id;
    response.controller_id = image->controller;
    if (request.include_cluster_authorized_operations) {
      response.cluster_authorized_operations = wire::kAllClusterOperations;
    }
    response.brokers =
        context.arena().NewArray<wire::DescribeClusterResponse::Broker>(image->brokers.size());
    for (size_t i = 0; i < image->brokers.size(); ++i) {
      const core::BrokerImage& broker = image->brokers[i];
      response.brokers[i] = {broker.id, broker.host, broker.port, broker.rack};
    }
  } else {
    bool is_known = request.endpoint_type == wire::EndpointType::kController;
    response.error_code =
        is_known ? ErrorCode::kMismatchedEndpointType : ErrorCode::kUnsupportedEndpointType;
    response.error_message = "This is a broker's listener, not a controller's.";
  }
  Answer(context, slot, response);
  co_return;
}

awaitable<void> HandleFindCoordinator(Context& context, wire::FindCoordinatorRequest& request,
                                      AnswerSlot slot) {
  wire::FindCoordinatorResponse response;
  if (context.version < kBatchedSince) {
    Coordinator found = co_await Find(context, request.key_type, request.key);
    response.error_code = found.error_code;
    // Kafka has a message for success, too.
    bool is_found = found.error_code == ErrorCode::kNone;
    response.error_message = is_found ? kSuccess : found.error_message;
    response.node_id = found.node_id;
    response.host = found.host;
    response.port = found.port;
  }
  response.coordinators = context.arena().NewArray<Coordinator>(request.coordinator_keys.size());
  for (size_t i = 0; i < request.coordinator_keys.size(); ++i) {
    std::string_view key = request.coordinator_keys[i];
    response.coordinators[i] = co_await Find(context, request.key_type, key);
    response.coordinators[i].key = key;
  }
  Answer(context, slot, response);
}

}  // namespace millrace::api
