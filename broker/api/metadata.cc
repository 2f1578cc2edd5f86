// Metadata: brokers, topics, partitions and their leaders; creates topics that are asked for by
// name where auto.create.topics.enable says so. DescribeTopicPartitions: the same, page by page.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/api/drop_repeated.h"
#include "broker/api/handlers.h"
#include "proto/topic_name.h"
#include "proto/wire/authorized_operations.h"

namespace millrace::api {

namespace {

using Response = wire::MetadataResponse;

constexpr int16_t kByIdSince = 12;
constexpr int32_t kPagePartitionsMax = 2000;  // Kafka's max.request.partition.size.limit

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

template <class Topic>
void PutHead(const core::TopicImage& topic, Topic& answer) {
  answer.name = topic.name;
  answer.topic_id = topic.id;
  answer.is_internal = topic.is_internal;
}

template <class Partition>
void PutPartition(wire::Arena& arena, const core::PartitionImage& partition, size_t index,
                  Partition& answer) {
  answer.partition_index = PartitionIndex(static_cast<int32_t>(index));
  answer.leader_id = partition.leader;
  answer.leader_epoch = partition.leader_epoch;
  answer.replica_nodes = CopyIds(arena, partition.replicas);
  answer.isr_nodes = CopyIds(arena, partition.isr);
}

void PutTopic(wire::Arena& arena, const core::TopicImage& topic, bool with_operations,
              Response::Topic& answer) {
  PutHead(topic, answer);
  if (with_operations) answer.topic_authorized_operations = wire::kAllTopicOperations;
  answer.partitions = arena.NewArray<Response::Partition>(topic.partitions.size());
  for (size_t p = 0; p < topic.partitions.size(); ++p) {
    PutPartition(arena, topic.partitions[p], p, answer.partitions[p]);
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

// What a topic is asked for by: a name goes before an id.
std::pair<std::string_view, TopicId> KeyOf(const wire::MetadataRequest::Topic& topic) {
  std::string_view name = topic.name.value_or("");
  return {name, name.empty() ? topic.topic_id : TopicId{}};
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
      PutTopic(context.arena(), *topic, request.include_topic_authorized_operations, answer);
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

using Page = wire::DescribeTopicPartitionsResponse;

// As many of the topic's partitions as the page still has room for; where they do not all fit, the
// next page begins with the first that is left.
void PutOnPage(wire::Arena& arena, const core::TopicImage& topic, size_t first, size_t& room,
               Page& page, Page::Topic& answer) {
  PutHead(topic, answer);
  answer.topic_authorized_operations = wire::kAllTopicOperations;
  first = std::min(first, topic.partitions.size());
  size_t count = std::min(topic.partitions.size() - first, room);
  answer.partitions = arena.NewArray<Page::Partition>(count);
  for (size_t i = 0; i < count; ++i) {
    Page::Partition& entry = answer.partitions[i];
    PutPartition(arena, topic.partitions[first + i], first + i, entry);
    entry.eligible_leader_replicas = wire::Array<BrokerId>();
    entry.last_known_elr = wire::Array<BrokerId>();
  }
  room -= count;
  if (first + count < topic.partitions.size()) {
    page.next_cursor = {topic.name, PartitionIndex(static_cast<int32_t>(first + count))};
  }
}

// The names that are asked for, from the cursor's on, sorted, each once.
std::vector<std::string_view> NamesFromCursor(const core::ClusterImage& image,
                                              const wire::DescribeTopicPartitionsRequest& request) {
  std::vector<std::string_view> names;
  for (const auto& topic : request.topics) names.push_back(topic.name);
  if (request.topics.empty()) {
    for (const auto& [name, topic] : image.topics()) names.emplace_back(name);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (request.cursor.has_value()) {
    std::erase_if(names, [&](std::string_view name) { return name < request.cursor->topic_name; });
  }
  return names;
}

}  // namespace

awaitable<void> HandleDescribeTopicPartitions(Context& context,
                                              wire::DescribeTopicPartitionsRequest& request,
                                              AnswerSlot slot) {
  Page page;
  core::ImagePtr image = context.services.cluster.ptr();
  std::vector<std::string_view> names = NamesFromCursor(*image, request);
  auto room =
      static_cast<size_t>(std::clamp(request.response_partition_limit, 1, kPagePartitionsMax));
  page.topics = context.arena().NewArray<Page::Topic>(names.size());
  size_t count = 0;
  for (std::string_view name : names) {
    size_t first = 0;
    if (request.cursor.has_value() && request.cursor->topic_name == name) {
      first = static_cast<size_t>(std::max(request.cursor->partition_index.value(), 0));
    }
    if (room == 0) {
      page.next_cursor = {name, PartitionIndex(static_cast<int32_t>(first))};
      break;
    }
    Page::Topic& answer = page.topics[count++];
    const core::TopicImage* topic = image->FindTopic(name);
    if (topic != nullptr) {
      PutOnPage(context.arena(), *topic, first, room, page, answer);
      if (page.next_cursor.has_value()) break;
      continue;
    }
    answer.name = name;
    answer.error_code = InvalidTopicName(name).has_value() ? ErrorCode::kInvalidTopicException
                                                           : ErrorCode::kUnknownTopicOrPartition;
  }
  page.topics.Shrink(count);
  Answer(context, slot, page);
  co_return;
}

awaitable<void> HandleMetadata(Context& context, wire::MetadataRequest& request, AnswerSlot slot) {
  Response response;
  core::ImagePtr image = context.services.cluster.ptr();
  PutBrokers(context.arena(), *image, response);
  if (request.include_cluster_authorized_operations) {
    response.cluster_authorized_operations = wire::kAllClusterOperations;
  }
  if (request.topics.has_value()) {
    DropRepeated(*request.topics, KeyOf);
    co_await PutAsked(context, *image, request, response);
  } else {
    response.topics = context.arena().NewArray<Response::Topic>(image->topics().size());
    size_t t = 0;
    for (const auto& [name, topic] : image->topics()) {
      PutTopic(context.arena(), *topic, request.include_topic_authorized_operations,
               response.topics[t++]);
    }
  }
  Answer(context, slot, response);
}

}  // namespace millrace::api
