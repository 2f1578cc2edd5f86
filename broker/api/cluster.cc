// DescribeCluster and FindCoordinator.
#include "broker/api/handlers.h"
#include "proto/wire/authorized_operations.h"

namespace millrace::api {

namespace {

constexpr int16_t kBatchedSince = 4;
constexpr std::string_view kNoCoordinator = "This broker has no coordinators.";
constexpr std::string_view kNoTransactions = "This broker has no transactions.";

struct Refusal {
  ErrorCode error;
  std::string_view message;
};

// A transactional producer must stop, not ask again: the error is fatal in every client.
Refusal RefusalFor(wire::CoordinatorType type) {
  if (type == wire::CoordinatorType::kTransaction) {
    return {ErrorCode::kTransactionalIdAuthorizationFailed, kNoTransactions};
  }
  return {ErrorCode::kCoordinatorNotAvailable, kNoCoordinator};
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
  const Refusal refusal = RefusalFor(request.key_type);
  if (context.version < kBatchedSince) {
    response.error_code = refusal.error;
    response.error_message = refusal.message;
    response.port = -1;
  }
  response.coordinators = context.arena().NewArray<wire::FindCoordinatorResponse::Coordinator>(
      request.coordinator_keys.size());
  for (size_t i = 0; i < request.coordinator_keys.size(); ++i) {
    auto& coordinator = response.coordinators[i];
    coordinator.key = request.coordinator_keys[i];
    coordinator.port = -1;
    coordinator.error_code = refusal.error;
    coordinator.error_message = refusal.message;
  }
  Answer(context, slot, response);
  co_return;
}

}  // namespace millrace::api
