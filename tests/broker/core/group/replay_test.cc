// Random operations on a few groups, by clients that do not do what they are told: whatever comes,
// replay gives the state that is recorded.
#include <map>
#include <random>

#include "tests/broker/core/group/support.h"

namespace millrace::core::group {

namespace {

// Somebody who uses the coordinator, and does not always do what it is told.
struct Client {
  std::string group;
  std::optional<std::string> instance_id;
  std::string member_id;
  std::optional<GenerationId> generation;
};

class RandomWalk {
 public:
  explicit RandomWalk(uint32_t seed)
      : random_(seed),
        harness_({.members_max = 3 + seed % 2,
                  .initial_rebalance_delay_ms = 3000 * (seed % 3 / 2),
                  .pending_members_max = 4}) {
    for (int i = 0; i < 9; ++i) {
      Client client{.group = "g" + std::to_string(i % 3),
                    .instance_id = {},
                    .member_id = "",
                    .generation = {}};
      if (i >= 6) client.instance_id = "i" + std::to_string(i % 2);
      clients_.push_back(client);
    }
  }

  void Run(int steps) {
    for (int i = 0; i < steps; ++i) {
      harness_.now = harness_.now + Below(3'600'000);
      Step(clients_[Below(clients_.size())]);
      HearAnswers();
      CheckInvariants();
    }
    CHECK(harness_.Replayed().groups() == harness_.machine.groups());
  }

 private:
  size_t Below(size_t bound) { return random_() % bound; }

  void Step(Client& client) {
    switch (Below(10)) {
      case 0:
      case 1:
      case 2:
        return Join(client);
      case 3:
      case 4:
        return Sync(client);
      case 5:
        static_cast<void>(harness_.Heartbeat(client.group, client.member_id,
                                             client.generation.value_or(GenerationId(-1)).value()));
        return;
      case 6:
        static_cast<void>(harness_.Leave(client.group, client.member_id));
        return;
      case 7:
        static_cast<void>(harness_.Commit(client.group, static_cast<int64_t>(Below(100)),
                                          client.member_id, client.generation));
        return;
      case 8:
        if (!harness_.timers.empty()) {
          TimerId timer = harness_.timers[Below(harness_.timers.size())].first;
          CHECK(harness_.Ring(timer));
        }
        return;
      default:
        return Administrate(client);
    }
  }

  void Join(Client& client) {
    JoinOptions how{.instance_id = client.instance_id,
                    .needs_member_id = Below(2) == 0,
                    .can_skip_assignment = Below(2) == 0};
    if (Below(4) == 0) how.protocols = {{"sticky", "s"}, {"range", "r"}};
    joining_.emplace_back(harness_.SendJoin(client.group, client.member_id, how), &client);
  }

  // The answers that have come, whenever they were asked for.
  void HearAnswers() {
    std::erase_if(joining_, [&](const auto& open) {
      if (!harness_.IsAnswered(open.first)) return false;
      Hear(*open.second, harness_.Joined(open.first));
      return true;
    });
  }

  static void Hear(Client& client, const JoinAnswer& answer) {
    bool forgets =
        answer.error == ErrorCode::kUnknownMemberId || answer.error == ErrorCode::kFencedInstanceId;
    if (forgets) client.member_id.clear();
    if (!answer.member_id.empty() && !forgets) client.member_id = answer.member_id;
    if (answer.error == ErrorCode::kNone) client.generation = answer.generation;
  }

  void Sync(Client& client) {
    JoinAnswer joined;
    joined.member_id = client.member_id;
    joined.generation = client.generation;
    std::string share = std::to_string(Below(1000));
    harness_.SendSync(client.group, joined, {{client.member_id, share}}, client.instance_id);
  }

  void Administrate(Client& client) {
    DeleteOffsets::Partition one{{TopicNumber(1), PartitionIndex(0)}, "one"};
    switch (Below(3)) {
      case 0: {
        DeleteAnswer answer = harness_.Ask(Delete{client.group});
        // A deleted group counts its generations from 0 again.
        if (answer.error == ErrorCode::kNone) generations_.erase(client.group);
        return;
      }
      case 1:
        static_cast<void>(harness_.Ask(DeleteOffsets{client.group, {&one, 1}}));
        return;
      default: {
        bool is_there = Below(2) == 0;
        auto name_of = [&](const TopicId&) {
          return is_there ? std::optional<std::string_view>("one") : std::nullopt;
        };
        harness_.CleanUp(name_of);
        std::erase_if(generations_, [&](const auto& entry) {
          return !harness_.machine.groups().contains(entry.first);
        });
      }
    }
  }

  // Generations only grow, and every group has timers that will take it on: nothing waits for ever.
  void CheckInvariants() {
    for (const auto& [group_id, group] : harness_.machine.groups()) {
      Membership now = harness_.Now(group_id);
      size_t silent = 0;
      for (const auto& [member_id, member] : now.members) {
        if (!harness_.HasTimer(SessionOf(group_id, member_id))) ++silent;
      }
      bool may_wait = now.state == GroupState::kPreparingRebalance ||
                      now.state == GroupState::kCompletingRebalance;
      REQUIRE(silent <= (may_wait ? harness_.open_requests() : 0));
      bool is_preparing = now.state == GroupState::kPreparingRebalance;
      REQUIRE(harness_.HasTimer(JoinOf(group_id)) == is_preparing);
      if (now.state == GroupState::kCompletingRebalance)
        REQUIRE(harness_.HasTimer(SyncOf(group_id)));
      GenerationId& generation = generations_[group_id];
      REQUIRE(now.generation >= generation);
      REQUIRE(group.membership.generation == now.generation);
      generation = now.generation;
    }
  }

  std::mt19937 random_;
  Harness harness_;
  std::vector<Client> clients_;
  std::vector<std::pair<RequestId, Client*>> joining_;
  std::map<std::string, GenerationId> generations_;
};

}  // namespace

TEST_CASE("groups: after any operations, replaying the records gives the state that is") {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    RandomWalk(seed).Run(300);
  }
}

TEST_CASE("groups: replay may stop and go on anywhere") {
  Harness harness;
  JoinAnswer member = harness.Stable("g", "a");
  harness.Commit("g", 1, member.member_id, member.generation);
  harness.Leave("g", member.member_id);
  harness.Ask(Delete{"g"});
  harness.Commit("g", 2);
  Machine replayed(harness.options);
  for (const EncodedRecord& record : harness.log) {
    replayed.Apply(**Decode(record.key, record.value));
  }
  CHECK(replayed.groups() == harness.machine.groups());
  CHECK(replayed.groups().at("g").membership == Membership());
}

}  // namespace millrace::core::group
