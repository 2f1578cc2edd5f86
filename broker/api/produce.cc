// Produce: check, append, answer. With acks=all the answer waits until the high watermark covers
// what was appended; the connection's next request starts meanwhile.
#include <algorithm>
#include <string>

#include <absl/container/inlined_vector.h>
#include <fmt/format.h>

#include "broker/api/handlers.h"
#include "broker/api/message_sets.h"
#include "broker/api/parking.h"
#include "proto/record/batch.h"
#include "proto/record/message_set.h"
#include "proto/topic_id_text.h"

namespace millrace::api {

namespace {

using Result = wire::ProduceResponse::Partition;

constexpr int16_t kZstdSince = 7;
constexpr int16_t kBatchesSince = 3;
constexpr int16_t kTopicIdsSince = 13;
constexpr size_t kWaitingWriteBytes = 256;  // with its watcher

// One partition's records on their way to its log.
struct Write {
  partition::PartitionKey key;
  std::span<std::byte> batch;
  Result* result;
  // Set when the records were appended and are not committed yet.
  std::shared_ptr<partition::Partition> uncommitted;
  Offset end;
};

// Most requests write to one or two partitions: these cost no allocation.
using Writes = absl::InlinedVector<Write, 2>;

void Refuse(Result& result, ErrorCode error, std::string_view message) {
  result.error_code = error;
  result.error_message = message;
}

bool HasTooFewReplicas(const core::TopicImage& topic, PartitionIndex index) {
  const core::PartitionImage& partition = topic.partitions[static_cast<size_t>(index.value())];
  // As in Kafka, no more than there are replicas.
  auto wanted = std::min<size_t>(static_cast<size_t>(std::max(topic.min_insync_replicas, 1)),
                                 partition.replicas.size());
  return partition.isr.size() < wanted;
}

// What can be said without looking into a log. True: the write may be tried.
bool Check(const Context& context, const wire::ProduceRequest& request,
           const core::TopicImage* topic, Write& write) {
  Result& result = *write.result;
  if (request.acks < wire::kAcksAll || request.acks > wire::kAcksLeader) {
    Refuse(result, ErrorCode::kInvalidRequiredAcks, "acks must be -1, 0 or 1");
  } else if (topic == nullptr && context.version >= kTopicIdsSince) {
    Refuse(result, ErrorCode::kUnknownTopicId, "no topic has this id");
  } else if (topic == nullptr || !topic->HasPartition(write.key.index)) {
    Refuse(result, ErrorCode::kUnknownTopicOrPartition, "no such topic or partition");
  } else if (topic->is_internal) {
    Refuse(result, ErrorCode::kInvalidTopicException, "the broker alone writes to this topic");
  } else if (request.acks == wire::kAcksAll && HasTooFewReplicas(*topic, write.key.index)) {
    Refuse(result, ErrorCode::kNotEnoughReplicas, "fewer replicas in sync than required");
  } else if (write.batch.size() >= record::kBatchHeaderBytes &&
             record::MagicOf(write.batch) == record::kMagicV2) {
    record::BatchView batch(write.batch);
    if (batch.codec() == record::CodecType::kZstd && context.version < kZstdSince) {
      Refuse(result, ErrorCode::kUnsupportedCompressionType, "zstd needs Produce 7 or later");
    } else if (batch.is_transactional()) {
      Refuse(result, ErrorCode::kInvalidTxnState, "transactions are not supported");
    }
  }
  // As in Kafka, an old client's set without a message is no error.
  bool is_nothing = context.version < kBatchesSince && write.batch.empty();
  return result.error_code == ErrorCode::kNone && !is_nothing;
}

// A request on its way.
struct Call {
  const wire::ProduceRequest& request;  // in the arena
  partition::AppendRequest append;
  wire::ProduceResponse response = {};
  Writes writes = {};
  size_t done = 0;  // of the writes, from the first on
};

// Builds the response with a result for every partition, and the list of writes to try.
void PlanWrites(const Context& context, Call& call) {
  const core::ClusterImage& image = context.services.cluster.current();
  const auto& topics = call.request.topic_data;
  call.response.responses = context.arena().NewArray<wire::ProduceResponse::Topic>(topics.size());
  for (size_t t = 0; t < topics.size(); ++t) {
    const auto& asked = topics[t];
    auto& answer = call.response.responses[t];
    const core::TopicImage* topic = context.version >= kTopicIdsSince
                                        ? image.FindTopic(asked.topic_id)
                                        : image.FindTopic(asked.name);
    answer.name = asked.name;
    answer.topic_id = asked.topic_id;
    answer.partition_responses = context.arena().NewArray<Result>(asked.partition_data.size());
    for (size_t p = 0; p < asked.partition_data.size(); ++p) {
      const auto& data = asked.partition_data[p];
      answer.partition_responses[p].index = data.index;
      Write write{.key = {topic == nullptr ? TopicId{} : topic->id, data.index},
                  .batch = context.Mutable(data.records.bytes.value_or(wire::Bytes())),
                  .result = &answer.partition_responses[p]};
      if (Check(context, call.request, topic, write)) call.writes.push_back(std::move(write));
    }
  }
}

// Message sets become batches, which live in `converted`. Who sends a batch in an old version means
// a batch. What cannot be converted is refused and leaves the list.
awaitable<void> ConvertSets(const Context& context, Writes& writes,
                            std::vector<std::vector<std::byte>>& converted) {
  for (Write& write : writes) {
    if (record::MagicOf(write.batch) == record::kMagicV2) continue;
    record::UpConverted up = co_await ConvertUp(context.services, write.batch);
    if (up.fault.has_value()) {
      Refuse(*write.result, up.fault->error, context.arena().Copy(up.fault->message));
    } else {
      write.batch = converted.emplace_back(std::move(up.batch));
    }
  }
  auto refused = std::remove_if(writes.begin(), writes.end(), [](const Write& write) {
    return write.result->error_code != ErrorCode::kNone;
  });
  writes.erase(refused, writes.end());
}

void NoteRefusal(const Context& context, Result& result, const partition::AppendOutcome& outcome) {
  if (!outcome.message.empty()) result.error_message = context.arena().Copy(outcome.message);
  if (!outcome.record_index.has_value()) return;
  result.record_errors = context.arena().NewArray<wire::ProduceResponse::RecordError>(1);
  result.record_errors[0] = {.batch_index = *outcome.record_index,
                             .batch_index_error_message = result.error_message};
}

void Note(const Context& context, Write& write, partition::Partition* partition,
          const partition::AppendOutcome& outcome, bool acks_all) {
  Result& result = *write.result;
  result.error_code = outcome.error;
  if (outcome.error != ErrorCode::kNone) return NoteRefusal(context, result, outcome);
  result.base_offset = outcome.base_offset;
  result.log_append_time_ms = outcome.log_append_time;
  result.log_start_offset = outcome.log_start_offset;
  write.end = outcome.end;
  if (acks_all && !partition->IsCommitted(outcome.end)) {
    write.uncommitted = partition->shared_from_this();
  }
}

// On the partition's shard.
awaitable<void> Append(const Context& context, Write& write, partition::AppendRequest request) {
  partition::Partition* partition =
      context.services.partitions.On(Shard::Current()).Find(write.key);
  if (partition == nullptr) {
    Refuse(*write.result, ErrorCode::kKafkaStorageError, "the partition's log is offline");
    co_return;
  }
  auto hold = partition->shared_from_this();
  partition::AppendOutcome outcome = co_await partition->Append(write.batch, request);
  Note(context, write, partition, outcome, request.acks_all);
}

// The usual case: the partition lives here and its log takes the batch at once.
bool TryAppend(const Context& context, Write& write, const partition::AppendRequest& request) {
  const Shard& home = context.services.partitions.ShardOf(write.key);
  if (&home != &context.here.shard) return false;
  partition::Partition* partition = context.services.partitions.On(home).Find(write.key);
  if (partition == nullptr) return false;
  auto outcome = partition->TryAppend(write.batch, request);
  if (!outcome.has_value()) return false;
  Note(context, write, partition, *outcome, request.acks_all);
  return true;
}

// Kafka closes the connection of an acks=0 producer after an error, so that it asks for metadata.
void FinishUnanswered(const Context& context, AnswerSlot slot,
                      const wire::ProduceResponse& response) {
  for (const auto& topic : response.responses) {
    for (const Result& result : topic.partition_responses) {
      if (result.error_code == ErrorCode::kNone) continue;
      std::string name =
          topic.topic_id.is_zero() ? std::string(topic.name) : TopicIdText(topic.topic_id);
      std::string what = fmt::format("Produce v{}: acks=0 to {}-{} failed: {}", context.version,
                                     name, result.index.value(), ErrorName(result.error_code));
      slot.NoteError(static_cast<int16_t>(result.error_code));
      return slot.Abort({AbortKind::kRefused, what, context.client_id});
    }
  }
  slot.Skip();
}

// Waits for the commit of what was appended; a coroutine of its own.
awaitable<void> AnswerWhenCommitted(ParkedRequest parked, wire::ProduceResponse response,
                                    Writes writes, MonotonicMs deadline) {
  auto parking = std::make_shared<Parking>(Shard::Current());
  for (Write& write : writes) parking->Add(std::move(write.uncommitted), write.end);
  if (!parked.slot.Watch(*parking)) co_return;
  co_await parking->Wait(Parking::Until::kLast, deadline);
  if (parking->is_closed()) co_return;
  for (size_t i = 0; i < writes.size(); ++i) {
    const Parking::Outcome& outcome = parking->outcome(i);
    if (outcome.reached) continue;
    writes[i].result->error_code =
        outcome.failure == ErrorCode::kNone ? ErrorCode::kRequestTimedOut : outcome.failure;
  }
  Answer(parked.slot, parked.correlation_id, parked.version, response);
}

// Answers, or sees to it that it is answered once everything is committed.
void Finish(Context& context, Call& call, AnswerSlot slot) {
  if (call.request.acks == wire::kAcksNone) {
    return FinishUnanswered(context, std::move(slot), call.response);
  }
  auto is_committed = [](const Write& write) { return write.uncommitted == nullptr; };
  Writes& writes = call.writes;
  if (std::all_of(writes.begin(), writes.end(), is_committed)) {
    return Answer(context, slot, call.response);
  }
  writes.erase(std::remove_if(writes.begin(), writes.end(), is_committed), writes.end());
  for (auto& topic : call.response.responses) topic.name = context.arena().Copy(topic.name);
  MonotonicMs deadline = SteadyNow() + std::max(call.request.timeout_ms, 0);
  ParkedRequest parked = Park(context, std::move(slot), writes.size() * kWaitingWriteBytes);
  context.here.parked.Spawn(
      AnswerWhenCommitted(std::move(parked), call.response, std::move(writes), deadline));
}

// For writes that wait: for a roll, for another shard, for another thread.
awaitable<void> ProduceRest(Context context, Call call, AnswerSlot slot) {
  std::vector<std::vector<std::byte>> converted;
  if (context.version < kBatchesSince) co_await ConvertSets(context, call.writes, converted);
  for (; call.done < call.writes.size(); ++call.done) {
    Write& write = call.writes[call.done];
    if (TryAppend(context, write, call.append)) continue;
    Shard& home = context.services.partitions.ShardOf(write.key);
    co_await home.Run(Append(context, write, call.append));
  }
  Finish(context, call, std::move(slot));
}

}  // namespace

awaitable<void> HandleProduce(Context&& context, wire::ProduceRequest& request, AnswerSlot slot) {
  Call call{.request = request,
            .append = {.acks_all = request.acks == wire::kAcksAll, .now = WallNow()}};
  PlanWrites(context, call);
  Writes& writes = call.writes;
  if (context.version >= kBatchesSince) {
    while (call.done < writes.size() && TryAppend(context, writes[call.done], call.append)) {
      ++call.done;
    }
    if (call.done == writes.size()) {
      Finish(context, call, std::move(slot));
      return {};
    }
  }
  return ProduceRest(std::move(context), std::move(call), std::move(slot));
}

}  // namespace millrace::api
