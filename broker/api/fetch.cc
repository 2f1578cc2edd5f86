// Fetch: read what there is, or wait until there is enough. Records stay in their files: the answer
// names slices, and the connection sends them. What is not in the page cache is loaded before,
// while the shard goes on.
#include <algorithm>
#include <utility>

#include "broker/api/fetch_call.h"
#include "broker/api/fetch_loading.h"
#include "broker/api/handlers.h"
#include "broker/api/message_sets.h"
#include "broker/api/parking.h"

namespace millrace::api {

namespace {

constexpr int16_t kBatchesSince = 4;
constexpr size_t kWaitingItemBytes = sizeof(FetchItem) + 256;  // with its watcher

struct Waiting {
  MonotonicMs deadline;
  LoadPool::Owner owner;
};

// Reads the partitions that live on the current shard, each as if it were the only one.
void ReadHere(const Services& services, FetchCall& call, int round) {
  const Shard& here = Shard::Current();
  for (FetchItem& item : call.items) {
    if (item.key.topic.is_zero() || &services.partitions.ShardOf(item.key) != &here) continue;
    partition::Partition* partition = services.partitions.On(here).Find(item.key);
    if (partition == nullptr) {
      bool is_deleted = services.cluster.current().FindTopic(item.key.topic) == nullptr;
      ErrorCode gone = item.asked.topic_id.is_zero() ? ErrorCode::kUnknownTopicOrPartition
                                                     : ErrorCode::kUnknownTopicId;
      item.outcome = {.error = is_deleted ? gone : ErrorCode::kKafkaStorageError};
      continue;
    }
    item.partition = partition->shared_from_this();
    partition::FetchRequest request = item.request;
    request.max_bytes = std::min(request.max_bytes, call.bytes_max);
    request.at_least_one_batch = true;
    request.resident_bytes = ResidentBytes(request, round);
    item.outcome = partition->Fetch(request);
    if (!item.is_unreadable) continue;
    item.outcome.error = ErrorCode::kKafkaStorageError;
    item.outcome.slice = item.outcome.missing = {};
  }
}

awaitable<void> ReadOn(const Services& services, FetchCall& call, int round) {
  ReadHere(services, call, round);
  co_return;
}

awaitable<void> ReadAll(const Services& services, FetchCall& call, int round = 0) {
  ShardSet& shards = services.partitions.shards();
  if (shards.size() == 1) {
    ReadHere(services, call, round);
  } else {
    for (size_t i = 0; i < shards.size(); ++i) {
      bool has_work = std::any_of(call.items.begin(), call.items.end(), [&](const auto& item) {
        return !item.key.topic.is_zero() && &services.partitions.ShardOf(item.key) == &shards[i];
      });
      if (has_work) co_await shards[i].Run(ReadOn(services, call, round));
    }
  }
  call.FitToSize();
}

// For old clients. Where nothing comes of what was read, for compaction has left its offsets alone,
// reading goes on behind it.
awaitable<void> ConvertAll(const Services& services, FetchCall& call, int16_t version) {
  co_await ConvertDown(services, call, version);
  while (std::any_of(call.items.begin(), call.items.end(),
                     [](FetchItem& item) { return std::exchange(item.is_passed_over, false); })) {
    co_await ReadAll(services, call);
    co_await ConvertDown(services, call, version);
  }
}

void AnswerFetch(AnswerSlot& slot, FetchCall& call, const ArenaPool::Lease& arena,
                 int32_t correlation_id, int16_t version) {
  std::vector<FilePart> files;
  wire::FetchResponse response = MakeFetchResponse(call, *arena, files);
  Answer(slot, correlation_id, version, response, files);
}

// Until all that was read is in the page cache; no deadline holds for that, as in Kafka, where a
// fetch reads from the disk.
awaitable<void> LoadAll(const Services& services, FetchCall& call, const Parking& parking,
                        LoadPool::Owner owner) {
  if (!IsCold(call)) co_return;
  const MonotonicNs began = SteadyNowNs();
  for (int round = 1; IsCold(call) && !parking.is_closed(); ++round) {
    co_await LoadCold(call, owner);
    co_await ReadAll(services, call, round);
  }
  services.load_pool.Count({.fetches = 1, .wait_ns = static_cast<uint64_t>(SteadyNowNs() - began)});
}

// Waits until there is enough to answer, or the time is over; a coroutine of its own.
awaitable<void> AnswerWhenReady(ParkedRequest parked, FetchCall call, const Services& services,
                                Waiting waiting) {
  const MonotonicMs deadline = waiting.deadline;
  auto parking = std::make_shared<Parking>(Shard::Current());
  if (!parked.slot.Watch(*parking)) co_return;
  co_await LoadAll(services, call, *parking, waiting.owner);
  if (parking->is_closed()) co_return;
  while (!call.IsSatisfied() && !parking->is_hurried() && SteadyNow() < deadline) {
    parking->Clear();
    for (FetchItem& item : call.items) {
      // One record more than the client could have read now.
      Offset wanted = std::max(item.outcome.high_watermark, item.request.from) + 1;
      parking->Add(item.partition, wanted);
    }
    co_await parking->Wait(Parking::Until::kFirst, deadline);
    if (parking->is_closed()) co_return;
    co_await ReadAll(services, call);
    co_await LoadAll(services, call, *parking, waiting.owner);
    if (parking->is_closed()) co_return;
  }
  if (parked.version < kBatchesSince) co_await ConvertAll(services, call, parked.version);
  AnswerFetch(parked.slot, call, parked.arena, parked.correlation_id, parked.version);
}

}  // namespace

awaitable<void> HandleFetch(Context& context, wire::FetchRequest& request, AnswerSlot slot) {
  FetchCall call;
  ErrorCode refusal = PlanFetch(context, request, call);
  if (refusal != ErrorCode::kNone) {
    wire::FetchResponse response;
    response.error_code = refusal;
    Answer(context, slot, response);
    co_return;
  }
  co_await ReadAll(context.services, call);
  // What is answered early costs the client a request, what is parked costs memory.
  bool must_answer =
      request.max_wait_ms <= 0 || call.IsSatisfied() || context.here.memory.is_short();
  bool is_cold = IsCold(call);
  if (must_answer && !is_cold) {
    if (context.version < kBatchesSince) {
      co_await ConvertAll(context.services, call, context.version);
    }
    AnswerFetch(slot, call, context.arena_lease, context.correlation_id, context.version);
    co_return;
  }
  Waiting waiting{.deadline = SteadyNow() + std::max(request.max_wait_ms, 0),
                  .owner = &context.peer};
  ParkedRequest parked = Park(context, std::move(slot), call.items.size() * kWaitingItemBytes);
  context.here.parked.Spawn(
      AnswerWhenReady(std::move(parked), std::move(call), context.services, waiting));
}

}  // namespace millrace::api
