// ListOffsets: the ends of a log, and the record at a time.
#include <algorithm>

#include <spdlog/spdlog.h>

#include "broker/api/handlers.h"

namespace millrace::api {

namespace {

using Asked = wire::ListOffsetsRequest::Partition;
using Result = wire::ListOffsetsResponse::Partition;

constexpr int16_t kSingleOffsetSince = 1;

// The version from which on each special time is known.
struct SpecialTime {
  int64_t timestamp;
  int16_t since;
};
constexpr SpecialTime kSpecialTimes[] = {
    {wire::kLatestTimestamp, 0},       {wire::kEarliestTimestamp, 0},
    {wire::kMaxTimestamp, 7},          {wire::kEarliestLocalTimestamp, 8},
    {wire::kLatestTieredTimestamp, 9}, {wire::kEarliestPendingUploadTimestamp, 11},
};

bool IsKnownTime(int64_t timestamp, int16_t version) {
  if (timestamp >= 0) return true;
  return std::any_of(std::begin(kSpecialTimes), std::end(kSpecialTimes),
                     [&](const SpecialTime& known) {
                       return known.timestamp == timestamp && version >= known.since;
                     });
}

void SetOffset(const partition::Partition& partition, Offset offset, Result& result) {
  result.offset = offset;
  result.leader_epoch = partition.leader_epoch();
}

// So often is loaded what a look-up lacks; then it waits for the disk.
constexpr int kLoadsMax = 16;

using Slices = absl::StatusOr<std::vector<storage::FileSlice>>;

// Which bytes to look through for a time, or for the largest one. The indexes that say it may be
// cold.
awaitable<Slices> SlicesToSearch(partition::Partition& partition, int64_t timestamp, Offset limit) {
  for (int loads = 0;; ++loads) {
    storage::FileSlice missing;
    storage::FileSlice* asked = loads < kLoadsMax ? &missing : nullptr;
    std::vector<storage::FileSlice> slices =
        timestamp == wire::kMaxTimestamp
            ? partition.log().SlicesForMaxTimestamp(limit, asked)
            : partition.log().SlicesForTimestamp(TimestampMs(timestamp), limit, asked);
    if (missing.size == 0) co_return slices;
    absl::Status loaded = co_await partition.Load(std::move(missing),
                                                  partition::Partition::Loaded::kIndex, &partition);
    if (!loaded.ok()) co_return loaded;
  }
}

// Looks through the files on the codec pool: they may be cold, and batches are decompressed.
awaitable<void> FindByTime(const Services& services,
                           std::shared_ptr<partition::Partition> partition, int64_t timestamp,
                           Result& result) {
  using Found = absl::StatusOr<std::optional<storage::TimestampedOffset>>;
  bool wants_max = timestamp == wire::kMaxTimestamp;
  Offset limit = partition->high_watermark();
  Slices to_search = co_await SlicesToSearch(*partition, timestamp, limit);
  if (!to_search.ok()) {
    result.error_code = ErrorCode::kKafkaStorageError;
    co_return;
  }
  const std::vector<storage::FileSlice>& slices = *to_search;
  Found found = std::nullopt;
  co_await services.codec_pool.Run(0, [&] {
    const size_t bytes_max = services.codec_pool.bytes_max();
    found = wants_max
                ? storage::Log::ScanForMaxTimestamp(slices, limit, bytes_max)
                : storage::Log::ScanForTimestamp(slices, TimestampMs(timestamp), limit, bytes_max);
  });
  if (!found.ok()) {
    spdlog::error("{}-{}: search by time failed: {}", partition->name().topic,
                  partition->name().index.value(), found.status().ToString());
    result.error_code = ErrorCode::kKafkaStorageError;
  } else if (found->has_value()) {
    result.timestamp = (*found)->timestamp.value();
    SetOffset(*partition, (*found)->offset, result);
    if ((*found)->leader_epoch.has_value()) result.leader_epoch = (*found)->leader_epoch;
  }
}

// On the partition's shard.
awaitable<void> Find(const Services& services, partition::PartitionKey key, const Asked& asked,
                     Result& result) {
  partition::Partition* found =
      services.partitions.On(Shard::Current()).FindServing(key, result.error_code);
  if (found == nullptr) co_return;
  result.error_code = found->CheckLeaderEpoch(asked.current_leader_epoch);
  if (result.error_code != ErrorCode::kNone) co_return;
  switch (asked.timestamp) {
    case wire::kLatestTimestamp:
      SetOffset(*found, found->high_watermark(), result);
      co_return;
    case wire::kEarliestTimestamp:
    case wire::kEarliestLocalTimestamp:
      SetOffset(*found, found->log().log_start_offset(), result);
      co_return;
    case wire::kLatestTieredTimestamp:
    case wire::kEarliestPendingUploadTimestamp:
      co_return;  // nothing is tiered: no offset
    default:
      co_await FindByTime(services, found->shared_from_this(), asked.timestamp, result);
  }
}

// Version 0 asks for up to so many segment starts before a time; one offset is a right answer.
void ToOldStyle(const Asked& asked, wire::Arena& arena, Result& result) {
  if (asked.max_num_offsets <= 0 || !result.offset.has_value()) return;
  result.old_style_offsets = arena.NewArray<Offset>(1);
  result.old_style_offsets[0] = *result.offset;
}

awaitable<void> FindOne(const Context& context, const core::TopicImage* topic, const Asked& asked,
                        Result& result) {
  result.partition_index = asked.partition_index;
  if (topic == nullptr || !topic->HasPartition(asked.partition_index)) {
    result.error_code = ErrorCode::kUnknownTopicOrPartition;
  } else if (!IsKnownTime(asked.timestamp, context.version)) {
    result.error_code = ErrorCode::kUnsupportedVersion;
  } else {
    partition::PartitionKey key{topic->id, asked.partition_index};
    co_await context.services.partitions.ShardOf(key).Run(
        Find(context.services, key, asked, result));
  }
  if (context.version < kSingleOffsetSince) ToOldStyle(asked, context.arena(), result);
}

}  // namespace

awaitable<void> HandleListOffsets(Context& context, wire::ListOffsetsRequest& request,
                                  AnswerSlot slot) {
  wire::ListOffsetsResponse response;
  core::ImagePtr image = context.services.cluster.ptr();
  response.topics =
      context.arena().NewArray<wire::ListOffsetsResponse::Topic>(request.topics.size());
  for (size_t t = 0; t < request.topics.size(); ++t) {
    const auto& asked = request.topics[t];
    response.topics[t].name = asked.name;
    response.topics[t].partitions = context.arena().NewArray<Result>(asked.partitions.size());
    const core::TopicImage* topic = image->FindTopic(asked.name);
    for (size_t p = 0; p < asked.partitions.size(); ++p) {
      co_await FindOne(context, topic, asked.partitions[p], response.topics[t].partitions[p]);
    }
  }
  Answer(context, slot, response);
}

}  // namespace millrace::api
