#include "broker/api/router.h"

#include <algorithm>
#include <array>
#include <memory>

#include <fmt/format.h>

#include "broker/api/handlers.h"

namespace millrace::api {

namespace {

constexpr size_t kUsualArenaBytes = 16 << 10;

// Kafka closes the connection after a request that does not parse: what follows cannot be trusted.
void Malformed(const Context& context, wire::ApiKey key, const char* fault, AnswerSlot& slot) {
  slot.Abort({AbortKind::kMalformed,
              fmt::format("{} v{}: {}", wire::ApiName(key), context.version, fault),
              context.client_id});
}

// The request lies in the arena. Null: it is malformed, and the slot used up.
template <class Request>
Request* Decode(Context& context, wire::Bytes body, AnswerSlot& slot) {
  Request& request = context.arena().NewArray<Request>(1)[0];
  const char* fault = wire::DecodeMessage(body, context.version, context.arena(), request);
  if (fault != nullptr) {
    Malformed(context, Request::kInfo.key, fault, slot);
    return nullptr;
  }
  size_t arena_bytes = context.arena().allocated_bytes();
  if (arena_bytes > kUsualArenaBytes) {
    context.charge = MemoryCharge(context.here.memory, arena_bytes);
  }
  return &request;
}

template <class Request>
using Handler = awaitable<void> (*)(Context&, Request&, AnswerSlot);
// One that handles a request without a coroutine where it can.
template <class Request>
using PromptHandler = awaitable<void> (*)(Context&&, Request&, AnswerSlot);

template <class Request, Handler<Request> kHandler>
awaitable<void> Decoded(Context context, wire::Bytes body, AnswerSlot slot) {
  Request* request = Decode<Request>(context, body, slot);
  if (request != nullptr) co_await kHandler(context, *request, std::move(slot));
}

template <class Request, PromptHandler<Request> kHandler>
awaitable<void> DecodedPromptly(Context context, wire::Bytes body, AnswerSlot slot) {
  Request* request = Decode<Request>(context, body, slot);
  if (request == nullptr) return {};
  return kHandler(std::move(context), *request, std::move(slot));
}

template <class Request>
constexpr Api EntryOf(int16_t max_version, std::string_view note,
                      awaitable<void> (*handle)(Context, wire::Bytes, AnswerSlot)) {
  constexpr wire::MessageInfo kInfo = Request::kInfo;
  return {.key = kInfo.key,
          .min_version = kInfo.min_version,
          .max_version = max_version,
          .flexible_from = kInfo.flexible_from,
          .handle = handle,
          .since = "0.1",
          .note = note};
}

template <class Request, Handler<Request> kHandler>
constexpr Api Entry(int16_t max_version, std::string_view note = "") {
  return EntryOf<Request>(max_version, note, &Decoded<Request, kHandler>);
}

template <class Request, PromptHandler<Request> kHandler>
constexpr Api PromptEntry(int16_t max_version, std::string_view note = "") {
  return EntryOf<Request>(max_version, note, &DecodedPromptly<Request, kHandler>);
}

constexpr std::array kApis = std::to_array<Api>({
    PromptEntry<wire::ProduceRequest, HandleProduce>(
        13, "0 to 2 carry message sets, 13 names topics by id; transactional batches are refused."),
    Entry<wire::FetchRequest, HandleFetch>(
        18, "0 to 3 carry message sets, 13 and later name topics by id."),
    Entry<wire::ListOffsetsRequest, HandleListOffsets>(11),
    Entry<wire::MetadataRequest, HandleMetadata>(13),
    Entry<wire::OffsetCommitRequest, HandleOffsetCommit>(10, "10 names topics by id."),
    Entry<wire::OffsetFetchRequest, HandleOffsetFetch>(10, "10 names topics by id."),
    Entry<wire::FindCoordinatorRequest, HandleFindCoordinator>(6, "Transactional ids are refused."),
    Entry<wire::JoinGroupRequest, HandleJoinGroup>(9),
    Entry<wire::HeartbeatRequest, HandleHeartbeat>(4),
    Entry<wire::LeaveGroupRequest, HandleLeaveGroup>(5),
    Entry<wire::SyncGroupRequest, HandleSyncGroup>(5),
    Entry<wire::DescribeGroupsRequest, HandleDescribeGroups>(6),
    Entry<wire::ListGroupsRequest, HandleListGroups>(5),
    Entry<wire::ApiVersionsRequest, HandleApiVersions>(4),
    Entry<wire::CreateTopicsRequest, HandleCreateTopics>(7),
    Entry<wire::DeleteTopicsRequest, HandleDeleteTopics>(6),
    Entry<wire::DeleteRecordsRequest, HandleDeleteRecords>(2),
    Entry<wire::InitProducerIdRequest, HandleInitProducerId>(
        5, "Transactional ids are refused; 6 is for two-phase commit."),
    Entry<wire::OffsetForLeaderEpochRequest, HandleOffsetForLeaderEpoch>(4),
    Entry<wire::DescribeConfigsRequest, HandleDescribeConfigs>(4),
    Entry<wire::AlterConfigsRequest, HandleAlterConfigs>(2),
    Entry<wire::DescribeLogDirsRequest, HandleDescribeLogDirs>(5),
    Entry<wire::CreatePartitionsRequest, HandleCreatePartitions>(3),
    Entry<wire::DeleteGroupsRequest, HandleDeleteGroups>(2),
    Entry<wire::IncrementalAlterConfigsRequest, HandleIncrementalAlterConfigs>(1),
    Entry<wire::OffsetDeleteRequest, HandleOffsetDelete>(0),
    Entry<wire::DescribeClusterRequest, HandleDescribeCluster>(2),
    Entry<wire::DescribeProducersRequest, HandleDescribeProducers>(0),
    Entry<wire::ConsumerGroupHeartbeatRequest, HandleConsumerGroupHeartbeat>(1),
    Entry<wire::ConsumerGroupDescribeRequest, HandleConsumerGroupDescribe>(1),
    Entry<wire::ListConfigResourcesRequest, HandleListConfigResources>(1),
    Entry<wire::DescribeTopicPartitionsRequest, HandleDescribeTopicPartitions>(0),
});

static_assert(std::is_sorted(kApis.begin(), kApis.end(),
                             [](const Api& a, const Api& b) { return a.key < b.key; }));

const Api* FindApi(wire::ApiKey key) {
  for (const Api& api : kApis) {
    if (api.key == key) return &api;
  }
  return nullptr;
}

// A client that speaks a later ApiVersions than we is told our versions in the oldest form, which
// every client understands (KIP-511).
void AnswerUnknownApiVersions(AnswerSlot slot, int32_t correlation_id, wire::Arena& arena) {
  wire::ApiVersionsResponse response;
  response.error_code = ErrorCode::kUnsupportedVersion;
  response.api_keys = arena.NewArray<wire::ApiVersionsResponse::ApiVersion>(1);
  const Api* api = FindApi(wire::ApiKey::kApiVersions);
  response.api_keys[0] = {api->key, api->min_version, api->max_version};
  Answer(slot, correlation_id, 0, response);
}

}  // namespace

std::span<const Api> Apis() { return kApis; }

awaitable<void> Router::Handle(std::span<std::byte> frame, AnswerSlot slot, const Peer& peer) {
  std::optional<wire::RequestHeader> peeked = wire::PeekRequest(frame);
  if (!peeked.has_value()) {
    slot.Abort({AbortKind::kMalformed, "a frame too short for a request header"});
    return {};
  }
  const Api* api = FindApi(peeked->api_key);
  int16_t version = peeked->api_version;
  bool is_known = api != nullptr && version >= api->min_version && version <= api->max_version;
  Context context{services_,          here_, peer, peeked->correlation_id, version, frame,
                  here_.arenas.Take()};
  if (!is_known && peeked->api_key == wire::ApiKey::kApiVersions) {
    AnswerUnknownApiVersions(std::move(slot), peeked->correlation_id, context.arena());
    return {};
  }
  if (!is_known) {
    slot.Abort({AbortKind::kUnsupported,
                fmt::format("API {} ({}) v{} is not supported", static_cast<int>(peeked->api_key),
                            wire::ApiName(peeked->api_key), version)});
    return {};
  }
  int16_t header_version = version >= api->flexible_from ? 2 : 1;
  std::optional<wire::RequestFrame> request = wire::DecodeRequestFrame(frame, header_version);
  if (!request.has_value()) {
    slot.Abort({AbortKind::kMalformed, fmt::format("{} v{}: a malformed request header",
                                                   wire::ApiName(api->key), version)});
    return {};
  }
  context.client_id = request->header.client_id;
  return api->handle(std::move(context), request->body, std::move(slot));
}

}  // namespace millrace::api
