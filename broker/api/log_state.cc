// What is known of logs beyond their records: DescribeLogDirs, DescribeProducers,
// OffsetForLeaderEpoch.
#include <algorithm>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_set.h>
#include <spdlog/spdlog.h>

#include "broker/api/handlers.h"

namespace millrace::api {

namespace {

using LogDirs = wire::DescribeLogDirsResponse;
using Producers = wire::DescribeProducersResponse;
using EpochEnd = wire::OffsetForLeaderEpochResponse::Partition;

struct LogSize {
  size_t log_directory;
  std::string topic;
  PartitionIndex index;
  int64_t bytes;
};

// On each shard in turn.
awaitable<void> CollectSizes(partition::PartitionTable& table, std::vector<LogSize>& sizes) {
  for (const auto& hosted : table.On(Shard::Current()).All()) {
    const partition::PartitionName& name = hosted->name();
    sizes.push_back({hosted->log_directory(), name.topic, name.index, hosted->log().size_bytes()});
  }
  co_return;
}

using AskedTopics = std::optional<wire::Array<wire::DescribeLogDirsRequest::Topic>>;

void KeepAsked(const AskedTopics& asked, std::vector<LogSize>& sizes) {
  if (!asked.has_value()) return;
  absl::flat_hash_set<std::pair<std::string, int32_t>> wanted;
  for (const auto& topic : *asked) {
    for (PartitionIndex index : topic.partitions) wanted.emplace(topic.topic, index.value());
  }
  std::erase_if(sizes, [&](const LogSize& size) {
    return !wanted.contains(std::pair(size.topic, size.index.value()));
  });
}

// `sizes` is sorted: neighbours of one topic share an entry.
wire::Array<LogDirs::Topic> PutSizes(wire::Arena& arena, std::span<const LogSize> sizes) {
  auto topics = arena.NewArray<LogDirs::Topic>(sizes.size());
  size_t count = 0;
  for (size_t first = 0; first < sizes.size();) {
    size_t end = first;
    while (end < sizes.size() && sizes[end].topic == sizes[first].topic) ++end;
    LogDirs::Topic& topic = topics[count++];
    topic.name = arena.Copy(sizes[first].topic);
    topic.partitions = arena.NewArray<LogDirs::Partition>(end - first);
    for (size_t p = 0; first < end; ++first, ++p) {
      topic.partitions[p] = {.partition_index = sizes[first].index,
                             .partition_size = sizes[first].bytes};
    }
  }
  topics.Shrink(count);
  return topics;
}

// `sizes` are those of the directory. What is offline, or cannot be measured, says nothing more.
LogDirs::Result ResultOf(wire::Arena& arena, const service::LogDirectoryState& state,
                         std::span<const LogSize> sizes) {
  LogDirs::Result result;
  result.log_dir = arena.Copy(state.path);
  if (!state.is_online || !state.space.has_value()) {
    result.error_code = ErrorCode::kKafkaStorageError;
    return result;
  }
  result.total_bytes = state.space->total_bytes;
  result.usable_bytes = state.space->usable_bytes;
  result.topics = PutSizes(arena, sizes);
  return result;
}

awaitable<void> ListProducers(const Context& context, partition::PartitionKey key,
                              Producers::Partition& result) {
  partition::Partition* found =
      context.services.partitions.On(Shard::Current()).FindServing(key, result.error_code);
  if (found == nullptr) co_return;
  auto active = found->log().ActiveProducers();
  result.active_producers = context.arena().NewArray<Producers::Producer>(active.size());
  for (size_t i = 0; i < active.size(); ++i) {
    result.active_producers[i] = {.producer_id = active[i].id,
                                  .producer_epoch = active[i].epoch.value(),
                                  .last_sequence = active[i].last_sequence,
                                  .last_timestamp = active[i].newest};
  }
}

awaitable<void> FindEpochEnd(const Services& services, partition::PartitionKey key,
                             const wire::OffsetForLeaderEpochRequest::Partition& asked,
                             EpochEnd& result) {
  partition::Partition* found =
      services.partitions.On(Shard::Current()).FindServing(key, result.error_code);
  if (found == nullptr) co_return;
  result.error_code = found->CheckLeaderEpoch(asked.current_leader_epoch);
  if (result.error_code != ErrorCode::kNone) co_return;
  auto end = found->EndOfEpoch(asked.leader_epoch);
  if (!end.has_value()) co_return;
  result.leader_epoch = end->epoch;
  result.end_offset = end->end;
}

}  // namespace

awaitable<void> HandleDescribeLogDirs(Context& context, wire::DescribeLogDirsRequest& request,
                                      AnswerSlot slot) {
  std::vector<LogSize> sizes;
  partition::PartitionTable& table = context.services.partitions;
  for (size_t i = 0; i < table.shards().size(); ++i) {
    co_await table.shards()[i].Run(CollectSizes(table, sizes));
  }
  KeepAsked(request.topics, sizes);
  std::sort(sizes.begin(), sizes.end(), [](const LogSize& a, const LogSize& b) {
    return std::tie(a.log_directory, a.topic, a.index) <
           std::tie(b.log_directory, b.topic, b.index);
  });
  LogDirs response;
  const std::vector<service::LogDirectoryState> states = co_await context.services.host.Describe();
  response.results = context.arena().NewArray<LogDirs::Result>(states.size());
  for (size_t i = 0, first = 0; i < states.size(); ++i) {
    size_t end = first;
    while (end < sizes.size() && sizes[end].log_directory == i) ++end;
    response.results[i] =
        ResultOf(context.arena(), states[i], std::span(sizes).subspan(first, end - first));
    first = end;
  }
  Answer(context, slot, response);
}

awaitable<void> HandleDescribeProducers(Context& context, wire::DescribeProducersRequest& request,
                                        AnswerSlot slot) {
  Producers response;
  core::ImagePtr image = context.services.cluster.ptr();
  response.topics = context.arena().NewArray<Producers::Topic>(request.topics.size());
  // Answers are far larger than requests; nobody needs one twice.
  absl::flat_hash_set<std::pair<std::string_view, int32_t>> seen;
  for (size_t t = 0; t < request.topics.size(); ++t) {
    const auto& asked = request.topics[t];
    Producers::Topic& answer = response.topics[t];
    answer.name = asked.name;
    answer.partitions =
        context.arena().NewArray<Producers::Partition>(asked.partition_indexes.size());
    const core::TopicImage* topic = image->FindTopic(asked.name);
    for (size_t p = 0; p < asked.partition_indexes.size(); ++p) {
      Producers::Partition& result = answer.partitions[p];
      result.partition_index = asked.partition_indexes[p];
      if (topic == nullptr || !topic->HasPartition(result.partition_index)) {
        result.error_code = ErrorCode::kUnknownTopicOrPartition;
        result.error_message = "no such topic or partition";
        continue;
      }
      if (!seen.emplace(asked.name, result.partition_index.value()).second) {
        result.error_code = ErrorCode::kInvalidRequest;
        result.error_message = "the partition stands twice in the request";
        continue;
      }
      partition::PartitionKey key{topic->id, result.partition_index};
      co_await context.services.partitions.ShardOf(key).Run(ListProducers(context, key, result));
    }
  }
  Answer(context, slot, response);
}

awaitable<void> HandleOffsetForLeaderEpoch(Context& context,
                                           wire::OffsetForLeaderEpochRequest& request,
                                           AnswerSlot slot) {
  wire::OffsetForLeaderEpochResponse response;
  core::ImagePtr image = context.services.cluster.ptr();
  response.topics =
      context.arena().NewArray<wire::OffsetForLeaderEpochResponse::Topic>(request.topics.size());
  for (size_t t = 0; t < request.topics.size(); ++t) {
    const auto& asked = request.topics[t];
    auto& answer = response.topics[t];
    answer.topic = asked.topic;
    answer.partitions = context.arena().NewArray<EpochEnd>(asked.partitions.size());
    const core::TopicImage* topic = image->FindTopic(asked.topic);
    for (size_t p = 0; p < asked.partitions.size(); ++p) {
      EpochEnd& result = answer.partitions[p];
      result.partition = asked.partitions[p].partition;
      if (topic == nullptr || !topic->HasPartition(result.partition)) {
        result.error_code = ErrorCode::kUnknownTopicOrPartition;
        continue;
      }
      partition::PartitionKey key{topic->id, result.partition};
      co_await context.services.partitions.ShardOf(key).Run(
          FindEpochEnd(context.services, key, asked.partitions[p], result));
    }
  }
  Answer(context, slot, response);
}

}  // namespace millrace::api
