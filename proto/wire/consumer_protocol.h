// What consumers of classic groups tell each other by way of the coordinator: subscriptions (the
// metadata of JoinGroup) and assignments (SyncGroup), of the protocol type "consumer". Neither is a
// request: a version stands before each.
//
//   Arena arena;
//   std::optional<ConsumerProtocolSubscription> read = ReadSubscription(metadata, arena);
//
// The bytes come from clients and may be anything. Later versions only append fields, so that they
// read as the last one that is known.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proto/wire/codec.h"

namespace millrace::wire {

inline constexpr int16_t kConsumerProtocolVersionMax = 3;

struct ConsumerProtocolTopic {
  std::string_view topic;
  Array<PartitionIndex> partitions;
};

template <class Archive>
void Describe(Archive& ar, ConsumerProtocolTopic& topic) {
  ar.Field(topic.topic);
  ar.Field(topic.partitions);
}

struct ConsumerProtocolSubscription {
  Array<std::string_view> topics;
  std::optional<Bytes> user_data;  // known to the members' assignors only
  // What the member has not given up to join; nothing where it gives up all (eager protocols).
  Array<ConsumerProtocolTopic> owned_partitions;
  std::optional<GenerationId> generation_id;
  std::optional<std::string_view> rack_id;
};

template <class Archive>
void Describe(Archive& ar, ConsumerProtocolSubscription& subscription) {
  ar.Field(subscription.topics);
  ar.Field(subscription.user_data);
  if (ar.Since(1)) ar.Field(subscription.owned_partitions);
  if (ar.Since(2)) ar.Optional(subscription.generation_id);
  if (ar.Since(3)) ar.Field(subscription.rack_id);
}

struct ConsumerProtocolAssignment {
  Array<ConsumerProtocolTopic> assigned_partitions;
  std::optional<Bytes> user_data;
};

template <class Archive>
void Describe(Archive& ar, ConsumerProtocolAssignment& assignment) {
  ar.Field(assignment.assigned_partitions);
  ar.Field(assignment.user_data);
}

// None: it does not parse. What is read views `bytes` and lies in the arena.
std::optional<ConsumerProtocolSubscription> ReadSubscription(Bytes bytes, Arena& arena);
std::optional<ConsumerProtocolAssignment> ReadAssignment(Bytes bytes, Arena& arena);
// The version that the bytes begin with, the last known one at most; 0 where they have none.
int16_t ConsumerProtocolVersionOf(Bytes bytes);

// With the version before it. Precondition: it is a known one.
std::string Encode(ConsumerProtocolSubscription subscription, int16_t version);
std::string Encode(ConsumerProtocolAssignment assignment, int16_t version);

}  // namespace millrace::wire
