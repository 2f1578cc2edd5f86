#include "broker/api/fetch_call.h"

#include <algorithm>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>

#include "broker/api/fetch_loading.h"
#include "broker/runtime/clock.h"
#include "broker/runtime/random.h"

namespace millrace::api {

namespace {

// Answers up to this size are cheaper read and written with their header than sent from the file.
constexpr int64_t kInlineBytesMax = 16 << 10;

constexpr int32_t kFinalEpoch = -1;  // no session, or the end of one
constexpr int32_t kInitialEpoch = 0;

// A session that grows by more than this is looked at whether it has room.
constexpr size_t kFewPartitions = 100;

// Fetches name topics by id from this version on.
constexpr int16_t kTopicIdsSince = 13;

FetchItem MakeItem(const Context& context, const core::PartitionRef& asked) {
  const core::ClusterImage& image = context.services.cluster.current();
  FetchItem item{.asked = asked, .key = {.index = asked.index}};
  bool by_id = context.version >= kTopicIdsSince;
  const core::TopicImage* found =
      by_id ? image.FindTopic(asked.topic_id) : image.FindTopic(asked.topic);
  if (found == nullptr) {
    item.outcome.error = by_id ? ErrorCode::kUnknownTopicId : ErrorCode::kUnknownTopicOrPartition;
  } else if (!found->HasPartition(asked.index)) {
    item.outcome.error = ErrorCode::kUnknownTopicOrPartition;
  } else {
    item.key.topic = found->id;
  }
  return item;
}

void PlanFromRequest(const Context& context, const wire::FetchRequest& request, FetchCall& call) {
  for (const auto& topic : request.topics) {
    std::string_view name = context.arena().Copy(topic.topic);
    for (const auto& asked : topic.partitions) {
      FetchItem& item =
          call.items.emplace_back(MakeItem(context, {name, topic.topic_id, asked.partition}));
      item.request = {.from = asked.fetch_offset,
                      .max_bytes = asked.partition_max_bytes,
                      .current_leader_epoch = asked.current_leader_epoch,
                      .last_fetched_epoch = asked.last_fetched_epoch};
    }
  }
}

void PlanFromSession(const Context& context, FetchCall& call) {
  for (const core::FetchedPartition& wanted : call.session->partitions()) {
    FetchItem& item = call.items.emplace_back(
        MakeItem(context, {context.arena().Copy(wanted.topic), wanted.topic_id, wanted.index}));
    item.request = {.from = wanted.fetch_offset,
                    .max_bytes = wanted.max_bytes,
                    .current_leader_epoch = wanted.current_leader_epoch,
                    .last_fetched_epoch = wanted.last_fetched_epoch};
  }
}

size_t CountPartitions(const wire::FetchRequest& request) {
  size_t count = 0;
  for (const auto& topic : request.topics) count += topic.partitions.size();
  return count;
}

void UpdateSession(const wire::FetchRequest& request, core::FetchSession& session) {
  for (const auto& topic : request.topics) {
    for (const auto& asked : topic.partitions) {
      session.Put({.topic = std::string(topic.topic),
                   .topic_id = topic.topic_id,
                   .index = asked.partition,
                   .fetch_offset = asked.fetch_offset,
                   .max_bytes = asked.partition_max_bytes,
                   .current_leader_epoch = asked.current_leader_epoch,
                   .last_fetched_epoch = asked.last_fetched_epoch});
    }
  }
  for (const auto& topic : request.forgotten_topics_data) {
    for (PartitionIndex index : topic.partitions) {
      session.Forget({topic.topic, topic.topic_id, index});
    }
  }
}

// What the connection asks about a slice that it sends from its file.
class SliceSource final : public PartSource {
 public:
  bool IsResident(const void* file, int64_t position, int64_t length) const override {
    return static_cast<const storage::File*>(file)->IsResident(position, length);
  }
  absl::Status Load(const void* file, int64_t position, int64_t length) const override {
    return static_cast<const storage::File*>(file)->Load(position, length);
  }
};

constexpr SliceSource kSliceSource;

// Where records lie in files, their bytes are left for the connection to send.
void PutRecords(FetchItem& item, wire::Records& records, bool is_inline, wire::Arena& arena,
                std::vector<FilePart>& files) {
  storage::FileSlice& slice = item.outcome.slice;
  auto size = static_cast<size_t>(slice.size);
  records.bytes = wire::Bytes(item.message_set);
  if (size == 0) return;
  std::optional<int> descriptor = slice.file->descriptor();
  if (!is_inline && descriptor.has_value()) {
    records.external_size = static_cast<uint32_t>(size);
    files.push_back({.position = 0,
                     .descriptor = *descriptor,
                     .offset = slice.position,
                     .size = size,
                     .keep_open = std::move(slice.file),
                     .source = &kSliceSource,
                     .resident_end = slice.position + std::min(slice.size, kLoadedBytesMax)});
    return;
  }
  auto* bytes = static_cast<std::byte*>(arena.Allocate(size, 1));
  auto read = slice.file->ReadAt(slice.position, {bytes, size});
  if (read.ok() && *read == size) {
    records.bytes = wire::Bytes(bytes, size);
    return;
  }
  spdlog::error("{}-{}: records could not be read: {}", item.partition->name().topic,
                item.key.index.value(),
                read.ok() ? "the file is shorter than it was" : read.status().ToString());
  item.outcome.error = ErrorCode::kKafkaStorageError;
}

// Whether this partition belongs into the answer; notes in the session what the client will know.
bool IsNews(const FetchCall& call, const FetchItem& item) {
  if (call.session == nullptr) return true;
  bool is_news = call.session->Report(
      item.asked,
      {.error = item.outcome.error,
       .has_records = item.outcome.slice.size > 0 || item.outcome.diverging_epoch.has_value(),
       .high_watermark = item.outcome.high_watermark,
       .log_start = item.outcome.log_start_offset});
  return is_news || !call.is_incremental;
}

wire::FetchResponse::Partition MakePartition(const FetchCall& call, const FetchItem& item) {
  wire::FetchResponse::Partition answer{.partition_index = item.key.index,
                                        .error_code = item.outcome.error};
  bool knows_offsets = item.partition != nullptr;
  if (knows_offsets) {
    answer.high_watermark = item.outcome.high_watermark;
    answer.last_stable_offset = item.outcome.high_watermark;
    answer.log_start_offset = item.outcome.log_start_offset;
  }
  if (item.outcome.diverging_epoch.has_value()) {
    const storage::Log::EpochEnd& end = *item.outcome.diverging_epoch;
    answer.diverging_epoch = {.epoch = end.epoch, .end_offset = end.end};
  }
  if (call.is_read_committed) {
    answer.aborted_transactions = wire::Array<wire::FetchResponse::AbortedTransaction>();
  }
  return answer;
}

bool IsSameTopic(const FetchItem& a, const FetchItem& b) {
  return a.asked.topic == b.asked.topic && a.asked.topic_id == b.asked.topic_id;
}

}  // namespace

int64_t FetchCall::total_bytes() const {
  int64_t total = 0;
  for (const FetchItem& item : items) total += item.outcome.slice.size;
  return total;
}

void FetchCall::FitToSize() {
  int64_t total = 0;
  for (FetchItem& item : items) {
    storage::FileSlice& slice = item.outcome.slice;
    int64_t room = std::min(bytes_max - total, item.request.max_bytes);
    if (total > 0 && slice.size > 0) {
      slice.size = item.outcome.first_batch_bytes > room ? 0 : std::min(slice.size, room);
    }
    total += slice.size;
  }
}

bool FetchCall::has_error() const {
  return std::any_of(items.begin(), items.end(), [](const FetchItem& item) {
    return item.outcome.error != ErrorCode::kNone || item.outcome.diverging_epoch.has_value();
  });
}

// A slice ends with its segment: behind an older one there is more, and this part cannot grow.
bool FetchCall::IsSatisfied() const {
  if (items.empty() || total_bytes() >= bytes_min || has_error()) return true;
  return std::any_of(items.begin(), items.end(), [](const FetchItem& item) {
    return item.outcome.slice.size > 0 && !item.outcome.is_active;
  });
}

ErrorCode PlanFetch(Context& context, const wire::FetchRequest& request, FetchCall& call) {
  call.bytes_max =
      std::min<int64_t>(std::max(request.max_bytes, 0), context.services.options.fetch_bytes_max);
  call.bytes_min = std::min<int64_t>(request.min_bytes, call.bytes_max);
  call.is_read_committed = request.isolation_level == wire::IsolationLevel::kReadCommitted;
  core::FetchSessionCache& sessions = context.here.sessions;
  int64_t now_ms = SteadyNow().value();
  bool by_topic_id = context.version >= kTopicIdsSince;
  if (request.session_epoch == kFinalEpoch || request.session_epoch == kInitialEpoch) {
    if (request.session_id != 0) sessions.Close(request.session_id);
    if (request.session_epoch == kInitialEpoch && !request.topics.empty()) {
      call.session =
          sessions.Create(FreshPositiveInt(), by_topic_id, CountPartitions(request), now_ms);
    }
    if (call.session == nullptr) {
      PlanFromRequest(context, request, call);
      return ErrorCode::kNone;
    }
  } else {
    auto used = sessions.Use({request.session_id, request.session_epoch, by_topic_id}, now_ms);
    if (used.error != ErrorCode::kNone) return used.error;
    size_t asked = CountPartitions(request);
    if (asked > kFewPartitions && !sessions.HasRoomFor(asked)) {
      sessions.Close(request.session_id);
      return ErrorCode::kFetchSessionIdNotFound;  // the client begins anew, and gets none
    }
    call.session = std::move(used.session);
    call.is_incremental = true;
  }
  UpdateSession(request, *call.session);
  PlanFromSession(context, call);
  return ErrorCode::kNone;
}

wire::FetchResponse MakeFetchResponse(FetchCall& call, wire::Arena& arena,
                                      std::vector<FilePart>& files) {
  wire::FetchResponse response;
  response.session_id = call.session == nullptr ? 0 : call.session->id();
  bool is_inline = call.total_bytes() <= kInlineBytesMax;
  response.responses = arena.NewArray<wire::FetchResponse::Topic>(call.items.size());
  size_t topics = 0;
  for (size_t first = 0; first < call.items.size();) {
    // Neighbours of one topic share an entry.
    size_t end = first;
    while (end < call.items.size() && IsSameTopic(call.items[end], call.items[first])) ++end;
    wire::FetchResponse::Topic& topic = response.responses[topics];
    topic.topic = call.items[first].asked.topic;
    topic.topic_id = call.items[first].asked.topic_id;
    topic.partitions = arena.NewArray<wire::FetchResponse::Partition>(end - first);
    size_t partitions = 0;
    for (; first < end; ++first) {
      FetchItem& item = call.items[first];
      if (!IsNews(call, item)) continue;
      wire::Records records;
      PutRecords(item, records, is_inline, arena, files);
      topic.partitions[partitions] = MakePartition(call, item);
      topic.partitions[partitions++].records = records;
    }
    topic.partitions.Shrink(partitions);
    if (partitions > 0) ++topics;
  }
  response.responses.Shrink(topics);
  return response;
}

}  // namespace millrace::api
