#include "broker/service/group_service.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <string>

#include <spdlog/spdlog.h>

#include "proto/invariant.h"

namespace millrace::service {

namespace {

using partition::PartitionKey;

constexpr int64_t kMsPerMinute = 60'000;

CoordinatorOptions MakeOptions(const core::Properties& properties) {
  CoordinatorOptions options;
  options.machine.session_timeout_ms_min =
      static_cast<int32_t>(properties.Integer("group.min.session.timeout.ms"));
  options.machine.session_timeout_ms_max =
      static_cast<int32_t>(properties.Integer("group.max.session.timeout.ms"));
  options.machine.members_max = static_cast<size_t>(properties.Integer("group.max.size"));
  options.machine.initial_rebalance_delay_ms =
      properties.Integer("group.initial.rebalance.delay.ms");
  core::group::ConsumerOptions& consumer = options.machine.consumer;
  consumer.session_timeout_ms =
      static_cast<int32_t>(properties.Integer("group.consumer.session.timeout.ms"));
  consumer.heartbeat_interval_ms =
      static_cast<int32_t>(properties.Integer("group.consumer.heartbeat.interval.ms"));
  consumer.members_max = static_cast<size_t>(properties.Integer("group.consumer.max.size"));
  consumer.assignment_interval_ms = properties.Integer("group.consumer.assignment.interval.ms");
  consumer.assignors.clear();
  for (const std::string& name : properties.List("group.consumer.assignors")) {
    std::optional<core::group::Assignor> assignor = core::group::FindAssignor(name);
    INVARIANT(assignor.has_value());
    consumer.assignors.push_back(*assignor);
  }
  const std::string policy = properties.Text("group.consumer.migration.policy");
  consumer.may_upgrade = policy == "bidirectional" || policy == "upgrade";
  consumer.may_downgrade = policy == "bidirectional" || policy == "downgrade";
  options.machine.offset_metadata_max =
      static_cast<size_t>(properties.Integer("offset.metadata.max.bytes"));
  options.machine.offsets_retention_ms =
      properties.Integer("offsets.retention.minutes") * kMsPerMinute;
  options.commit_timeout_ms = properties.Integer("offsets.commit.timeout.ms");
  options.cleanup_interval_ms = properties.Integer("offsets.retention.check.interval.ms");
  return options;
}

// The next character of UTF-8 text, as a code point.
uint32_t TakeCodePoint(std::string_view& rest) {
  auto first = static_cast<unsigned char>(rest.front());
  size_t bytes = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (bytes == 1 || first < 0xc0 || rest.size() < bytes) {
    rest.remove_prefix(1);
    return first;
  }
  uint32_t point = first & (0xffu >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    point = point << 6 | (static_cast<unsigned char>(rest[i]) & 0x3fu);
  }
  rest.remove_prefix(bytes);
  return point;
}

}  // namespace

PartitionIndex PartitionOfGroup(std::string_view group_id, size_t partitions) {
  INVARIANT(partitions > 0);
  constexpr uint32_t kFirstPair = 0x10000;
  uint32_t hash = 0;
  while (!group_id.empty()) {
    uint32_t point = TakeCodePoint(group_id);
    // Java hashes UTF-16 units, of which characters beyond 16 bits have two.
    if (point >= kFirstPair) {
      hash = 31 * hash + (0xd800 + ((point - kFirstPair) >> 10));
      point = 0xdc00 + ((point - kFirstPair) & 0x3ff);
    }
    hash = 31 * hash + point;
  }
  auto signed_hash = static_cast<int32_t>(hash);
  // The one number without an absolute value counts as 0.
  uint32_t absolute = signed_hash == INT32_MIN ? 0 : static_cast<uint32_t>(std::abs(signed_hash));
  return PartitionIndex(static_cast<int32_t>(absolute % partitions));
}

GroupService::GroupService(const Environment& environment)
    : environment_(environment),
      options_(MakeOptions(environment.properties)),
      shards_(environment.partitions.shards().size()) {}

awaitable<void> GroupService::Start() {
  for (const PartitionKey& key : AllKeys()) {
    co_await environment_.partitions.ShardOf(key).Run(StartHere(key));
  }
}

awaitable<void> GroupService::StartHere(PartitionKey key) {
  static_cast<void>(Find(key));
  co_return;
}

awaitable<void> GroupService::Stop() {
  ShardSet& shards = environment_.partitions.shards();
  for (size_t i = 0; i < shards.size(); ++i) co_await shards[i].Run(StopHere(shards_[i]));
}

awaitable<void> GroupService::StopHere(PerShard& here) {
  here.stopped = true;
  for (auto& [key, coordinator] : here.coordinators) co_await coordinator->Stop();
}

std::vector<PartitionKey> GroupService::AllKeys() const {
  std::vector<PartitionKey> keys;
  const core::TopicImage* topic = environment_.view.current().FindTopic(kOffsetsTopic);
  if (topic == nullptr) return keys;
  for (size_t p = 0; p < topic->partitions.size(); ++p) {
    keys.push_back({topic->id, PartitionIndex(static_cast<int32_t>(p))});
  }
  return keys;
}

std::optional<PartitionKey> GroupService::KeyOf(std::string_view group_id) const {
  const core::TopicImage* topic = environment_.view.current().FindTopic(kOffsetsTopic);
  if (topic == nullptr) return std::nullopt;
  return PartitionKey{topic->id, PartitionOfGroup(group_id, topic->partitions.size())};
}

// A coordinator begins when it is first asked for. Null: its partition is not here.
std::shared_ptr<Coordinator> GroupService::Find(const PartitionKey& key) {
  Shard& shard = Shard::Current();
  PerShard& here = shards_[shard.index()];
  auto found = here.coordinators.find(key);
  if (found != here.coordinators.end()) return found->second->is_gone() ? nullptr : found->second;
  partition::Partition* partition = environment_.partitions.On(shard).Find(key);
  if (partition == nullptr || here.stopped) return nullptr;
  Coordinator::Environment environment{
      shard, environment_.disk_pool, [&view = environment_.view] { return view.ptr(); }, options_};
  auto coordinator = std::make_shared<Coordinator>(environment, partition->shared_from_this());
  here.coordinators[key] = coordinator;
  coordinator->Start();
  return coordinator;
}

awaitable<ErrorCode> GroupService::EnsureTopic() {
  if (environment_.view.current().FindTopic(kOffsetsTopic) != nullptr) co_return ErrorCode::kNone;
  TopicOutcome outcome = co_await environment_.topics.Create({.name = std::string(kOffsetsTopic)});
  if (environment_.view.current().FindTopic(kOffsetsTopic) != nullptr) co_return ErrorCode::kNone;
  if (outcome.error != ErrorCode::kTopicAlreadyExists) {
    spdlog::error("{} could not be created: {} {}", kOffsetsTopic, ErrorName(outcome.error),
                  outcome.message);
  }
  co_return ErrorCode::kCoordinatorNotAvailable;
}

void GroupService::Abandon(const Ticket& ticket) {
  if (ticket.coordinator == nullptr) return;
  ticket.shard->Post([ticket] { ticket.coordinator->Abandon(*ticket.call); });
}

// On a partition's shard, like CallHere, for a question that names no group.
awaitable<core::group::ListAnswer> GroupService::ListHere(PartitionKey key) {
  std::shared_ptr<Coordinator> coordinator = Find(key);
  if (coordinator == nullptr) co_return NoCoordinator<core::group::List>();
  co_return co_await coordinator->Call(core::group::List{});
}

awaitable<core::group::ListAnswer> GroupService::List() {
  core::group::ListAnswer all;
  for (const PartitionKey& key : AllKeys()) {
    Shard& shard = environment_.partitions.ShardOf(key);
    core::group::ListAnswer some = co_await shard.Run(ListHere(key));
    if (some.error != ErrorCode::kNone) co_return some;
    std::move(some.groups.begin(), some.groups.end(), std::back_inserter(all.groups));
  }
  co_return all;
}

}  // namespace millrace::service
