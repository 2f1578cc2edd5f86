// The group coordinator of one partition of __consumer_offsets: which groups there are, who is in
// them, and how far they have come. Classic protocol, one member a group.
//
//   Machine machine(options);
//   for (record in the partition's log) machine.Apply(record);       // loading is replay
//   Output output = machine.OnLoaded();
//   output = machine.On(RequestId(7), Heartbeat{...}, now);
//   // 1. append output.records  2. change output.timers  3. when the records are committed, answer
//
// Pure; one thread. Time, member ids and request ids come as arguments. Durable state changes only
// through Apply(record): an input applies what it decides and hands the records out, to be appended
// in this order before the next input's. If that fails the machine is dropped and replayed.
// Answers rest on everything that was applied before them, so each is held until all of it is
// committed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>

#include "broker/core/group/group.h"
#include "broker/core/group/inputs.h"
#include "broker/core/group/records.h"

namespace millrace::core::group {

class SubscribedTopics;

using RequestId = StrongId<struct GroupRequestIdTag, uint64_t>;

struct Options {
  int32_t session_timeout_ms_min = 6'000;
  int32_t session_timeout_ms_max = 1'800'000;
  size_t members_max = 1;
  size_t offset_metadata_max = 4096;  // in UTF-16 units, as Kafka counts
  int64_t offsets_retention_ms = int64_t{7} * 24 * 3600 * 1000;
  // The largest value of a group's record, and of the records of one commit together.
  size_t group_bytes_max = 900'000;
  size_t commit_bytes_max = 16 << 20;
  // Member ids that were given out and not used yet; beyond that the oldest is forgotten.
  size_t pending_members_max = 4096;
};

// kSession: the member (or one that has only been given its id) must be heard of. kSync: the
// leader of a completed join must hand in the assignments.
enum class TimerKind { kSession, kSync };

struct TimerId {
  TimerKind kind;
  std::string group_id;
  std::string member_id;  // empty for kSync

  friend bool operator==(const TimerId&, const TimerId&) = default;
  template <class H>
  friend H AbslHashValue(H h, const TimerId& id) {
    return H::combine(std::move(h), id.kind, id.group_id, id.member_id);
  }
};

struct TimerChange {
  TimerId id;
  std::optional<int64_t> after_ms;  // none: cancel
};

struct Reply {
  RequestId request;
  Answer answer;
};

// In the order of duties.
struct Output {
  std::vector<Record> records;
  std::vector<TimerChange> timers;
  std::vector<Reply> replies;
};

// A topic's present name; none when it was deleted.
using TopicNames = absl::FunctionRef<std::optional<std::string_view>(const TopicId&)>;

class Machine {
 public:
  explicit Machine(const Options& options) : options_(options) {}
  // It may be moved, but what it finds pending members by must not be copied.
  Machine(Machine&&) = default;

  // The only door to durable state.
  void Apply(const Record& record);
  // After replay: the timers of every member start anew.
  Output OnLoaded() const;

  Output On(RequestId request, const Join& join, TimestampMs now);
  Output On(RequestId request, const Sync& sync, TimestampMs now);
  Output On(RequestId request, const Heartbeat& heartbeat, TimestampMs now);
  Output On(RequestId request, const Leave& leave, TimestampMs now);
  Output On(RequestId request, const Commit& commit, TimestampMs now);
  Output On(RequestId request, const Fetch& fetch, TimestampMs now);
  Output On(RequestId request, const DeleteOffsets& asked, TimestampMs now);
  Output On(RequestId request, const Describe& describe, TimestampMs now);
  Output On(RequestId request, const List& list, TimestampMs now);
  Output On(RequestId request, const Delete& asked, TimestampMs now);
  // A timer has run out that was neither cancelled nor set again.
  Output OnTimeout(const TimerId& timer, TimestampMs now);
  // Now and then: forgets offsets of deleted topics and those that have expired, and groups that
  // have nothing left.
  Output OnCleanup(TopicNames names, TimestampMs now);

  const Groups& groups() const { return groups_; }
  size_t pending_members() const { return pending_.size(); }

 private:
  // A member id that was given out; its owner has not joined with it yet.
  struct PendingMember {
    std::string group_id;
    std::string member_id;
  };

  const Group* Find(std::string_view group_id) const;
  Membership MembershipOf(std::string_view group_id) const;
  void Emit(Output& output, Record record);
  void Become(Output& output, std::string_view group_id, Membership membership, TimestampMs now);
  static void SetTimer(Output& output, TimerId id, std::optional<int64_t> after_ms);
  static void TouchSession(Output& output, std::string_view group_id, const std::string& member_id,
                           const Member& member);

  // join.cc
  JoinAnswer Decide(Output& output, const Join& join, TimestampMs now);
  bool Accepts(const Membership& membership, const Join& join) const;
  JoinAnswer JoinNew(Output& output, const Join& join, Membership membership, TimestampMs now);
  JoinAnswer JoinKnown(Output& output, const Join& join, Membership membership, TimestampMs now);
  JoinAnswer GiveMemberId(Output& output, const Join& join, std::string member_id);
  JoinAnswer ReplaceStatic(Output& output, const Join& join, Membership membership,
                           TimestampMs now);
  JoinAnswer Rebalance(Output& output, const Join& join, Membership membership, TimestampMs now);
  bool IsPending(std::string_view group_id, std::string_view member_id) const;
  bool ForgetPending(Output& output, std::string_view group_id, std::string_view member_id);

  // membership.cc
  SyncAnswer Decide(Output& output, const Sync& sync, TimestampMs now);
  HeartbeatAnswer Decide(Output& output, const Heartbeat& heartbeat) const;
  LeaveAnswer Decide(Output& output, const Leave& leave, TimestampMs now);
  ErrorCode LeaveOne(Output& output, std::string_view group_id, Membership& membership,
                     const Identity& who);
  void EndMembership(Output& output, std::string_view group_id, Membership membership,
                     TimestampMs now);

  // offsets.cc
  CommitAnswer Decide(Output& output, const Commit& commit, TimestampMs now);
  ErrorCode RefusalOf(const Commit& commit) const;
  DeleteOffsetsAnswer Decide(Output& output, const DeleteOffsets& asked);
  bool HasExpired(const Membership& membership, const SubscribedTopics& subscribed,
                  const CommittedOffset& committed, std::string_view topic, TimestampMs now) const;
  void DropOffsets(Output& output, const std::string& group_id, const Group& group);

  Options options_;
  Groups groups_;
  std::list<PendingMember> pending_;  // the oldest first
  // By member id, of which no two are the same; the keys are those of the list.
  absl::flat_hash_map<std::string_view, std::list<PendingMember>::iterator> pending_by_id_;
};

// Whether the request comes from a member of the group: UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID
// when another member has taken over the instance id.
ErrorCode CheckMember(const Membership& membership, const Identity& who);

}  // namespace millrace::core::group
