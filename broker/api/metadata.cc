// Metadata: brokers, topics, partitions and their leaders; creates topics that are asked for by
// name where auto.create.topics.enable says so.
#include <string>

#include "broker/api/handlers.h"
#include "proto/topic_name.h"

namespace millrace::api {

namespace {

using Response = wire::MetadataResponse;

constexpr int16_t kByIdSince = 12;

wire::Array<BrokerId> CopyIds(wire::Arena& arena, const std::vector<BrokerId>& ids) {
  auto copy = arena.NewArray<BrokerId>(ids.size());
  std::copy(ids.begin(), ids.end(), copy.begin());
  return copy;
}

void PutBrokers(wire::Arena& arena, const core::ClusterImage& image, Response& response) {
  response.brokers = arena.NewArray<Response::Broker>(image.brokers.size());
  for (size_t i = 0; i < image.brokers.size(); ++i) {
    const core::BrokerImage& broker = image.brokers[i];
    response.brokers[i] = {broker.id, broker.host, broker.port, broker.rack};
  }
  response.cluster_id = image.cluster_id;
  response.controller_id = image.controller;
}

void PutTopic(wire::Arena& arena, const core::TopicImage& topic, Response::Topic& answer) {
  answer.name = topic.name;
  answer.topic_id = topic.id;
  answer.is_internal = topic.is_internal;
  answer.partitions = arena.NewArray<Response::Partition>(topic.partitions.size());
  for (size_t p = 0; p < topic.partitions.size(); ++p) {
    const core::PartitionImage& partition = topic.partitions[p];
    Response::Partition& entry = answer.partitions[p];
    entry.partition_index = PartitionIndex(static_cast<int32_t>(p));
    entry.leader_id = partition.leader;
    entry.leader_epoch = partition.leader_epoch;
    entry.replica_nodes = CopyIds(arena, partition.replicas);
    entry.isr_nodes = CopyIds(arena, partition.isr);
  }
}

// A topic that is being created has no leader yet, as clients are used to: they ask again.
awaitable<ErrorCode> CreateMissing(const Context& context, std::string name) {
  if (InvalidTopicName(name).has_value()) co_return ErrorCode::kInvalidTopicException;
  service::TopicOutcome outcome =
      co_await context.services.topics.Create({.name = std::move(name)});
  bool exists =
      outcome.error == ErrorCode::kNone || outcome.error == ErrorCode::kTopicAlreadyExists;
  co_return exists ? ErrorCode::kLeaderNotAvailable : outcome.error;
}

awaitable<void> PutAsked(const Context& context, const core::ClusterImage& image,
                         const wire::MetadataRequest& request, Response& response) {
  response.topics = context.arena().NewArray<Response::Topic>(request.topics->size());
  bool may_create =
      request.allow_auto_topic_creation && context.services.options.auto_create_topics;
  for (size_t t = 0; t < request.topics->size(); ++t) {
    const auto& asked = (*request.topics)[t];
    Response::Topic& answer = response.topics[t];
    bool by_id = !asked.name.has_value() || (asked.name->empty() && !asked.topic_id.is_zero());
    const core::TopicImage* topic =
        by_id ? image.FindTopic(asked.topic_id) : image.FindTopic(*asked.name);
    if (topic != nullptr) {
      PutTopic(context.arena(), *topic, answer);
      continue;
    }
    answer.topic_id = asked.topic_id;
    answer.name = by_id && context.version >= kByIdSince ? std::nullopt
                                                         : std::optional(asked.name.value_or(""));
    if (by_id) {
      answer.error_code = ErrorCode::kUnknownTopicId;
    } else if (InvalidTopicName(*asked.name).has_value()) {
      answer.error_code = ErrorCode::kInvalidTopicException;
    } else if (may_create) {
      answer.error_code = co_await CreateMissing(context, std::string(*asked.name));
    } else {
      answer.error_code = ErrorCode::kUnknownTopicOrPartition;
    }
  }
}

}  // namespace

awaitable<void> HandleMetadata(Context& context, wire::MetadataRequest& request, AnswerSlot slot) {
  Response response;
  core::ImagePtr image = context.services.cluster.ptr();
  PutBrokers(context.arena(), *image, response);
  if (request.topics.has_value()) {
    co_await PutAsked(context, *image, request, response);
  } else {
    response.topics = context.arena().NewArray<Response::Topic>(image->topics().size());
    size_t t = 0;
    for (const auto& [name, topic] : image->topics()) {
      PutTopic(context.arena(), *topic, response.topics[t++]);
    }
  }
  Answer(context, slot, response);
}

}  // namespace millrace::api
