// What is known of a group: its members, and how far it has come. All of this is durable; it is
// changed by records only (records.h).
//
// Pure values.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_set.h>

#include "broker/core/group/consumer_group.h"
#include "broker/core/group/protocol.h"
#include "proto/types.h"

namespace millrace::core::group {

// Of the classic protocol. kPreparingRebalance is in memory (live.h), and in a record only where a
// consumer group has become a classic one; kDead is what an unknown group is called.
enum class GroupState { kEmpty, kPreparingRebalance, kCompletingRebalance, kStable, kDead };

// Kafka's name of the state: "PreparingRebalance".
std::string_view StateName(GroupState state);

struct Member {
  std::optional<std::string> instance_id;  // of a static member
  std::string client_id;
  std::string client_host;
  int32_t session_timeout_ms = 0;
  int32_t rebalance_timeout_ms = 0;
  Protocols protocols;
  std::string assignment;  // empty until the leader has handed it in
  // The generation that it was told of, where the group was a consumer group and it was behind:
  // none once it has joined again.
  std::optional<GenerationId> told;

  // Null when the member does not know it.
  const Protocol* FindProtocol(std::string_view name) const;

  friend bool operator==(const Member&, const Member&) = default;
};

struct Membership {
  GenerationId generation{0};
  GroupState state = GroupState::kEmpty;
  TimestampMs state_since{0};
  std::optional<std::string> protocol_type;  // none: nobody has ever joined
  std::optional<std::string> protocol;       // none: there is no member
  std::optional<std::string> leader;
  std::map<std::string, Member, std::less<>> members;  // by member id

  // Whether the generation is the group's, or all that the member can know.
  bool IsPresent(GenerationId named, const Member& member) const {
    return named == generation || member.told == named;
  }
  // Null when there is none.
  const Member* FindMember(std::string_view member_id) const;
  // The id of the member that has the instance id; none if no member has.
  std::optional<std::string> FindStatic(std::string_view instance_id) const;
  // The names of the protocols that all members know.
  absl::flat_hash_set<std::string_view> CommonProtocols() const;
  // Each member votes for the protocol it likes best among those that all know. Precondition:
  // there is one. Of several with as many votes the first by name.
  std::string SelectProtocol() const;
  // The longest that a member gives the others to join again; 0 without members.
  int64_t RebalanceTimeoutMs() const;
  // The static member goes on under another id, and leads if it led.
  void Rename(const std::string& member_id, const std::string& new_id);

  friend bool operator==(const Membership&, const Membership&) = default;
};

// About the size of its record, and what one member adds to it.
size_t ApproximateBytes(const Membership& membership);
size_t ApproximateBytes(std::string_view member_id, const Member& member);

struct CommittedOffset {
  Offset offset;
  std::optional<LeaderEpoch> leader_epoch;
  std::string metadata;
  TimestampMs committed;
  std::optional<TimestampMs> expires;  // only where the client asked for a retention of its own

  friend bool operator==(const CommittedOffset&, const CommittedOffset&) = default;
};

struct Group {
  Membership membership;                  // of a classic group; else that of an empty one
  std::optional<ConsumerGroup> consumer;  // none: a classic group
  std::map<TopicPartition, CommittedOffset> offsets;

  friend bool operator==(const Group&, const Group&) = default;
};

using Groups = std::map<std::string, Group, std::less<>>;

}  // namespace millrace::core::group
