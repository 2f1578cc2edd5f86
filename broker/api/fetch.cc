// Fetch: read what there is, or wait until there is enough. Records stay in their files: the answer
// names slices, and the connection sends them.
#include <algorithm>

#include "broker/api/fetch_call.h"
#include "broker/api/handlers.h"
#include "broker/api/parking.h"

namespace millrace::api {

namespace {

// Reads the partitions that live on the current shard, in order, within what is left of the
// answer's size.
void ReadHere(partition::PartitionTable& table, FetchCall& call, int64_t& total) {
  const Shard& here = Shard::Current();
  for (FetchItem& item : call.items) {
    if (item.key.topic.is_zero() || &table.ShardOf(item.key) != &here) continue;
    partition::Partition* partition = table.On(here).Find(item.key);
    if (partition == nullptr) {
      item.outcome.error = ErrorCode::kKafkaStorageError;
      continue;
    }
    item.partition = partition->shared_from_this();
    partition::FetchRequest request = item.request;
    request.max_bytes = std::min(request.max_bytes, std::max<int64_t>(call.bytes_max - total, 0));
    request.at_least_one_batch = total == 0;
    item.outcome = partition->Fetch(request);
    total += item.outcome.slice.size;
  }
}

awaitable<void> ReadOn(partition::PartitionTable& table, FetchCall& call, int64_t& total) {
  ReadHere(table, call, total);
  co_return;
}

awaitable<void> ReadAll(partition::PartitionTable& table, FetchCall& call) {
  int64_t total = 0;
  ShardSet& shards = table.shards();
  if (shards.size() == 1) {
    ReadHere(table, call, total);
    co_return;
  }
  for (size_t i = 0; i < shards.size(); ++i) {
    bool has_work = std::any_of(call.items.begin(), call.items.end(), [&](const FetchItem& item) {
      return !item.key.topic.is_zero() && &table.ShardOf(item.key) == &shards[i];
    });
    if (has_work) co_await shards[i].Run(ReadOn(table, call, total));
  }
}

void AnswerFetch(AnswerSlot& slot, FetchCall& call, const ArenaPool::Lease& arena,
                 int32_t correlation_id, int16_t version) {
  std::vector<FilePart> files;
  wire::FetchResponse response = MakeFetchResponse(call, *arena, files);
  Answer(slot, correlation_id, version, response, files);
}

// Waits until there is enough to answer, or the time is over; a coroutine of its own.
awaitable<void> AnswerWhenReady(ParkedRequest parked, FetchCall call,
                                partition::PartitionTable& table, MonotonicMs deadline) {
  auto parking = std::make_shared<Parking>(Shard::Current());
  while (!call.IsSatisfied() && SteadyNow() < deadline) {
    parking->Clear();
    for (FetchItem& item : call.items) {
      // One record more than the client could have read now.
      Offset wanted = std::max(item.outcome.high_watermark, item.request.from) + 1;
      parking->Add(item.partition, wanted);
    }
    co_await parking->Wait(Parking::Until::kFirst, deadline);
    co_await ReadAll(table, call);
  }
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
  partition::PartitionTable& table = context.services.partitions;
  co_await ReadAll(table, call);
  if (request.max_wait_ms <= 0 || call.IsSatisfied()) {
    AnswerFetch(slot, call, context.arena_lease, context.correlation_id, context.version);
    co_return;
  }
  context.here.parked.Spawn(AnswerWhenReady(
      {std::move(context.arena_lease), std::move(slot), context.correlation_id, context.version},
      std::move(call), table, SteadyNow() + request.max_wait_ms));
}

}  // namespace millrace::api
