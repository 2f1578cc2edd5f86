// What a handler works with: the broker's services, the shard it runs on, and one request.
//
// A handler is a coroutine `awaitable<void> HandleX(Context&, XRequest&, AnswerSlot)`. Context,
// request and frame live until it ends; who fills the slot later keeps the arena (TakeArena) and
// copies what the frame holds.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/api/arena_pool.h"
#include "broker/core/fetch_session.h"
#include "broker/partition/partition_table.h"
#include "broker/runtime/client_log.h"
#include "broker/runtime/codec_pool.h"
#include "broker/runtime/frame_handler.h"
#include "broker/runtime/load_pool.h"
#include "broker/runtime/memory_budget.h"
#include "broker/runtime/task_group.h"
#include "broker/service/broker_config_service.h"
#include "broker/service/cluster_view.h"
#include "broker/service/group_service.h"
#include "broker/service/partition_host.h"
#include "broker/service/producer_ids.h"
#include "broker/service/topic_service.h"
#include "proto/wire/frame.h"

namespace millrace::api {

// The settings that handlers look at; immutable after start.
struct ApiOptions {
  bool auto_create_topics = true;
  int64_t fetch_bytes_max = 55 << 20;
  size_t fetch_sessions_max = 1000;
};

// One for the whole broker; outlives every handler.
struct Services {
  service::ClusterView& cluster;
  partition::PartitionTable& partitions;
  service::TopicService& topics;
  service::BrokerConfigService& broker_configs;
  service::GroupService& groups;
  service::ProducerIds& producer_ids;
  service::PartitionHost& host;
  DiskPool& disk_pool;
  CodecPool& codec_pool;
  LoadPool& load_pool;
  ClientLog& client_log;
  ApiOptions options;
};

// One for each shard: what its handlers keep between requests.
struct ShardState {
  ShardState(Shard& home, ShardMemory& shard_memory, const ApiOptions& options)
      : shard(home),
        memory(shard_memory),
        arenas(std::min(wire::Arena::kBytesMax,
                        static_cast<size_t>(shard_memory.budget().limit() / kArenaShare))),
        sessions(options.fetch_sessions_max,
                 static_cast<size_t>(std::min(
                     kSessionPartitionsMax,
                     shard_memory.budget().limit() / kArenaShare / kSessionPartitionBytes))),
        parked(home) {}

  // One request's arrays take no more than this part of the memory budget.
  static constexpr int64_t kArenaShare = 16;
  // What a shard's fetch sessions may hold, all together.
  static constexpr int64_t kSessionPartitionsMax = 200'000;
  static constexpr int64_t kSessionPartitionBytes = 320;  // measured, rounded up

  Shard& shard;
  ShardMemory& memory;
  ArenaPool arenas;
  core::FetchSessionCache sessions;
  TaskGroup parked;  // requests that wait for a high watermark
};

struct Context {
  const Services& services;
  ShardState& here;
  const Peer& peer;
  int32_t correlation_id;
  int16_t version;
  std::span<std::byte> frame;
  ArenaPool::Lease arena_lease;
  std::optional<std::string_view> client_id = std::nullopt;  // in the frame
  MemoryCharge charge = {};                                  // for an arena of more than usual size

  wire::Arena& arena() const { return *arena_lease; }
  // The bytes of a view into the frame, to be changed in place.
  std::span<std::byte> Mutable(wire::Bytes view) const {
    if (view.empty()) return {};  // of null bytes, too, which lie nowhere in the frame
    return frame.subspan(static_cast<size_t>(view.data() - frame.data()), view.size());
  }
};

// What is left of a request when its handler has ended and its answer is not there yet.
struct ParkedRequest {
  ArenaPool::Lease arena;
  AnswerSlot slot;
  int32_t correlation_id;
  int16_t version;
  MemoryCharge charge = {};
};

// Takes what the request that waits needs out of its context. `more_bytes` is what its own
// structures take, besides the arena and the frames of its coroutines.
inline ParkedRequest Park(Context& context, AnswerSlot slot, size_t more_bytes) {
  constexpr size_t kCoroutineBytes = 2 << 10;
  size_t bytes = context.arena().allocated_bytes() + kCoroutineBytes + more_bytes;
  context.charge = {};
  return {std::move(context.arena_lease), std::move(slot), context.correlation_id, context.version,
          MemoryCharge(context.here.memory, bytes)};
}

// Encodes the answer into the slot. `files` are the records that stay in files, in the order of
// their partitions; their positions are set here.
template <class Response>
void Answer(AnswerSlot& slot, int32_t correlation_id, int16_t version, const Response& response,
            std::span<FilePart> files = {}) {
  wire::ByteBuffer& buffer = slot.buffer();
  size_t start = buffer.size();
  ErrorCode error = ErrorCode::kNone;
  std::vector<wire::Splice> splices =
      wire::EncodeResponse(buffer, {correlation_id}, response, version, &error);
  INVARIANT(splices.size() == files.size());
  for (size_t i = 0; i < files.size(); ++i) files[i].position = splices[i].position - start;
  if (error != ErrorCode::kNone) slot.NoteError(static_cast<int16_t>(error));
  slot.Fill(files);
}

template <class Response>
void Answer(const Context& context, AnswerSlot& slot, const Response& response) {
  Answer(slot, context.correlation_id, context.version, response);
}

}  // namespace millrace::api
