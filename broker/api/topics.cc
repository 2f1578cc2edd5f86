// CreateTopics, CreatePartitions and DeleteTopics.
#include <set>
#include <string>

#include <fmt/format.h>

#include "broker/api/config_answer.h"
#include "broker/api/handlers.h"

namespace millrace::api {

namespace {

constexpr int16_t kDeleteByIdSince = 6;
constexpr int16_t kDefaultsSince = 4;
constexpr size_t kShownMax = 100;
// Topics of one request that are created or deleted at the same time: one sync makes it durable.
constexpr size_t kTogether = 500;
constexpr const char* kNamedTwice = "the request names this topic more than once";

// Names that stand in a request more than once: Kafka refuses each of them.
template <class Topics, class NameOf>
std::set<std::string_view> Duplicates(const Topics& topics, NameOf name_of) {
  std::set<std::string_view> seen;
  std::set<std::string_view> duplicates;
  for (const auto& topic : topics) {
    if (!seen.insert(name_of(topic)).second) duplicates.insert(name_of(topic));
  }
  return duplicates;
}

// The assignments by partition; a message when they do not number the partitions from 0 on.
std::optional<std::string> ReadAssignments(const wire::CreateTopicsRequest::Topic& asked,
                                           service::NewTopic& topic) {
  topic.assignments.resize(asked.assignments.size());
  for (const auto& assignment : asked.assignments) {
    int32_t index = assignment.partition_index.value();
    bool is_next = index >= 0 && static_cast<size_t>(index) < topic.assignments.size() &&
                   topic.assignments[static_cast<size_t>(index)].empty();
    if (!is_next) return "partitions must be numbered from 0 on, each once";
    topic.assignments[static_cast<size_t>(index)].assign(assignment.broker_ids.begin(),
                                                         assignment.broker_ids.end());
  }
  return std::nullopt;
}

awaitable<service::TopicOutcome> CreateOne(const Context& context,
                                           const wire::CreateTopicsRequest& request,
                                           const wire::CreateTopicsRequest::Topic& asked) {
  using service::TopicOutcome;
  service::NewTopic topic{.name = std::string(asked.name),
                          .partitions = asked.num_partitions,
                          .replication_factor = asked.replication_factor,
                          .validate_only = request.validate_only};
  bool has_numbers = asked.num_partitions.has_value() || asked.replication_factor.has_value();
  if (!asked.assignments.empty() && has_numbers) {
    co_return TopicOutcome{ErrorCode::kInvalidRequest,
                           "partitions and replication factor must be -1 where replicas are "
                           "assigned",
                           nullptr};
  }
  if (context.version < kDefaultsSince && asked.assignments.empty() && !has_numbers) {
    co_return TopicOutcome{ErrorCode::kInvalidPartitions,
                           "the number of partitions must be given before version 4", nullptr};
  }
  std::optional<std::string> fault = ReadAssignments(asked, topic);
  if (fault.has_value()) {
    co_return TopicOutcome{ErrorCode::kInvalidReplicaAssignment, *fault, nullptr};
  }
  for (const auto& config : asked.configs) {
    if (!config.value.has_value()) {
      co_return TopicOutcome{ErrorCode::kInvalidConfig,
                             fmt::format("a null value for '{}'", config.name.substr(0, kShownMax)),
                             nullptr};
    }
    topic.configs[std::string(config.name)] = std::string(*config.value);
  }
  co_return co_await context.services.topics.Create(std::move(topic));
}

void PutCreated(const Context& context, const service::TopicOutcome& outcome,
                wire::CreateTopicsResponse::Topic& answer) {
  wire::Arena& arena = context.arena();
  answer.error_code = outcome.error;
  if (!outcome.message.empty()) answer.error_message = arena.Copy(outcome.message);
  if (outcome.topic == nullptr) return;
  const core::TopicImage& topic = *outcome.topic;
  answer.topic_id = topic.id;
  answer.num_partitions = static_cast<int32_t>(topic.partitions.size());
  answer.replication_factor = static_cast<int16_t>(topic.partitions[0].replicas.size());
  // What is created is told with all its configs, which take far more room than the request did.
  if (arena.allocated_bytes() > wire::Arena::kBytesMax) return;
  core::ImagePtr image = context.services.cluster.ptr();
  answer.configs = MakeConfigs(core::ViewTopic(*image->configs, topic.configs), arena);
}

awaitable<void> CreateAndAnswer(const Context& context, const wire::CreateTopicsRequest& request,
                                const wire::CreateTopicsRequest::Topic& asked,
                                wire::CreateTopicsResponse::Topic& answer) {
  service::TopicOutcome outcome = co_await CreateOne(context, request, asked);
  PutCreated(context, outcome, answer);
}

// The topic that an entry means; by its name, or from version 6 on by its id.
const core::TopicImage* FindTopic(const core::ClusterImage& image,
                                  const wire::DeleteTopicsRequest::Topic& asked) {
  return asked.name.has_value() ? image.FindTopic(*asked.name) : image.FindTopic(asked.topic_id);
}

awaitable<void> DeleteOne(const Context& context, const core::ClusterImage& image,
                          const wire::DeleteTopicsRequest::Topic& asked,
                          wire::DeleteTopicsResponse::Topic& answer) {
  answer.name = asked.name;
  answer.topic_id = asked.topic_id;
  const core::TopicImage* topic = FindTopic(image, asked);
  if (asked.name.has_value() && !asked.topic_id.is_zero()) {
    answer.error_code = ErrorCode::kInvalidRequest;
    answer.error_message = "a topic is named by name or by id, not by both";
  } else if (topic == nullptr) {
    answer.error_code =
        asked.name.has_value() ? ErrorCode::kUnknownTopicOrPartition : ErrorCode::kUnknownTopicId;
  } else {
    service::TopicOutcome outcome = co_await context.services.topics.Delete(topic->name, topic->id);
    answer.name = context.arena().Copy(topic->name);
    answer.topic_id = topic->id;
    answer.error_code = outcome.error;
    if (!outcome.message.empty()) answer.error_message = context.arena().Copy(outcome.message);
  }
}

}  // namespace

awaitable<void> HandleCreateTopics(Context& context, wire::CreateTopicsRequest& request,
                                   AnswerSlot slot) {
  wire::CreateTopicsResponse response;
  std::set<std::string_view> duplicates =
      Duplicates(request.topics, [](const auto& topic) { return topic.name; });
  response.topics =
      context.arena().NewArray<wire::CreateTopicsResponse::Topic>(request.topics.size());
  TaskGroup creating(Shard::Current());
  for (size_t t = 0; t < request.topics.size(); ++t) {
    const auto& asked = request.topics[t];
    response.topics[t].name = asked.name;
    if (duplicates.contains(asked.name)) {
      response.topics[t].error_code = ErrorCode::kInvalidRequest;
      response.topics[t].error_message = kNamedTwice;
      continue;
    }
    creating.Spawn(CreateAndAnswer(context, request, asked, response.topics[t]));
    if (t % kTogether + 1 == kTogether) co_await creating.Join();
  }
  co_await creating.Join();
  Answer(context, slot, response);
}

awaitable<void> HandleCreatePartitions(Context& context, wire::CreatePartitionsRequest& request,
                                       AnswerSlot slot) {
  wire::CreatePartitionsResponse response;
  std::set<std::string_view> duplicates =
      Duplicates(request.topics, [](const auto& topic) { return topic.name; });
  response.results =
      context.arena().NewArray<wire::CreatePartitionsResponse::Result>(request.topics.size());
  for (size_t t = 0; t < request.topics.size(); ++t) {
    const auto& asked = request.topics[t];
    auto& answer = response.results[t];
    answer.name = asked.name;
    if (duplicates.contains(asked.name)) {
      answer.error_code = ErrorCode::kInvalidRequest;
      answer.error_message = kNamedTwice;
      continue;
    }
    service::TopicGrowth growth{.name = std::string(asked.name),
                                .partitions = asked.count,
                                .validate_only = request.validate_only};
    if (asked.assignments.has_value()) {
      auto& assignments = growth.assignments.emplace();
      for (const auto& one : *asked.assignments) {
        assignments.emplace_back(one.broker_ids.begin(), one.broker_ids.end());
      }
    }
    service::TopicOutcome outcome = co_await context.services.topics.Grow(std::move(growth));
    answer.error_code = outcome.error;
    if (!outcome.message.empty()) answer.error_message = context.arena().Copy(outcome.message);
  }
  Answer(context, slot, response);
}

awaitable<void> HandleDeleteTopics(Context& context, wire::DeleteTopicsRequest& request,
                                   AnswerSlot slot) {
  wire::DeleteTopicsResponse response;
  wire::Array<wire::DeleteTopicsRequest::Topic> topics = request.topics;
  if (context.version < kDeleteByIdSince) {
    topics = context.arena().NewArray<wire::DeleteTopicsRequest::Topic>(request.topic_names.size());
    for (size_t t = 0; t < topics.size(); ++t) topics[t].name = request.topic_names[t];
  }
  core::ImagePtr image = context.services.cluster.ptr();
  response.responses = context.arena().NewArray<wire::DeleteTopicsResponse::Topic>(topics.size());
  TaskGroup deleting(Shard::Current());
  for (size_t t = 0; t < topics.size(); ++t) {
    deleting.Spawn(DeleteOne(context, *image, topics[t], response.responses[t]));
    if (t % kTogether + 1 == kTogether) co_await deleting.Join();
  }
  co_await deleting.Join();
  Answer(context, slot, response);
}

}  // namespace millrace::api
