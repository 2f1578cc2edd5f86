// DeleteRecords: answered when the new starts of the logs are durable, so that no restart brings
// deleted records back.
#include <spdlog/spdlog.h>

#include "broker/api/handlers.h"

namespace millrace::api {

namespace {

using Result = wire::DeleteRecordsResponse::Partition;

// On the partition's shard.
awaitable<void> Delete(const Services& services, partition::PartitionKey key,
                       std::optional<Offset> end, Result& result) {
  partition::Partition* found =
      services.partitions.On(Shard::Current()).FindServing(key, result.error_code);
  if (found == nullptr) co_return;
  auto hold = found->shared_from_this();
  partition::Partition::DeleteOutcome outcome = co_await hold->DeleteRecords(end);
  result.error_code = outcome.error;
  if (outcome.error == ErrorCode::kNone) result.low_watermark = outcome.log_start_offset;
}

awaitable<void> RemoveSegments(const Services& services, partition::PartitionKey key) {
  partition::Partition* found = services.partitions.On(Shard::Current()).Find(key);
  if (found == nullptr) co_return;
  auto hold = found->shared_from_this();
  co_await hold->Maintain(WallNow());
}

ErrorCode Refusal(const core::TopicImage* topic, PartitionIndex index) {
  if (topic == nullptr || !topic->HasPartition(index)) return ErrorCode::kUnknownTopicOrPartition;
  return topic->is_internal ? ErrorCode::kInvalidTopicException : ErrorCode::kNone;
}

// Makes the starts durable that were moved; where that fails, nothing was deleted for sure.
awaitable<void> Save(const Context& context, wire::DeleteRecordsResponse& response,
                     const std::vector<partition::PartitionKey>& moved) {
  const Services& services = context.services;
  absl::Status saved = co_await services.host.SaveCheckpoints();
  if (!saved.ok()) {
    spdlog::error("log start offsets not saved: {}", saved.ToString());
    for (auto& topic : response.topics) {
      for (Result& result : topic.partitions) {
        if (result.error_code == ErrorCode::kNone) {
          result = {result.partition_index, std::nullopt, ErrorCode::kKafkaStorageError};
        }
      }
    }
    co_return;
  }
  for (const partition::PartitionKey& key : moved) {
    co_await services.partitions.ShardOf(key).Run(RemoveSegments(services, key));
  }
}

}  // namespace

awaitable<void> HandleDeleteRecords(Context& context, wire::DeleteRecordsRequest& request,
                                    AnswerSlot slot) {
  wire::DeleteRecordsResponse response;
  core::ImagePtr image = context.services.cluster.ptr();
  std::vector<partition::PartitionKey> moved;
  response.topics =
      context.arena().NewArray<wire::DeleteRecordsResponse::Topic>(request.topics.size());
  for (size_t t = 0; t < request.topics.size(); ++t) {
    const auto& asked = request.topics[t];
    response.topics[t].name = asked.name;
    response.topics[t].partitions = context.arena().NewArray<Result>(asked.partitions.size());
    const core::TopicImage* topic = image->FindTopic(asked.name);
    for (size_t p = 0; p < asked.partitions.size(); ++p) {
      Result& result = response.topics[t].partitions[p];
      result.partition_index = asked.partitions[p].partition_index;
      result.error_code = Refusal(topic, result.partition_index);
      if (result.error_code != ErrorCode::kNone) continue;
      partition::PartitionKey key{topic->id, result.partition_index};
      co_await context.services.partitions.ShardOf(key).Run(
          Delete(context.services, key, asked.partitions[p].offset, result));
      if (result.error_code == ErrorCode::kNone) moved.push_back(key);
    }
  }
  if (!moved.empty()) co_await Save(context, response, moved);
  Answer(context, slot, response);
}

}  // namespace millrace::api
