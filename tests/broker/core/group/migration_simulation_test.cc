// Consumers of both protocols in one group, each of which comes back in either: the group goes up
// and down, answers are lost, topics grow, and the coordinator dies in the middle of writing.
// Nobody reads what another one may be reading, and when the trouble ends everybody has a share.
// MILLRACE_GROUP_SEEDS sets how many seeds are run, MILLRACE_GROUP_SEED the first of them.
#include <array>
#include <map>

#include "tests/broker/core/group/classic_support.h"
#include "tests/support/seeded.h"

namespace millrace::core::group {
namespace {

constexpr std::string_view kGroup = "g";
constexpr size_t kClients = 4;
constexpr int kSteps = 70;

struct Client {
  // Of a classic one: it has to join; it waits for the answer; it has to ask for its assignment; it
  // waits; it has it.
  enum class Phase { kOut, kJoining, kJoined, kSyncing, kIn };

  bool is_classic = false;
  Consumer consumer;
  ClassicConsumer classic;
  Phase phase = Phase::kOut;
  std::vector<JoinAnswer::Member> followers;  // where it leads
  ImagePtr shared;                            // the topics that it shared out last

  const std::string& id() const { return is_classic ? classic.id : consumer.id; }
  PartitionSet& owned() { return is_classic ? classic.owned : consumer.owned; }
  void Forget() {
    classic.id.clear();
    owned().clear();
    consumer.epoch = kJoining;
    phase = Phase::kOut;
  }
};

class Simulation {
 public:
  explicit Simulation(uint64_t seed) : seed_(seed) {
    options_.initial_rebalance_delay_ms = Pick(2) == 0 ? 0 : 3'000;
    options_.consumer.assignment_interval_ms = Pick(2) == 0 ? 0 : 1'000;
    options_.consumer.may_downgrade = Pick(4) != 0;
    is_cooperative_ = Pick(2) == 0;
    machine_ = Machine(options_);
    ChangeTopics();
    for (Client& client : clients_) Reborn(client);
  }

  void Run() {
    for (int step = 0; step < kSteps; ++step) {
      Disturb();
      CheckInvariants();
    }
    Calm();
  }

 private:
  using Phase = Client::Phase;

  uint64_t Pick(uint64_t bound) { return test::Mix(seed_, drawn_++) % bound; }

  void Disturb() {
    Client& client = clients_[Pick(kClients)];
    switch (Pick(20)) {
      case 0:
        return ChangeTopics();
      case 1:
        return timers_.empty() ? void() : Ring(timers_[Pick(timers_.size())]);
      case 2:
        return Leave(client);
      case 3:
        return Crash(client);
      case 4:
        return Restart();
      default:
        is_heard_ = Pick(8) != 0;
        Act(client);
        is_heard_ = true;
    }
  }

  void ChangeTopics() {
    topics_.resize(2, {"orders", 1});
    topics_[1].first = "bills";
    topics_[Pick(2)].second += static_cast<int32_t>(Pick(3));
    image_ = ImageOf(topics_);
    machine_.SetImage(image_);
  }

  // Another life, perhaps in the other protocol.
  void Reborn(Client& client) {
    client = Client{.is_classic = Pick(2) == 0};
    client.consumer.id = "m" + std::to_string(++lives_);
    client.classic.is_cooperative = is_cooperative_;
    if (Pick(2) == 0) client.consumer.topics.emplace_back("bills");
    client.classic.topics = client.consumer.topics;
    if (&client != &clients_[0]) return;
    client.consumer.instance_id = "static";
    client.classic.instance_id = "static";
  }

  // The next thing that the client has to say.
  void Act(Client& client) {
    if (!client.is_classic) return Say(client, client.consumer.Full(kGroup, names_));
    switch (client.phase) {
      case Phase::kOut:
      case Phase::kJoining:
        return SayJoin(client);
      case Phase::kJoined:
      case Phase::kSyncing:
        return SaySync(client);
      case Phase::kIn:
        const bool has_to_share = client.shared != nullptr && client.shared != image_;
        if (has_to_share) return SayJoin(client);
        Say(client, group::Heartbeat{kGroup, IdentityOf(client), client.classic.generation});
    }
  }

  static Identity IdentityOf(const Client& client) {
    Identity who{client.id(), std::nullopt};
    if (client.classic.instance_id.has_value()) who.instance_id = *client.classic.instance_id;
    return who;
  }

  template <class Input>
  void Say(Client& client, const Input& input) {
    const RequestId request(++requests_);
    // Who asks anew has given up waiting for the answer before.
    std::erase_if(open_, [&](const auto& entry) { return entry.second.client == &client; });
    if (is_heard_) open_[request] = {&client, client.is_classic, lives_of_[&client]};
    Keep(machine_.On(request, input, now_));
  }

  void SayJoin(Client& client) {
    if (!is_cooperative_) client.owned().clear();
    client.phase = Phase::kJoining;
    client.shared.reset();
    const std::string metadata = client.classic.Metadata(*image_);
    const Join::Protocol protocol{client.classic.protocol(), metadata};
    const std::string fresh = "id" + std::to_string(++fresh_);
    Say(client, Join{.group_id = kGroup,
                     .who = IdentityOf(client),
                     .client_id = "client",
                     .client_host = "/h",
                     .session_timeout_ms = 10'000,
                     .rebalance_timeout_ms = 60'000,
                     .protocol_type = "consumer",
                     .protocols = {&protocol, 1},
                     .fresh_id = fresh});
  }

  void SaySync(Client& client) {
    client.phase = Phase::kSyncing;
    const std::vector<std::string> shares = ShareOut(client.followers);
    std::vector<Sync::Assignment> assignments;
    for (size_t i = 0; i < shares.size(); ++i) {
      assignments.push_back({client.followers[i].member_id, shares[i]});
    }
    if (!shares.empty()) client.shared = image_;
    Say(client, Sync{.group_id = kGroup,
                     .who = IdentityOf(client),
                     .generation = client.classic.generation,
                     .protocol_type = "consumer",
                     .protocol = client.classic.protocol(),
                     .assignments = assignments});
  }

  // Partitions go to those who read them, in turn; what another one owns still is nobody's yet.
  std::vector<std::string> ShareOut(const std::vector<JoinAnswer::Member>& members) const {
    std::vector<PartitionSet> shares(members.size());
    std::vector<ClassicSubscription> said;
    for (const auto& one : members) said.push_back(*ReadClassicSubscription(one.metadata, *image_));
    size_t turn = 0;
    for (const auto& [name, topic] : image_->topics()) {
      std::vector<size_t> readers;
      for (size_t i = 0; i < said.size(); ++i) {
        if (std::ranges::count(said[i].topics, name) > 0) readers.push_back(i);
      }
      for (size_t p = 0; p < topic->partitions.size() && !readers.empty(); ++p) {
        const TopicPartition one{topic->id, PartitionIndex(static_cast<int32_t>(p))};
        const size_t next = readers[turn++ % readers.size()];
        bool is_owned = false;
        for (size_t i = 0; i < said.size(); ++i) {
          is_owned = is_owned || (i != next && Contains(said[i].owned, one));
        }
        if (!is_owned) shares[next].push_back(one);
      }
    }
    std::vector<std::string> encoded;
    for (PartitionSet& share : shares) {
      encoded.push_back(EncodedAssignment(MakeSet(std::move(share)), *image_));
    }
    return encoded;
  }

  void Keep(const Output& output) {
    for (const Record& record : output.records) log_.push_back(record);
    for (const TimerChange& change : output.timers) {
      std::erase(timers_, change.id);
      if (change.after_ms.has_value()) timers_.push_back(change.id);
    }
    for (const Reply& reply : output.replies) {
      auto found = open_.find(reply.request);
      if (found == open_.end()) continue;
      const Asked asked = found->second;
      open_.erase(found);
      if (asked.life != lives_of_[asked.client]) continue;
      std::visit([&](const auto& answer) { Hear(*asked.client, answer); }, reply.answer);
    }
    ForgetExpired();
  }

  void Hear(Client& client, const ConsumerHeartbeatAnswer& answer) {
    if (answer.error == ErrorCode::kNone) return client.consumer.Take(answer);
    CheckRefusal(client, answer.error);
    client.Forget();
  }

  void Hear(Client& client, const JoinAnswer& answer) {
    if (answer.error == ErrorCode::kMemberIdRequired) {
      client.classic.id = answer.member_id;
      client.phase = Phase::kOut;
      return;
    }
    if (answer.error != ErrorCode::kNone) return HearError(client, answer.error);
    client.classic.id = answer.member_id;
    client.classic.generation = *answer.generation;
    client.followers = answer.members;
    client.phase = Phase::kJoined;
    if (!answer.skip_assignment) return;
    // It has come back as a static leader: what was shared out without it may be out of date.
    client.followers.clear();
    client.shared = ImageOf({});
  }

  void Hear(Client& client, const SyncAnswer& answer) {
    if (answer.error != ErrorCode::kNone) return HearError(client, answer.error);
    const bool has_lost = !Take(client.classic, answer, *image_);
    client.phase = has_lost && is_cooperative_ ? Phase::kOut : Phase::kIn;
  }

  void Hear(Client& client, const HeartbeatAnswer& answer) {
    if (answer.error != ErrorCode::kNone) HearError(client, answer.error);
  }

  template <class Answer>
  void Hear(Client&, const Answer&) {}

  void HearError(Client& client, ErrorCode error) {
    client.shared.reset();
    if (error == ErrorCode::kRebalanceInProgress) {
      client.phase = Phase::kOut;
    } else if (error == ErrorCode::kIllegalGeneration) {
      client.owned().clear();
      client.phase = Phase::kOut;
    } else {
      CheckRefusal(client, error);
      client.Forget();
    }
  }

  static void CheckRefusal(const Client& client, ErrorCode error) {
    const bool is_fenced = error == ErrorCode::kUnknownMemberId ||
                           error == ErrorCode::kFencedMemberEpoch ||
                           error == ErrorCode::kGroupIdNotFound;
    const bool is_static =
        error == ErrorCode::kUnreleasedInstanceId || error == ErrorCode::kFencedInstanceId;
    INFO("error " << static_cast<int>(error));
    REQUIRE((is_fenced || (is_static && client.consumer.instance_id.has_value())));
  }

  // It tells the group, or just ends; then it is another.
  void Leave(Client& client) {
    if (!client.id().empty() && Pick(3) != 0) {
      is_heard_ = false;
      const Identity who = IdentityOf(client);
      Consumer last = client.consumer;
      last.epoch = last.instance_id.has_value() && Pick(2) == 0 ? kAway : kLeaving;
      client.is_classic ? Say(client, group::Leave{kGroup, {&who, 1}})
                        : Say(client, last.Full(kGroup, names_));
      is_heard_ = true;
    }
    ++lives_of_[&client];
    Reborn(client);
  }

  // Whoever is put out knows nothing of it yet, and owns nothing any more.
  void Ring(TimerId timer) {
    std::erase(timers_, timer);
    Keep(machine_.OnTimeout(timer, now_));
  }

  // In the middle of writing what the client has led to: nobody hears of it.
  void Crash(Client& client) {
    const size_t before = log_.size();
    open_.clear();
    is_heard_ = false;
    Act(client);
    is_heard_ = true;
    log_.resize(before + Pick(log_.size() - before + 1));
    Restart();
  }

  void Restart() {
    open_.clear();
    machine_ = Replayed();
    machine_.SetImage(image_);
    timers_.clear();
    Output loaded = machine_.OnLoaded();
    REQUIRE(loaded.records.empty());
    Keep(loaded);
  }

  Machine Replayed() const {
    Machine replayed(options_);
    for (const Record& record : log_) {
      EncodedRecord encoded = Encode(record);
      auto decoded = Decode(encoded.key, encoded.value);
      REQUIRE(decoded.ok());
      replayed.Apply(**decoded);
    }
    return replayed;
  }

  const Group& GroupNow() const {
    static const Group nobody;
    auto found = machine_.groups().find(kGroup);
    return found == machine_.groups().end() ? nobody : found->second;
  }

  Membership MembershipNow() {
    Output output = machine_.On(RequestId(++requests_), Describe{kGroup}, now_);
    return std::get<DescribeAnswer>(output.replies.at(0).answer).membership;
  }

  bool IsConsumerGroup() const { return GroupNow().consumer.has_value(); }

  // In a classic group also who has missed a generation.
  void ForgetExpired() {
    const Membership membership = MembershipNow();
    const bool is_settled = membership.state != GroupState::kPreparingRebalance;
    for (Client& client : clients_) {
      const bool is_consumer =
          IsConsumerGroup() && GroupNow().consumer->FindMember(client.id()) != nullptr;
      const bool is_classic = membership.FindMember(client.id()) != nullptr &&
                              (!is_settled || client.classic.generation == membership.generation);
      if (!is_consumer && !is_classic) client.owned().clear();
    }
  }

  void CheckInvariants() {
    for (size_t a = 0; a < kClients; ++a) {
      for (size_t b = a + 1; b < kClients; ++b) {
        REQUIRE_FALSE(Overlap(clients_[a].owned(), clients_[b].owned()));
      }
    }
    if (!IsConsumerGroup()) return;
    const ConsumerGroup& group = *GroupNow().consumer;
    REQUIRE(group.target_epoch <= group.epoch);
    for (const auto& [partition, count] : group.holders) REQUIRE(count == 1);
    for (const auto& [id, member] : group.members) {
      REQUIRE(member.epoch <= group.target_epoch);
      REQUIRE(HasTimer(SessionOf(kGroup, id)));
    }
    for (Client& client : clients_) {
      const ConsumerMember* member = group.FindMember(client.id());
      if (member == nullptr) continue;
      REQUIRE(Includes(Union(member->assigned, member->revoking), client.owned()));
    }
  }

  bool HasTimer(const TimerId& timer) const { return std::ranges::count(timers_, timer) == 1; }

  // No more trouble: those who fell silent are put out, the others go on.
  void Calm() {
    for (int round = 0; round < 30 && !HasSettled(); ++round) {
      for (const TimerId& timer : std::vector<TimerId>(timers_)) {
        const bool is_alive = std::ranges::any_of(
            clients_, [&](const Client& client) { return IsOf(client, timer.member_id); });
        if (timer.kind == TimerKind::kSession && !is_alive) Ring(timer);
      }
      for (Client& client : clients_) {
        if (!IsWaiting(client)) Act(client);
        CheckInvariants();
      }
      if (HasTimer(AssignOf(kGroup))) Ring(AssignOf(kGroup));
      // Before that it would put out members that are about to join again.
      const bool all_wait =
          std::ranges::all_of(clients_, [this](const Client& client) { return IsWaiting(client); });
      if (all_wait && HasTimer(JoinOf(kGroup))) Ring(JoinOf(kGroup));
    }
    REQUIRE(HasSettled());
    REQUIRE(Replayed().groups() == machine_.groups());
  }

  // For an answer that is still to come.
  bool IsWaiting(const Client& client) const {
    const bool must_wait = client.phase == Phase::kJoining || client.phase == Phase::kSyncing;
    return must_wait && std::ranges::any_of(open_, [&](const auto& entry) {
             return entry.second.client == &client;
           });
  }

  // A static one that waits has not been told its id.
  static bool IsOf(const Client& client, std::string_view member_id) {
    if (client.id() == member_id) return true;
    return client.phase == Phase::kJoining && client.id().empty() &&
           client.classic.instance_id.has_value() && member_id.starts_with("static-");
  }

  // Everything that is read is somebody's who reads it, and each client knows what it has.
  bool HasSettled() {
    PartitionSet given;
    PartitionSet wanted;
    for (Client& client : clients_) {
      if (client.is_classic && client.phase != Phase::kIn) return false;
      given = Union(given, client.owned());
      wanted = Union(wanted, ReadableBy(client));
      if (!Includes(ReadableBy(client), client.owned())) return false;
      if (!IsConsumerGroup()) continue;
      const ConsumerMember* member = GroupNow().consumer->FindMember(client.id());
      if (member == nullptr || member->assigned != client.owned()) return false;
    }
    const bool is_upgraded =
        std::ranges::any_of(clients_, [](const Client& client) { return !client.is_classic; });
    if (is_upgraded && !IsConsumerGroup()) return false;
    if (!is_upgraded && IsConsumerGroup() && options_.consumer.may_downgrade) return false;
    const bool is_stable = IsConsumerGroup()
                               ? GroupNow().consumer->State() == ConsumerGroupState::kStable
                               : MembershipNow().state == GroupState::kStable;
    return is_stable && given == wanted;
  }

  PartitionSet ReadableBy(const Client& client) const {
    PartitionSet set;
    for (const std::string& name : client.consumer.topics) {
      const TopicImage* topic = image_->FindTopic(name);
      for (size_t p = 0; p < topic->partitions.size(); ++p) {
        set.push_back({topic->id, PartitionIndex(static_cast<int32_t>(p))});
      }
    }
    return MakeSet(set);
  }

  struct Asked {
    Client* client;
    bool is_classic;
    int life;
  };

  uint64_t seed_;
  uint64_t drawn_ = 0;
  uint64_t requests_ = 0;
  int lives_ = 0;
  int fresh_ = 0;
  bool is_cooperative_ = false;
  bool is_heard_ = true;
  Options options_;
  Machine machine_{options_};
  ImagePtr image_;
  std::vector<std::pair<std::string, int32_t>> topics_;
  std::array<Client, kClients> clients_;
  std::map<const Client*, int> lives_of_;
  std::map<RequestId, Asked> open_;
  std::vector<std::string_view> names_;
  std::vector<Record> log_;
  std::vector<TimerId> timers_;
  TimestampMs now_{1'700'000'000'000};
};

TEST_CASE("migration simulation: whatever protocol they speak, nobody reads what another one has") {
  const uint64_t first = test::FromEnvironment("MILLRACE_GROUP_SEED", 1);
  const uint64_t count = test::FromEnvironment("MILLRACE_GROUP_SEEDS", 10'000);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    INFO("MILLRACE_GROUP_SEED=" << seed << " MILLRACE_GROUP_SEEDS=1");
    Simulation(seed).Run();
  }
}

}  // namespace
}  // namespace millrace::core::group
