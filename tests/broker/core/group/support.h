// A coordinator without a broker: inputs in a line each, the records it has written, and the timers
// that it has set.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>

#include "broker/core/group/machine.h"

namespace millrace::core::group {

inline TopicId TopicNumber(uint8_t number) {
  TopicId id;
  id.bytes[15] = std::byte{number};
  return id;
}

// What a consumer's subscription looks like: version, topics, user data.
inline std::string Subscription(const std::vector<std::string>& topics) {
  std::string bytes("\0\0\0\0\0", 5);
  bytes += static_cast<char>(topics.size());
  for (const std::string& topic : topics) {
    bytes += '\0';
    bytes += static_cast<char>(topic.size());
    bytes += topic;
  }
  return bytes + "\xff\xff\xff\xff";
}

struct JoinOptions {
  std::optional<std::string_view> instance_id;
  std::vector<std::pair<std::string, std::string>> protocols = {{"range", "m"}};
  std::string_view protocol_type = "consumer";
  int32_t session_timeout_ms = 10'000;
  bool needs_member_id = true;
  bool can_skip_assignment = true;
  std::string_view client_id = "client";
  int32_t rebalance_timeout_ms = 60'000;
};

class Harness {
 public:
  explicit Harness(const Options& given = {}) : options(given), machine(given) {}

  // The answer comes now, or with a later input.
  template <class Input>
  RequestId Send(const Input& input) {
    RequestId request(++requests_);
    sent_.insert(request);
    Take(machine.On(request, input, now));
    return request;
  }

  template <class Input>
  typename Input::Answer Ask(const Input& input) {
    RequestId request = Send(input);
    REQUIRE(IsAnswered(request));
    return std::get<typename Input::Answer>(answers_.at(request));
  }

  size_t open_requests() const { return sent_.size() - answers_.size(); }
  bool IsAnswered(RequestId request) const { return answers_.contains(request); }

  const JoinAnswer& Joined(RequestId request) const {
    REQUIRE(IsAnswered(request));
    return std::get<JoinAnswer>(answers_.at(request));
  }
  const SyncAnswer& Synced(RequestId request) const {
    REQUIRE(IsAnswered(request));
    return std::get<SyncAnswer>(answers_.at(request));
  }

  // Rings a timer, if it is set. False: it is not.
  bool Ring(const TimerId& id) {
    auto found = std::find_if(timers.begin(), timers.end(),
                              [&](const auto& timer) { return timer.first == id; });
    if (found == timers.end()) return false;
    timers.erase(found);
    Take(machine.OnTimeout(id, now));
    return true;
  }

  void CleanUp(TopicNames names) { Take(machine.OnCleanup(names, now)); }

  RequestId SendJoin(std::string_view group, std::string_view member_id, JoinOptions how = {}) {
    std::vector<group::Join::Protocol> protocols;
    for (const auto& [name, metadata] : how.protocols) protocols.push_back({name, metadata});
    std::string fresh = "id" + std::to_string(++members_);
    return Send(group::Join{.group_id = group,
                            .who = {member_id, how.instance_id},
                            .client_id = how.client_id,
                            .client_host = "/127.0.0.1",
                            .session_timeout_ms = how.session_timeout_ms,
                            .rebalance_timeout_ms = how.rebalance_timeout_ms,
                            .protocol_type = how.protocol_type,
                            .protocols = protocols,
                            .needs_member_id = how.needs_member_id,
                            .can_skip_assignment = how.can_skip_assignment,
                            .fresh_id = fresh});
  }

  JoinAnswer Join(std::string_view group, std::string_view member_id, JoinOptions how = {}) {
    return Joined(SendJoin(group, member_id, std::move(how)));
  }

  using Assignments = std::vector<std::pair<std::string, std::string>>;

  RequestId SendSync(std::string_view group, const JoinAnswer& joined,
                     const Assignments& assignments = {},
                     std::optional<std::string_view> instance_id = std::nullopt) {
    std::vector<group::Sync::Assignment> shares;
    for (const auto& [member_id, share] : assignments) shares.push_back({member_id, share});
    return Send(group::Sync{.group_id = group,
                            .who = {joined.member_id, instance_id},
                            .generation = joined.generation.value_or(GenerationId(-1)),
                            .protocol_type = std::nullopt,
                            .protocol = std::nullopt,
                            .assignments = shares});
  }

  SyncAnswer Sync(std::string_view group, const JoinAnswer& joined, std::string_view assignment,
                  std::optional<std::string_view> instance_id = std::nullopt) {
    return Synced(
        SendSync(group, joined, {{joined.member_id, std::string(assignment)}}, instance_id));
  }

  // A member that has joined and has the assignment.
  JoinAnswer Stable(std::string_view group, std::string_view assignment = "a",
                    JoinOptions how = {}) {
    how.needs_member_id = false;
    JoinAnswer joined = Join(group, "", how);
    REQUIRE(joined.error == ErrorCode::kNone);
    REQUIRE(Sync(group, joined, assignment, how.instance_id).error == ErrorCode::kNone);
    return joined;
  }

  // A stable group of that many members that join together; the first leads. Everybody's share is
  // its number.
  std::vector<JoinAnswer> StableGroup(std::string_view group, size_t count, JoinOptions how = {}) {
    std::vector<JoinAnswer> members = CompletingGroup(group, count, std::move(how));
    Assignments shares;
    for (size_t i = 0; i < count; ++i) {
      shares.emplace_back(members[i].member_id, std::to_string(i));
    }
    for (const JoinAnswer& member : members) {
      bool leads = member.leader == member.member_id;
      SendSync(group, member, leads ? shares : Assignments());
    }
    REQUIRE(membership(group).state == GroupState::kStable);
    REQUIRE(open_requests() == 0);
    return members;
  }

  // The same before the sync.
  std::vector<JoinAnswer> CompletingGroup(std::string_view group, size_t count,
                                          JoinOptions how = {}) {
    how.needs_member_id = false;
    std::vector<JoinAnswer> members;
    std::vector<RequestId> requests;
    for (size_t i = 0; i < count; ++i) {
      requests.push_back(SendJoin(group, "", how));
      // A member that comes makes those that are in join again.
      for (size_t k = 0; k < i; ++k) requests[k] = SendJoin(group, members[k].member_id, how);
      members.clear();
      for (RequestId request : requests) members.push_back(Joined(request));
    }
    return members;
  }

  ErrorCode Heartbeat(std::string_view group, std::string_view member_id, int32_t generation,
                      std::optional<std::string_view> instance_id = std::nullopt) {
    return Ask(group::Heartbeat{group, {member_id, instance_id}, GenerationId(generation)}).error;
  }

  ErrorCode Leave(std::string_view group, std::string_view member_id,
                  std::optional<std::string_view> instance_id = std::nullopt) {
    Identity who{member_id, instance_id};
    LeaveAnswer answer = Ask(group::Leave{group, {&who, 1}});
    REQUIRE(answer.members.size() == 1);
    return answer.members[0];
  }

  // One partition of topic 1; the error of the whole or of the partition.
  ErrorCode Commit(std::string_view group, int64_t offset, std::string_view member_id = "",
                   std::optional<GenerationId> generation = std::nullopt,
                   std::string_view metadata = "") {
    group::Commit::Partition one{
        {TopicNumber(1), PartitionIndex(0)}, Offset(offset), LeaderEpoch(3), metadata};
    CommitAnswer answer = Ask(group::Commit{.group_id = group,
                                            .who = {member_id, std::nullopt},
                                            .generation = generation,
                                            .retention_ms = std::nullopt,
                                            .partitions = {&one, 1}});
    if (answer.error != ErrorCode::kNone) return answer.error;
    REQUIRE(answer.partitions.size() == 1);
    return answer.partitions[0];
  }

  std::vector<FetchAnswer::Found> FetchAll(std::string_view group) {
    return Ask(group::Fetch{.group_id = group, .all = true, .partitions = {}}).found;
  }

  // The group as it stands, whether its record says so already or not.
  Membership Now(std::string_view group) { return Ask(Describe{group}).membership; }

  // After how long a timer that is set will run out.
  int64_t After(const TimerId& id) const {
    for (const auto& [set, after_ms] : timers) {
      if (set == id) return after_ms;
    }
    FAIL("the timer is not set");
    return -1;
  }

  bool HasTimer(const TimerId& id) const {
    return std::any_of(timers.begin(), timers.end(),
                       [&](const auto& timer) { return timer.first == id; });
  }

  // A machine built from the bytes of the records alone.
  Machine Replayed() const {
    Machine replayed(options);
    for (const EncodedRecord& record : log) {
      auto decoded = Decode(record.key, record.value);
      REQUIRE(decoded.ok());
      REQUIRE(decoded->has_value());
      replayed.Apply(**decoded);
    }
    return replayed;
  }

  const Membership& membership(std::string_view group) const {
    auto found = machine.groups().find(group);
    REQUIRE(found != machine.groups().end());
    return found->second.membership;
  }

  Options options;
  Machine machine;
  TimestampMs now{1'700'000'000'000};
  std::vector<EncodedRecord> log;
  std::vector<std::pair<TimerId, int64_t>> timers;

 private:
  void Take(const Output& output) {
    for (const Record& record : output.records) log.push_back(Encode(record));
    for (const TimerChange& change : output.timers) {
      std::erase_if(timers, [&](const auto& timer) { return timer.first == change.id; });
      if (change.after_ms.has_value()) timers.emplace_back(change.id, *change.after_ms);
    }
    for (const Reply& reply : output.replies) {
      REQUIRE(sent_.contains(reply.request));
      REQUIRE(answers_.emplace(reply.request, reply.answer).second);
    }
  }

  uint64_t requests_ = 0;
  int members_ = 0;
  std::set<RequestId> sent_;
  std::map<RequestId, Answer> answers_;
};

inline TimerId SessionOf(std::string_view group, std::string_view member_id) {
  return {TimerKind::kSession, std::string(group), std::string(member_id)};
}
inline TimerId JoinOf(std::string_view group) { return {TimerKind::kJoin, std::string(group), ""}; }
inline TimerId SyncOf(std::string_view group) { return {TimerKind::kSync, std::string(group), ""}; }

}  // namespace millrace::core::group
