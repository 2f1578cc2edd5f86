// A consumer of the simulation: it joins, shares out if it leads, fetches its assignment, sends
// heartbeats and commits, as real ones do.
//
// It knows no coordinator: what it says goes to a Wire, and what it hears comes by On... calls.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/group/inputs.h"

namespace millrace::core::group {

inline constexpr int kPartitions = 5;

// The partitions in an assignment, a digit each.
inline std::vector<int> PartitionsOf(const std::string& assignment) {
  std::vector<int> partitions;
  for (char digit : assignment) partitions.push_back(digit - '0');
  return partitions;
}

// "c3" of the member id "c3-id17".
inline std::string NameOfMember(const std::string& member_id) {
  return member_id.substr(0, member_id.find('-'));
}

// What the leader does: partitions go to the members in turn.
inline std::vector<std::pair<std::string, std::string>> ShareOut(
    const std::vector<JoinAnswer::Member>& members) {
  std::vector<std::pair<std::string, std::string>> shares;
  for (const JoinAnswer::Member& member : members) shares.emplace_back(member.member_id, "");
  for (int p = 0; p < kPartitions && !shares.empty(); ++p) {
    shares[static_cast<size_t>(p) % shares.size()].second += static_cast<char>('0' + p);
  }
  return shares;
}

struct SimulatedClient {
  // What it is about; it waits for one answer at a time, heartbeats and commits aside.
  enum class State { kDown, kIdle, kJoining, kSyncing, kStable, kTurnedAway };

  std::string name;
  bool is_static = false;
  bool can_skip_assignment = true;
  bool needs_member_id = true;
  std::vector<std::string> protocols;

  State state = State::kDown;
  int incarnation = 0;  // of the process: what was meant for an earlier one is not heard
  int attempt = 0;      // the last join or sync: older answers do not count
  int metadata_version = 0;
  int64_t paused_until_ms = 0;  // until then it says and hears nothing
  int32_t rebalance_timeout_ms = 20'000;
  std::string member_id;
  std::optional<GenerationId> generation;
  std::optional<GenerationId> stray_generation;  // in which a commit was left on its way
  std::string assignment;
  std::map<int, int64_t> positions;  // of its partitions, once they were fetched

  std::optional<std::string_view> instance_id() const {
    return is_static ? std::optional<std::string_view>(name) : std::nullopt;
  }
  bool is_up() const { return state != State::kDown; }

  void Start() {
    ++incarnation;
    state = State::kIdle;
    Forget();
  }
  void Stop() {
    ++incarnation;
    state = State::kDown;
    positions.clear();
  }
  // Its membership has ended: it begins as somebody new.
  void Forget() {
    member_id.clear();
    generation.reset();
    Revoke();
  }
  void Revoke() {
    assignment.clear();
    positions.clear();
  }
};

}  // namespace millrace::core::group
