// A coordinator without a broker: inputs in a line each, the records it has written, and the timers
// that it has set.
#pragma once

#include <algorithm>
#include <optional>
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
};

class Harness {
 public:
  explicit Harness(const Options& given = {}) : options(given), machine(given) {}

  template <class Input>
  typename Input::Answer Ask(const Input& input) {
    RequestId request(++requests_);
    Output output = machine.On(request, input, now);
    Take(output);
    REQUIRE(output.replies.size() == 1);
    REQUIRE(output.replies[0].request == request);
    return std::get<typename Input::Answer>(output.replies[0].answer);
  }

  // Rings a timer, if it is set. False: it is not.
  bool Ring(const TimerId& id) {
    auto found = std::find_if(timers.begin(), timers.end(),
                              [&](const auto& timer) { return timer.first == id; });
    if (found == timers.end()) return false;
    timers.erase(found);
    Output output = machine.OnTimeout(id, now);
    Take(output);
    return true;
  }

  void CleanUp(TopicNames names) {
    Output output = machine.OnCleanup(names, now);
    Take(output);
  }

  JoinAnswer Join(std::string_view group, std::string_view member_id, JoinOptions how = {}) {
    std::vector<group::Join::Protocol> protocols;
    for (const auto& [name, metadata] : how.protocols) protocols.push_back({name, metadata});
    std::string fresh = "id" + std::to_string(++members_);
    return Ask(group::Join{.group_id = group,
                           .who = {member_id, how.instance_id},
                           .client_id = how.client_id,
                           .client_host = "/127.0.0.1",
                           .session_timeout_ms = how.session_timeout_ms,
                           .rebalance_timeout_ms = 60'000,
                           .protocol_type = how.protocol_type,
                           .protocols = protocols,
                           .needs_member_id = how.needs_member_id,
                           .can_skip_assignment = how.can_skip_assignment,
                           .fresh_id = fresh});
  }

  SyncAnswer Sync(std::string_view group, const JoinAnswer& joined, std::string_view assignment,
                  std::optional<std::string_view> instance_id = std::nullopt) {
    group::Sync::Assignment one{joined.member_id, assignment};
    return Ask(group::Sync{.group_id = group,
                           .who = {joined.member_id, instance_id},
                           .generation = joined.generation.value_or(GenerationId(-1)),
                           .protocol_type = std::nullopt,
                           .protocol = std::nullopt,
                           .assignments = {&one, 1}});
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
  }

  uint64_t requests_ = 0;
  int members_ = 0;
};

inline TimerId SessionOf(std::string_view group, std::string_view member_id) {
  return {TimerKind::kSession, std::string(group), std::string(member_id)};
}
inline TimerId SyncOf(std::string_view group) { return {TimerKind::kSync, std::string(group), ""}; }

}  // namespace millrace::core::group
