// The group coordinator of one partition of __consumer_offsets: which groups there are, who is in
// them, and how far they have come. Classic groups and consumer groups (KIP-848).
//
//   Machine machine(options);
//   for (record in the partition's log) machine.Apply(record);       // loading is replay
//   Output output = machine.OnLoaded();
//   output = machine.On(RequestId(7), Heartbeat{...}, now);
//   // 1. append output.records  2. change output.timers  3. when the records are committed, answer
//
// Consumer groups need to know the topics: SetImage comes first, and whenever they have changed.
//
// Pure; one thread. Time, member ids and request ids come as arguments. Durable state changes only
// through Apply(record): an input applies what it decides and hands the records out, to be appended
// in this order before the next input's. If that fails the machine is dropped and replayed. What a
// rebalance has come to before its generation is given out is not durable (live.h).
// A join or a sync may be answered by a later input; every request is answered once. Answers rest
// on everything that was applied before them, so each is held until all of it is committed, but
// for those that say otherwise.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/functional/function_ref.h>

#include "broker/core/cluster_image.h"
#include "broker/core/group/group.h"
#include "broker/core/group/inputs.h"
#include "broker/core/group/live.h"
#include "broker/core/group/records.h"

namespace millrace::core::group {

class ReadableTopics;
class SubscribedTopics;

// Of consumer groups.
struct ConsumerOptions {
  int32_t session_timeout_ms = 45'000;
  int32_t heartbeat_interval_ms = 5'000;
  // How long a target stays at least before members that come or go make another.
  int64_t assignment_interval_ms = 1'000;
  size_t members_max = std::numeric_limits<int32_t>::max();
  // Whether a group with members may become a consumer group, and a classic group again.
  bool may_upgrade = true;
  bool may_downgrade = true;
  // The first is that of members that ask for none. Precondition: there is one.
  std::vector<Assignor> assignors = {Assignor::kUniform, Assignor::kRange};
};

struct Options {
  int32_t session_timeout_ms_min = 6'000;
  int32_t session_timeout_ms_max = 1'800'000;
  size_t members_max = std::numeric_limits<int32_t>::max();
  // How long an empty group waits for more members after each that comes; 0: not at all.
  int64_t initial_rebalance_delay_ms = 0;
  size_t offset_metadata_max = 4096;  // in UTF-16 units, as Kafka counts
  int64_t offsets_retention_ms = int64_t{7} * 24 * 3600 * 1000;
  // The largest value of a group's record, and of the records of one commit together.
  size_t group_bytes_max = 900'000;
  size_t commit_bytes_max = 16 << 20;
  // Member ids that were given out and not used yet; beyond that the oldest is forgotten.
  size_t pending_members_max = 4096;
  ConsumerOptions consumer = {};
};

// kSession: the member (or one that has only been given its id) must be heard of. kJoin: a
// rebalance waits for members no longer. kSync: every member of a generation must have asked for
// its assignment, the leader must have handed them in. In a consumer group these two are about
// single members, those that speak the classic protocol. kRevoke: the member of a consumer group
// must have given up what it was told to. kAssign: a consumer group may have another target.
enum class TimerKind { kSession, kJoin, kSync, kRevoke, kAssign };

struct TimerId {
  TimerKind kind;
  std::string group_id;
  std::string member_id;  // empty: it is about the whole group

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
  // What it says holds even if the records that were handed out are lost: it need not wait.
  bool is_free = false;
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
  Machine& operator=(Machine&&) = default;

  void SetImage(ImagePtr image) { image_ = std::move(image); }
  // The only door to durable state.
  void Apply(const Record& record);
  // After replay: the timers of every member start anew.
  Output OnLoaded();

  Output On(RequestId request, const Join& join, TimestampMs now);
  Output On(RequestId request, const Sync& sync, TimestampMs now);
  Output On(RequestId request, const Heartbeat& heartbeat, TimestampMs now);
  Output On(RequestId request, const Leave& leave, TimestampMs now);
  Output On(RequestId request, const ConsumerHeartbeat& heartbeat, TimestampMs now);
  Output On(RequestId request, const ConsumerDescribe& describe, TimestampMs now);
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

  // One input on one group.
  struct Step {
    Output& output;
    std::string_view group_id;
    TimestampMs now;
  };

  const Group* Find(std::string_view group_id) const;
  const Live* FindLive(std::string_view group_id) const;
  // Whether anybody has joined it or committed to it, durably or not yet.
  bool Exists(std::string_view group_id) const;
  // Null where it is no consumer group.
  const ConsumerGroup* FindConsumerGroup(std::string_view group_id) const;
  bool HasMembers(std::string_view group_id) const;
  // As it stands now: of a group that does not exist, without members.
  const Membership& MembershipOf(std::string_view group_id) const;
  void Emit(Output& output, Record record);
  void Become(const Step& step, Membership membership);
  static void SetTimer(Output& output, TimerId id, std::optional<int64_t> after_ms);
  // The member was heard of.
  void TouchSession(Output& output, std::string_view group_id, const std::string& member_id,
                    const Member& member) const;

  // join.cc: none where the answer comes later.
  std::optional<JoinAnswer> Decide(const Step& step, RequestId request, const Join& join);
  bool Accepts(const Join& join) const;
  JoinAnswer TurnAway(const Step& step, const Join& join);
  std::optional<JoinAnswer> JoinNew(const Step& step, RequestId request, const Join& join);
  std::optional<JoinAnswer> JoinKnown(const Step& step, RequestId request, const Join& join);
  std::optional<JoinAnswer> ReplaceStatic(const Step& step, RequestId request, const Join& join,
                                          const std::string& old_id);
  std::optional<JoinAnswer> TakeOver(const Step& step, const Join& join, const std::string& old_id,
                                     const std::string& new_id);
  std::optional<JoinAnswer> Wait(const Step& step, RequestId request, const Join& join);
  bool HasRoomFor(const Membership& membership, std::string_view replaced,
                  std::string_view member_id, const Member& joined) const;
  JoinAnswer GiveMemberId(const Step& step, const Join& join, std::string member_id);
  bool IsPending(std::string_view group_id, std::string_view member_id) const;
  bool ForgetPending(Output& output, std::string_view group_id, std::string_view member_id);

  // rebalance.cc
  Live& Prepare(const Step& step);
  void GoOn(const Step& step);
  void BeginInitial(const Step& step, Live& live);
  void SetJoinTimer(const Step& step, Live& live, int64_t after_ms);
  void OnJoinTimeout(const Step& step);
  void OnSyncTimeout(const Step& step);
  void Complete(const Step& step, Live& live);
  void RemoveAbsent(const Step& step, Live& live);
  void BecomeEmpty(const Step& step, Live& live);
  void BeginGeneration(const Step& step, Live& live);
  void Remove(const Step& step, const std::string& member_id);
  void AnswerJoin(const Step& step, Live& live, std::string_view member_id, ErrorCode error);
  void AnswerSyncs(const Step& step, Live& live, ErrorCode error);

  // membership.cc
  std::optional<SyncAnswer> Decide(const Step& step, RequestId request, const Sync& sync);
  void WaitForAssignment(const Step& step, RequestId request, const std::string& member_id);
  void ShareOut(const Step& step, const Sync& sync);
  void NoteSynced(const Step& step, Live& live, std::string_view member_id);
  HeartbeatAnswer Decide(const Step& step, const Heartbeat& heartbeat);
  LeaveAnswer Decide(const Step& step, const Leave& leave);
  ErrorCode LeaveOne(const Step& step, const Identity& who);

  // What has become of a consumer group's subscriptions.
  enum class Change { kNone, kOtherMembers, kOtherTopics };

  // consumer_heartbeat.cc
  using Refusal = std::optional<ConsumerHeartbeatAnswer>;
  // A member as a heartbeat or a join finds it, and makes it.
  struct Seat {
    std::string id;
    std::optional<ConsumerMember> before;  // none: it is new
    ConsumerMember member;
    std::optional<std::string> replaced;  // whose place it takes

    Change change() const;
  };
  ConsumerHeartbeatAnswer Decide(const Step& step, const ConsumerHeartbeat& heartbeat);
  Refusal Invalid(const ConsumerHeartbeat& heartbeat) const;
  Refusal Admit(const ConsumerHeartbeat& heartbeat, const ConsumerGroup* group) const;
  static Refusal Seated(const ConsumerHeartbeat& heartbeat, const ConsumerGroup* group, Seat& seat);
  static Refusal SeatedStatic(const ConsumerHeartbeat& heartbeat, const ConsumerGroup* group,
                              Seat& seat);
  void Take(const Step& step, const Seat& seat);
  void Advance(const Step& step, const std::string& member_id,
               const std::optional<PartitionSet>& owned);
  ConsumerHeartbeatAnswer LeadOn(const Step& step, const ConsumerHeartbeat& heartbeat,
                                 const Seat& seat);
  ConsumerHeartbeatAnswer LeaveGroup(const Step& step, const ConsumerHeartbeat& heartbeat);

  // migration.cc
  Refusal Upgraded(const ConsumerHeartbeat& heartbeat,
                   std::optional<ConsumerGroup>& upgraded) const;
  void Upgrade(const Step& step, ConsumerGroup upgraded);
  void DowngradeIfDue(const Step& step);
  void PrepareAgain(const Step& step);

  // classic_members.cc: of a consumer group that has members.
  JoinAnswer JoinConsumers(const Step& step, const Join& join);
  ErrorCode Seated(const Join& join, Seat& seat) const;
  SyncAnswer SyncConsumers(const Step& step, const Sync& sync);
  HeartbeatAnswer HeartbeatConsumers(const Step& step, const Heartbeat& heartbeat);
  void AwaitRejoin(const Step& step, const std::string& member_id, const ConsumerMember& member);
  void NoteRejoined(const Step& step, const std::string& member_id);

  // consumer_target.cc
  ConsumerGroup& ConsumerGroupOf(const std::string& group_id);
  void PutEpochs(const Step& step, MemberEpoch epoch, MemberEpoch target_epoch, uint64_t hash);
  void FollowUp(const Step& step, Change change);
  void MakeTarget(const Step& step, const ReadableTopics& topics);
  void RemoveConsumer(const Step& step, const std::string& member_id);
  void CancelTimers(const Step& step, const std::string& member_id);
  void TouchConsumer(Output& output, std::string_view group_id, const std::string& member_id) const;
  void TouchConsumerSession(Output& output, std::string_view group_id,
                            const std::string& member_id) const;
  void OnRevokeTimeout(const Step& step, const std::string& member_id);
  void OnAssignTimeout(const Step& step);
  Assignor AssignorOf(const ConsumerGroup& group) const;
  // What counts for a group: its own settings, and the options where it has none.
  struct ConsumerSettings {
    int32_t session_timeout_ms;
    int32_t heartbeat_interval_ms;
    int64_t assignment_interval_ms;
  };
  ConsumerSettings SettingsOf(std::string_view group_id) const;

  // offsets.cc
  CommitAnswer Decide(Output& output, const Commit& commit, TimestampMs now);
  ErrorCode RefusalOf(const Commit& commit) const;
  static ErrorCode RefusalOf(const Commit& commit, const ConsumerGroup& group);
  ErrorCode RefusalOf(const Fetch& fetch) const;
  DeleteOffsetsAnswer Decide(Output& output, const DeleteOffsets& asked);
  struct Expiry {
    bool may_expire = true;
    std::optional<TimestampMs> empty_since;  // none: it counts from each commit
  };
  Expiry ExpiryOf(std::string_view group_id) const;
  SubscribedTopics SubscriptionsOf(std::string_view group_id) const;
  bool HasExpired(const Expiry& expiry, const SubscribedTopics& subscribed,
                  const CommittedOffset& committed, std::string_view topic, TimestampMs now) const;
  void DropOffsets(Output& output, const std::string& group_id, const Group& group);

  Options options_;
  Groups groups_;
  std::map<std::string, Live, std::less<>> live_;  // of groups where there is anything to know
  Membership nobody_;                              // for groups that do not exist
  ImagePtr image_ = std::make_shared<const ClusterImage>();
  // What is known of consumer groups besides their records.
  struct ConsumerLive {
    ImagePtr seen;                // the topics for which the epoch was made
    bool has_new_target = false;  // too new for another one
    // Classic members that have been told to join again.
    std::set<std::string, std::less<>> rejoining;
  };
  std::map<std::string, ConsumerLive, std::less<>> consumer_live_;
  std::list<PendingMember> pending_;  // the oldest first
  // By member id, of which no two are the same; the keys are those of the list.
  absl::flat_hash_map<std::string_view, std::list<PendingMember>::iterator> pending_by_id_;
};

// Whether the request comes from a member of the group, a Membership or a ConsumerGroup:
// UNKNOWN_MEMBER_ID, or FENCED_INSTANCE_ID when another member has taken over the instance id.
template <class Members>
ErrorCode CheckMember(const Members& members, const Identity& who) {
  if (who.instance_id.has_value()) {
    std::optional<std::string> holder = members.FindStatic(*who.instance_id);
    if (!holder.has_value()) return ErrorCode::kUnknownMemberId;
    if (*holder != who.member_id) return ErrorCode::kFencedInstanceId;
  }
  bool is_member = members.FindMember(who.member_id) != nullptr;
  return is_member ? ErrorCode::kNone : ErrorCode::kUnknownMemberId;
}

}  // namespace millrace::core::group
