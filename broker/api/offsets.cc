// OffsetCommit, OffsetFetch and OffsetDelete. Offsets are kept by topic id, so those of a deleted
// topic are never taken for those of a later one of the same name.
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "broker/api/handlers.h"

namespace millrace::api {

namespace {

using core::group::FetchAnswer;
using core::group::TopicPartition;

constexpr int16_t kTopicIdsSince = 10;
constexpr int16_t kGroupIdNotFoundSince = 9;
constexpr int16_t kBatchedFetchSince = 8;
constexpr int16_t kTopLevelErrorSince = 2;

template <class Topic>
const core::TopicImage* FindTopic(const Context& context, const core::ClusterImage& image,
                                  const Topic& asked) {
  return context.version >= kTopicIdsSince ? image.FindTopic(asked.topic_id)
                                           : image.FindTopic(asked.name);
}

// Builds the response, with a refusal where the partition is unknown, and lists the others.
struct CommitPlan {
  std::vector<core::group::Commit::Partition> partitions;
  std::vector<wire::OffsetCommitResponse::Partition*> results;  // of `partitions`
};

CommitPlan PlanCommit(const Context& context, const core::ClusterImage& image,
                      const wire::OffsetCommitRequest& request,
                      wire::OffsetCommitResponse& response) {
  CommitPlan plan;
  wire::Arena& arena = context.arena();
  response.topics = arena.NewArray<wire::OffsetCommitResponse::Topic>(request.topics.size());
  for (size_t t = 0; t < request.topics.size(); ++t) {
    const auto& asked = request.topics[t];
    auto& answer = response.topics[t];
    answer.name = asked.name;
    answer.topic_id = asked.topic_id;
    answer.partitions =
        arena.NewArray<wire::OffsetCommitResponse::Partition>(asked.partitions.size());
    const core::TopicImage* topic = FindTopic(context, image, asked);
    for (size_t p = 0; p < asked.partitions.size(); ++p) {
      const auto& one = asked.partitions[p];
      auto& result = answer.partitions[p];
      result.partition_index = one.partition_index;
      if (topic == nullptr || !topic->HasPartition(one.partition_index)) {
        bool by_id = context.version >= kTopicIdsSince && topic == nullptr;
        result.error_code =
            by_id ? ErrorCode::kUnknownTopicId : ErrorCode::kUnknownTopicOrPartition;
        continue;
      }
      plan.partitions.push_back({.partition = {topic->id, one.partition_index},
                                 .offset = one.committed_offset,
                                 .leader_epoch = one.committed_leader_epoch,
                                 .metadata = one.committed_metadata.value_or("")});
      plan.results.push_back(&result);
    }
  }
  return plan;
}

using FetchTopic = wire::OffsetFetchRequest::Topic;
using FetchTopics = std::span<const FetchTopic>;
using FetchedTopics = wire::Array<wire::OffsetFetchResponse::Topic>;

// A group, and what is asked of it.
struct FetchPlan {
  std::string_view group_id;
  std::optional<std::string_view> member_id;
  std::optional<MemberEpoch> member_epoch;
  bool all = false;                // whatever it has committed
  std::vector<FetchTopic> topics;  // where not all is asked for

  void Add(const std::optional<wire::Array<FetchTopic>>& asked) {
    all = all || !asked.has_value();
    if (asked.has_value()) topics.insert(topics.end(), asked->begin(), asked->end());
  }
};

// What is asked for twice is answered once: each offset may carry kilobytes of metadata, so a small
// request could ask for much. The lists of partitions are shortened where they lie.
void DropRepeated(std::vector<FetchTopic>& topics) {
  absl::flat_hash_map<std::pair<std::string_view, TopicId>, uint32_t> numbers;
  absl::flat_hash_set<std::pair<uint32_t, PartitionIndex>> seen;
  size_t topics_kept = 0;
  for (FetchTopic topic : topics) {
    auto number = static_cast<uint32_t>(numbers.size());
    auto [entry, is_new] = numbers.try_emplace(std::pair(topic.name, topic.topic_id), number);
    size_t kept = 0;
    for (PartitionIndex index : topic.partition_indexes) {
      bool is_first = seen.insert({entry->second, index}).second;
      if (is_first) topic.partition_indexes[kept++] = index;
    }
    topic.partition_indexes.Shrink(kept);
    if (is_new || kept > 0) topics[topics_kept++] = topic;
  }
  topics.resize(topics_kept);
}

// Each group once, in the order of first mention, with all that is asked of it.
std::vector<FetchPlan> PlanFetch(const wire::OffsetFetchRequest& request, int16_t version) {
  std::vector<FetchPlan> plans;
  if (version < kBatchedFetchSince) {
    plans.push_back({.group_id = request.group_id,
                     .member_id = std::nullopt,
                     .member_epoch = std::nullopt,
                     .topics = {}});
    plans[0].Add(request.topics);
  }
  absl::flat_hash_map<std::string_view, size_t> places;
  for (const auto& asked : request.groups) {
    auto [place, is_new] = places.try_emplace(asked.group_id, plans.size());
    if (is_new) {
      plans.push_back({.group_id = asked.group_id,
                       .member_id = asked.member_id,
                       .member_epoch = asked.member_epoch,
                       .topics = {}});
    }
    plans[place->second].Add(asked.topics);
  }
  for (FetchPlan& plan : plans) DropRepeated(plan.topics);
  return plans;
}

std::vector<TopicPartition> KnownPartitions(const Context& context, const core::ClusterImage& image,
                                            FetchTopics topics) {
  std::vector<TopicPartition> partitions;
  for (const auto& asked : topics) {
    const core::TopicImage* topic = FindTopic(context, image, asked);
    if (topic == nullptr) continue;
    for (PartitionIndex index : asked.partition_indexes) partitions.push_back({topic->id, index});
  }
  return partitions;
}

void PutOffset(wire::Arena& arena, const core::group::CommittedOffset& committed,
               wire::OffsetFetchResponse::Partition& entry) {
  entry.committed_offset = committed.offset;
  entry.committed_leader_epoch = committed.leader_epoch;
  entry.metadata = arena.Copy(committed.metadata);
}

// `found` is in the order of the request, without the partitions that have no offset.
FetchedTopics PutAsked(const Context& context, const core::ClusterImage& image, FetchTopics topics,
                       const FetchAnswer& answer) {
  wire::Arena& arena = context.arena();
  auto response = arena.NewArray<wire::OffsetFetchResponse::Topic>(topics.size());
  auto next = answer.found.begin();
  for (size_t t = 0; t < topics.size(); ++t) {
    const auto& asked = topics[t];
    const core::TopicImage* topic = FindTopic(context, image, asked);
    response[t].name = asked.name;
    response[t].topic_id = asked.topic_id;
    response[t].partitions =
        arena.NewArray<wire::OffsetFetchResponse::Partition>(asked.partition_indexes.size());
    for (size_t p = 0; p < asked.partition_indexes.size(); ++p) {
      auto& entry = response[t].partitions[p];
      entry.partition_index = asked.partition_indexes[p];
      entry.metadata = "";
      if (topic == nullptr && context.version >= kTopicIdsSince) {
        entry.error_code = ErrorCode::kUnknownTopicId;
      } else if (topic != nullptr && next != answer.found.end() &&
                 next->partition == TopicPartition{topic->id, entry.partition_index}) {
        PutOffset(arena, next->committed, entry);
        ++next;
      }
    }
  }
  return response;
}

// `found` is in the order of topic ids. Offsets of topics that were deleted are not told.
FetchedTopics PutAll(const Context& context, const core::ClusterImage& image,
                     const FetchAnswer& answer) {
  wire::Arena& arena = context.arena();
  auto response = arena.NewArray<wire::OffsetFetchResponse::Topic>(answer.found.size());
  size_t topics = 0;
  for (size_t first = 0; first < answer.found.size();) {
    const TopicId id = answer.found[first].partition.topic;
    size_t end = first;
    while (end < answer.found.size() && answer.found[end].partition.topic == id) ++end;
    const core::TopicImage* topic = image.FindTopic(id);
    if (topic != nullptr) {
      auto& entry = response[topics++];
      entry.name = topic->name;
      entry.topic_id = id;
      entry.partitions = arena.NewArray<wire::OffsetFetchResponse::Partition>(end - first);
      for (size_t i = first; i < end; ++i) {
        entry.partitions[i - first].partition_index = answer.found[i].partition.index;
        PutOffset(arena, answer.found[i].committed, entry.partitions[i - first]);
      }
    }
    first = end;
  }
  response.Shrink(topics);
  return response;
}

// Before version 2 there is no other place for an error than the partitions.
FetchedTopics PutError(const Context& context, const core::ClusterImage& image,
                       const FetchPlan& plan, ErrorCode error) {
  if (context.version >= kTopLevelErrorSince || plan.all) return {};
  FetchedTopics topics = PutAsked(context, image, plan.topics, FetchAnswer());
  for (auto& topic : topics) {
    for (auto& partition : topic.partitions) partition.error_code = error;
  }
  return topics;
}

awaitable<wire::OffsetFetchResponse::Group> FetchOne(const Context& context,
                                                     const core::ClusterImage& image,
                                                     const FetchPlan& plan) {
  wire::OffsetFetchResponse::Group group{.group_id = plan.group_id, .topics = {}};
  std::vector<TopicPartition> partitions;
  if (!plan.all) partitions = KnownPartitions(context, image, plan.topics);
  core::group::Fetch fetch{.group_id = plan.group_id,
                           .member_id = plan.member_id,
                           .member_epoch = plan.member_epoch,
                           .all = plan.all,
                           .partitions = partitions};
  FetchAnswer answer = co_await context.services.groups.Call(fetch);
  group.error_code = answer.error;
  if (answer.error != ErrorCode::kNone) {
    group.topics = PutError(context, image, plan, answer.error);
  } else if (plan.all) {
    group.topics = PutAll(context, image, answer);
  } else {
    group.topics = PutAsked(context, image, plan.topics, answer);
  }
  co_return group;
}

}  // namespace

awaitable<void> HandleOffsetCommit(Context& context, wire::OffsetCommitRequest& request,
                                   AnswerSlot slot) {
  wire::OffsetCommitResponse response;
  core::ImagePtr image = context.services.cluster.ptr();
  CommitPlan plan = PlanCommit(context, *image, request, response);
  if (!plan.partitions.empty()) {
    core::group::Commit commit{.group_id = request.group_id,
                               .who = {request.member_id, request.group_instance_id},
                               .generation = request.generation_id_or_member_epoch,
                               .retention_ms = request.retention_time_ms,
                               .knows_group_id_not_found = context.version >= kGroupIdNotFoundSince,
                               .partitions = plan.partitions};
    core::group::CommitAnswer answer = co_await context.services.groups.Call(commit);
    for (size_t i = 0; i < plan.results.size(); ++i) {
      plan.results[i]->error_code =
          answer.error == ErrorCode::kNone ? answer.partitions[i] : answer.error;
    }
  }
  Answer(context, slot, response);
}

awaitable<void> HandleOffsetFetch(Context& context, wire::OffsetFetchRequest& request,
                                  AnswerSlot slot) {
  wire::OffsetFetchResponse response;
  core::ImagePtr image = context.services.cluster.ptr();
  std::vector<FetchPlan> plans = PlanFetch(request, context.version);
  auto groups = context.arena().NewArray<wire::OffsetFetchResponse::Group>(plans.size());
  for (size_t i = 0; i < plans.size(); ++i) {
    groups[i] = co_await FetchOne(context, *image, plans[i]);
  }
  if (context.version < kBatchedFetchSince) {
    response.topics = groups[0].topics;
    response.error_code = groups[0].error_code;
  } else {
    response.groups = groups;
  }
  Answer(context, slot, response);
}

awaitable<void> HandleOffsetDelete(Context& context, wire::OffsetDeleteRequest& request,
                                   AnswerSlot slot) {
  wire::OffsetDeleteResponse response;
  core::ImagePtr image = context.services.cluster.ptr();
  wire::Arena& arena = context.arena();
  auto topics = arena.NewArray<wire::OffsetDeleteResponse::Topic>(request.topics.size());
  std::vector<core::group::DeleteOffsets::Partition> known;
  std::vector<wire::OffsetDeleteResponse::Partition*> results;
  for (size_t t = 0; t < topics.size(); ++t) {
    const auto& asked = request.topics[t];
    const core::TopicImage* topic = image->FindTopic(asked.name);
    topics[t].name = asked.name;
    topics[t].partitions =
        arena.NewArray<wire::OffsetDeleteResponse::Partition>(asked.partitions.size());
    for (size_t p = 0; p < asked.partitions.size(); ++p) {
      auto& result = topics[t].partitions[p];
      result.partition_index = asked.partitions[p];
      if (topic == nullptr || !topic->HasPartition(result.partition_index)) {
        result.error_code = ErrorCode::kUnknownTopicOrPartition;
        continue;
      }
      known.push_back({{topic->id, result.partition_index}, topic->name});
      results.push_back(&result);
    }
  }
  core::group::DeleteOffsets asked{.group_id = request.group_id, .partitions = known};
  core::group::DeleteOffsetsAnswer answer = co_await context.services.groups.Call(asked);
  response.error_code = answer.error;
  if (answer.error == ErrorCode::kNone) {
    for (size_t i = 0; i < results.size(); ++i) results[i]->error_code = answer.partitions[i];
    response.topics = topics;
  }
  Answer(context, slot, response);
}

}  // namespace millrace::api
