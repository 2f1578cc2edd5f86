// What is known of a consumer group: one whose members the coordinator gives their partitions
// (KIP-848), where those of a classic group share them out among themselves. All of this is
// durable; it is changed by records only (records.h).
//
//   The group's epoch grows with every change of who is in it and what they read. A target says for
//   every member what it is to have in the end, and belongs to the epoch for which it was made.
//   Each member is led towards it by its heartbeats (reconcile.h): first it gives up what it is not
//   to have, then it is given what the others have given up.
//
// Pure values.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "broker/core/group/partition_set.h"
#include "broker/core/group/protocol.h"
#include "proto/types.h"

namespace millrace::core::group {

// Of a consumer group, as Kafka calls them.
enum class ConsumerGroupState { kEmpty, kAssigning, kReconciling, kStable };

// Kafka's name of the state: "Reconciling".
std::string_view StateName(ConsumerGroupState state);

// How far a member has come: it has what it is to have; it has not yet said that it gave up what it
// is to give up; it waits for others to give up theirs.
enum class MemberState { kStable, kUnrevoked, kUnreleased };

// Epochs that say something else than how far a member has come.
inline constexpr MemberEpoch kJoining{0};
inline constexpr MemberEpoch kLeaving{-1};
// Of a static member that will be back.
inline constexpr MemberEpoch kAway{-2};

// Of a member that speaks the classic protocol. What it has subscribed to stands in the first of
// its protocols; its generation is the member's epoch.
struct ClassicSide {
  int32_t session_timeout_ms = 0;
  Protocols protocols;  // never none

  friend bool operator==(const ClassicSide&, const ClassicSide&) = default;
};

struct ConsumerMember {
  std::optional<std::string> instance_id;  // of a static member
  std::optional<std::string> rack_id;
  std::string client_id;
  std::string client_host;
  int32_t rebalance_timeout_ms = 0;
  std::vector<std::string> topics;      // that it has subscribed to by name, ascending
  std::string regex;                    // and by pattern; empty: none
  std::optional<std::string> assignor;  // that it would like
  std::optional<ClassicSide> classic;   // none: it speaks the consumer protocol

  MemberState state = MemberState::kStable;
  MemberEpoch epoch{0};
  MemberEpoch previous_epoch{0};
  MemberEpoch gained_epoch{0};         // when it was last given partitions
  MemberEpoch gained_before_epoch{0};  // and the time before
  PartitionSet assigned;               // what it has
  PartitionSet revoking;               // what it must give up first
  PartitionSet target;                 // what it is to have
  PartitionSet gained;                 // of what it has: what it was given last

  // Whether it has had the partition since that epoch, as far as is known.
  bool HasHadSince(MemberEpoch since, const TopicPartition& partition) const;
  bool SubscribesAs(const ConsumerMember& other) const {
    return topics == other.topics && regex == other.regex;
  }

  friend bool operator==(const ConsumerMember&, const ConsumerMember&) = default;
};

struct ConsumerGroup {
  MemberEpoch epoch{0};
  MemberEpoch target_epoch{0};  // of the target that the members have
  uint64_t topics_hash = 0;     // of the topics that the members read, and of their partitions
  TimestampMs state_since{0};   // when it became empty last, or began
  std::map<std::string, ConsumerMember, std::less<>> members;  // by member id
  // By how many members a partition is held, assigned or being revoked; follows from the members.
  absl::flat_hash_map<TopicPartition, int> holders;
  size_t classic_members = 0;  // follows from the members, too

  ConsumerGroupState State() const;
  // Null when there is none.
  const ConsumerMember* FindMember(std::string_view member_id) const;
  // The id of the member that has the instance id; none if no member has.
  std::optional<std::string> FindStatic(std::string_view instance_id) const;
  bool IsFree(const TopicPartition& partition) const { return !holders.contains(partition); }
  // Whether it has members, all of which speak the classic protocol.
  bool IsAllClassic() const { return !members.empty() && classic_members == members.size(); }
  // The names of the protocols that all of these know.
  absl::flat_hash_set<std::string_view> CommonProtocols() const;

  // The only ways in which members change.
  void Put(const std::string& member_id, ConsumerMember member);
  void Remove(std::string_view member_id);

  friend bool operator==(const ConsumerGroup&, const ConsumerGroup&) = default;

 private:
  void Hold(const ConsumerMember& member);
  void LetGo(const ConsumerMember& member);
};

}  // namespace millrace::core::group
