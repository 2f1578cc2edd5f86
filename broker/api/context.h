// What a handler works with: the broker's services, the shard it runs on, and one request.
//
// A handler is a coroutine `awaitable<void> HandleX(Context&, XRequest&, AnswerSlot)`. Context,
// request and frame live until it ends; who fills the slot later keeps the arena (TakeArena) and
// copies what the frame holds.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/api/arena_pool.h"
#include "broker/core/fetch_session.h"
#include "broker/partition/partition_table.h"
#include "broker/runtime/frame_handler.h"
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
  std::string log_directory;
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
  DiskPool& codec_pool;
  ApiOptions options;
};

// One for each shard: what its handlers keep between requests.
struct ShardState {
  ShardState(Shard& home, const ApiOptions& options)
      : shard(home), sessions(options.fetch_sessions_max), parked(home) {}

  Shard& shard;
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
  std::string_view client_id = {};

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
};

// Encodes the answer into the slot. `files` are the records that stay in files, in the order of
// their partitions; their positions are set here.
template <class Response>
void Answer(AnswerSlot& slot, int32_t correlation_id, int16_t version, const Response& response,
            std::span<FilePart> files = {}) {
  wire::ByteBuffer& buffer = slot.buffer();
  size_t start = buffer.size();
  std::vector<wire::Splice> splices =
      wire::EncodeResponse(buffer, {correlation_id}, response, version);
  INVARIANT(splices.size() == files.size());
  for (size_t i = 0; i < files.size(); ++i) files[i].position = splices[i].position - start;
  slot.Fill(files);
}

template <class Response>
void Answer(const Context& context, AnswerSlot& slot, const Response& response) {
  Answer(slot, context.correlation_id, context.version, response);
}

}  // namespace millrace::api
