// Group coordinators: which partition of __consumer_offsets looks after a group, and the call that
// takes a request to it.
//
//   core::group::HeartbeatAnswer answer = co_await groups.Call(core::group::Heartbeat{...});
//
// Threading: any shard; a call hops to the shard of the group's partition and back. Start and Stop
// on one shard. Lifetime: everything in Environment outlives the service; Stop before destroying.
// Errors: in the answer's `error`. NOT_COORDINATOR while there is no __consumer_offsets.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "broker/core/properties.h"
#include "broker/partition/partition_table.h"
#include "broker/service/group/coordinator.h"
#include "broker/service/internal_topics.h"
#include "broker/service/topic_service.h"

namespace millrace::service {

// Kafka's: the absolute value of Java's String.hashCode, modulo the partitions. Precondition:
// partitions > 0. A group id that is not UTF-8 is hashed as if it were Latin-1.
PartitionIndex PartitionOfGroup(std::string_view group_id, size_t partitions);

class GroupService {
 public:
  struct Environment {
    partition::PartitionTable& partitions;
    const ClusterView& view;
    TopicService& topics;
    DiskPool& disk_pool;
    const core::Properties& properties;
  };

  explicit GroupService(const Environment& environment);

  // Loads the coordinators of all partitions, in the background.
  awaitable<void> Start();
  awaitable<void> Stop();

  // Creates __consumer_offsets where it is missing: COORDINATOR_NOT_AVAILABLE when that fails.
  awaitable<ErrorCode> EnsureTopic();

  // What `input` views must live until the answer is there.
  template <class Input>
  awaitable<typename Input::Answer> Call(Input input) {
    std::optional<partition::PartitionKey> key = KeyOf(input.group_id);
    if (!key.has_value()) co_return NoCoordinator<Input>();
    Shard& shard = environment_.partitions.ShardOf(*key);
    co_return co_await shard.Run(CallHere(*key, std::move(input)));
  }

  // A request that was handed in. Any shard may hold it.
  struct Ticket {
    std::shared_ptr<Coordinator> coordinator;  // null: there is none
    Coordinator::Ticket call;
    Shard* shard = nullptr;
    bool is_ready = true;  // whether the answer was there at once
  };

  // What waits for other members, for minutes, is asked in two halves: what `input` views must live
  // until Begin returns. Then comes End, or Abandon.
  template <class Input>
  awaitable<Ticket> Begin(Input input) {
    std::optional<partition::PartitionKey> key = KeyOf(input.group_id);
    if (!key.has_value()) co_return Ticket();
    Shard& shard = environment_.partitions.ShardOf(*key);
    co_return co_await shard.Run(BeginHere(*key, std::move(input)));
  }

  template <class Input>
  awaitable<typename Input::Answer> End(Ticket ticket) {
    if (ticket.coordinator == nullptr) co_return NoCoordinator<Input>();
    co_return co_await ticket.shard->Run(
        ticket.coordinator->template End<Input>(std::move(ticket.call)));
  }

  // Nobody waits for the answer any more: End returns soon.
  static void Abandon(const Ticket& ticket);

  // The groups of all coordinators; an error when one of them cannot say.
  awaitable<core::group::ListAnswer> List();

 private:
  // Shards change their maps at the same time: each gets its own cache line.
  struct alignas(64) PerShard {
    absl::flat_hash_map<partition::PartitionKey, std::shared_ptr<Coordinator>> coordinators;
    bool stopped = false;  // no coordinator begins any more
  };

  template <class Input>
  static typename Input::Answer NoCoordinator() {
    typename Input::Answer answer;
    answer.error = ErrorCode::kNotCoordinator;
    return answer;
  }

  // On the partition's shard.
  template <class Input>
  awaitable<typename Input::Answer> CallHere(partition::PartitionKey key, Input input) {
    std::shared_ptr<Coordinator> coordinator = Find(key);
    if (coordinator == nullptr) co_return NoCoordinator<Input>();
    co_return co_await coordinator->Call(std::move(input));
  }

  template <class Input>
  awaitable<Ticket> BeginHere(partition::PartitionKey key, Input input) {
    Ticket ticket{.coordinator = Find(key), .call = nullptr, .shard = &Shard::Current()};
    if (ticket.coordinator == nullptr) co_return ticket;
    ticket.call = co_await ticket.coordinator->Begin(std::move(input));
    ticket.is_ready = ticket.call->is_settled();
    co_return ticket;
  }

  awaitable<core::group::ListAnswer> ListHere(partition::PartitionKey key);
  std::vector<partition::PartitionKey> AllKeys() const;
  std::optional<partition::PartitionKey> KeyOf(std::string_view group_id) const;
  std::shared_ptr<Coordinator> Find(const partition::PartitionKey& key);
  awaitable<void> StartHere(partition::PartitionKey key);
  awaitable<void> StopHere(PerShard& here);

  Environment environment_;
  CoordinatorOptions options_;
  std::vector<PerShard> shards_;
};

}  // namespace millrace::service
