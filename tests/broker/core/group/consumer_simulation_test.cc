// Members of a consumer group that come, go, fall silent and lose answers, topics that come and
// grow, and a coordinator that dies in the middle of writing: nobody is given what another holds,
// and when the trouble ends everybody has a share. MILLRACE_GROUP_SEEDS sets how many seeds are
// run, MILLRACE_GROUP_SEED the first of them.
#include <algorithm>
#include <array>

#include "tests/broker/core/group/consumer_support.h"
#include "tests/support/seeded.h"

namespace millrace::core::group {
namespace {

constexpr std::string_view kGroup = "g";
constexpr size_t kClients = 5;
constexpr int kSteps = 80;

// What a client does; its id changes with each life.
struct Client {
  Consumer self;
  bool is_in = false;      // as far as it knows
  bool must_tell = false;  // what it owns now, or that its last answer was lost
};

class Simulation {
 public:
  explicit Simulation(uint64_t seed) : seed_(seed) {
    options_.consumer.assignment_interval_ms = Pick(2) == 0 ? 0 : 1'000;
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
  uint64_t Pick(uint64_t bound) { return test::Mix(seed_, drawn_++) % bound; }

  void Disturb() {
    Client& client = clients_[Pick(kClients)];
    switch (Pick(16)) {
      case 0:
        ChangeTopics();
        break;
      case 1:
        Ring();
        break;
      case 2:
        Leave(client);
        break;
      case 3:
        Crash(client);
        break;
      case 4:
        Restart();
        break;
      case 5:
        if (Pick(3) == 0) Subscribe(client);
        break;
      default:
        Beat(client, Pick(8) != 0);
    }
  }

  void ChangeTopics() {
    const size_t count = 1 + Pick(3);
    if (topics_.size() < count) topics_.resize(count);
    const char* const names[] = {"orders", "bills", "news"};
    for (size_t i = 0; i < topics_.size(); ++i) {
      topics_[i].first = names[i];
      topics_[i].second += static_cast<int32_t>(Pick(3)) + (topics_[i].second == 0 ? 1 : 0);
    }
    image_ = ImageOf(topics_);
    machine_.SetImage(image_);
  }

  void Subscribe(Client& client) {
    client.self.topics.clear();
    client.self.regex.clear();
    if (Pick(3) == 0) {
      client.self.regex = "orders|n.*";
    } else {
      client.self.topics = {"orders"};
      if (Pick(2) == 0) client.self.topics.emplace_back("bills");
    }
    if (Pick(4) == 0) client.self.assignor = "range";
  }

  void Reborn(Client& client) {
    client.self = Consumer{.id = "m" + std::to_string(++lives_)};
    const size_t place = static_cast<size_t>(&client - clients_.data());
    if (place < 2) client.self.instance_id = "static-" + std::to_string(place);
    client.is_in = false;
    Subscribe(client);
  }

  ConsumerHeartbeatAnswer Ask(const ConsumerHeartbeat& heartbeat) {
    Output output = machine_.On(RequestId(++requests_), heartbeat, now_);
    Keep(output);
    return std::get<ConsumerHeartbeatAnswer>(output.replies.at(0).answer);
  }

  void Keep(const Output& output) {
    for (const Record& record : output.records) log_.push_back(record);
    for (const TimerChange& change : output.timers) {
      std::erase(timers_, change.id);
      if (change.after_ms.has_value()) timers_.push_back(change.id);
    }
  }

  // A client whose answer is lost says everything the next time.
  void Beat(Client& client, bool is_heard) {
    std::vector<std::string_view> names;
    ConsumerHeartbeat heartbeat = client.self.Full(kGroup, names);
    const bool is_brief = client.is_in && Pick(2) == 0 && !client.must_tell;
    if (is_brief) {
      heartbeat.topics.reset();
      heartbeat.regex.reset();
      heartbeat.rebalance_timeout_ms.reset();
      heartbeat.owned.reset();
    }
    ConsumerHeartbeatAnswer answer = Ask(heartbeat);
    client.must_tell = !is_heard;
    if (!is_heard) return;
    if (answer.error == ErrorCode::kNone) {
      client.is_in = true;
      client.must_tell = answer.assignment.has_value() && *answer.assignment != client.self.owned;
      client.self.Take(answer);
      return;
    }
    CheckRefusal(client, answer.error);
  }

  void CheckRefusal(Client& client, ErrorCode error) {
    const bool is_fenced = error == ErrorCode::kUnknownMemberId ||
                           error == ErrorCode::kFencedMemberEpoch ||
                           error == ErrorCode::kGroupIdNotFound;
    const bool is_static =
        error == ErrorCode::kUnreleasedInstanceId || error == ErrorCode::kFencedInstanceId;
    REQUIRE((is_fenced || is_static));
    if (is_static) REQUIRE(client.self.instance_id.has_value());
    client.is_in = false;
    client.self.owned.clear();
    client.self.epoch = kJoining;
  }

  // It tells the group, or just ends; then it is another.
  void Leave(Client& client) {
    if (client.is_in && Pick(3) != 0) {
      Consumer last = client.self;
      last.epoch = client.self.instance_id.has_value() && Pick(2) == 0 ? kAway : kLeaving;
      std::vector<std::string_view> names;
      Ask(last.Full(kGroup, names));
    }
    Reborn(client);
  }

  // A timer runs out. Whoever is put out knows nothing of it yet, and owns nothing any more.
  void Ring() {
    if (timers_.empty()) return;
    const TimerId timer = timers_[Pick(timers_.size())];
    RingOne(timer);
  }

  void RingOne(const TimerId& timer) {
    std::erase(timers_, timer);
    Keep(machine_.OnTimeout(timer, now_));
    ForgetExpired();
  }

  void ForgetExpired() {
    for (Client& client : clients_) {
      if (GroupNow().FindMember(client.self.id) != nullptr) continue;
      client.self.owned.clear();
    }
  }

  const ConsumerGroup& GroupNow() const {
    static const ConsumerGroup nobody;
    auto found = machine_.groups().find(kGroup);
    if (found == machine_.groups().end() || !found->second.consumer.has_value()) return nobody;
    return *found->second.consumer;
  }

  // In the middle of writing what the heartbeat of a client has led to, whose answer never goes.
  void Crash(Client& client) {
    const size_t before = log_.size();
    std::vector<std::string_view> names;
    Ask(client.self.Full(kGroup, names));
    client.must_tell = true;
    log_.resize(before + Pick(log_.size() - before + 1));
    Restart();
  }

  void Restart() {
    Machine replayed(options_);
    for (const Record& record : log_) {
      EncodedRecord encoded = Encode(record);
      auto decoded = Decode(encoded.key, encoded.value);
      REQUIRE(decoded.ok());
      REQUIRE(decoded->has_value());
      replayed.Apply(**decoded);
    }
    machine_ = std::move(replayed);
    machine_.SetImage(image_);
    timers_.clear();
    Keep(machine_.OnLoaded());
    ForgetExpired();
  }

  void CheckInvariants() {
    const ConsumerGroup& group = GroupNow();
    REQUIRE(group.target_epoch <= group.epoch);
    for (const auto& [partition, count] : group.holders) REQUIRE(count == 1);
    for (const auto& [id, member] : group.members) {
      REQUIRE(member.epoch <= group.target_epoch);
      REQUIRE(HasTimer(SessionOf(kGroup, id)));
      if (member.state == MemberState::kUnrevoked) REQUIRE(HasTimer(RevokeOf(kGroup, id)));
    }
    for (size_t a = 0; a < kClients; ++a) {
      for (size_t b = a + 1; b < kClients; ++b) {
        REQUIRE_FALSE(Overlap(clients_[a].self.owned, clients_[b].self.owned));
      }
    }
  }

  bool HasTimer(const TimerId& timer) const { return std::ranges::count(timers_, timer) == 1; }

  // No more trouble: those who fell silent are put out, the others go on.
  void Calm() {
    for (int round = 0; round < 12; ++round) {
      const ConsumerGroup& group = GroupNow();
      std::vector<std::string> lost;
      for (const auto& [id, member] : group.members) {
        bool is_alive = std::ranges::any_of(
            clients_, [&](const Client& client) { return client.self.id == id; });
        if (!is_alive) lost.push_back(id);
      }
      for (const std::string& id : lost) RingOne(SessionOf(kGroup, id));
      for (Client& client : clients_) {
        Beat(client, true);
        CheckInvariants();
      }
      if (HasTimer(AssignOf(kGroup))) RingOne(AssignOf(kGroup));
    }
    const ConsumerGroup& group = GroupNow();
    REQUIRE(group.members.size() == kClients);
    REQUIRE(group.State() == ConsumerGroupState::kStable);
    CheckShares(group);
    Machine replayed(options_);
    for (const Record& record : log_) replayed.Apply(record);
    REQUIRE(replayed.groups() == machine_.groups());
  }

  // Everything that is read is somebody's who reads it, and each client knows what it has.
  void CheckShares(const ConsumerGroup& group) {
    PartitionSet given;
    PartitionSet wanted;
    for (const Client& client : clients_) {
      const ConsumerMember& member = *group.FindMember(client.self.id);
      REQUIRE(client.self.owned == member.assigned);
      REQUIRE(client.self.epoch == member.epoch);
      const PartitionSet readable = ReadableBy(client);
      REQUIRE(Includes(readable, member.assigned));
      given = Union(given, member.assigned);
      wanted = Union(wanted, readable);
    }
    REQUIRE(given == wanted);
  }

  PartitionSet ReadableBy(const Client& client) const {
    PartitionSet set;
    for (size_t i = 0; i < topics_.size(); ++i) {
      const auto& [name, partitions] = topics_[i];
      const bool by_pattern = !client.self.regex.empty() && name != "bills";
      if (!by_pattern && std::ranges::count(client.self.topics, name) == 0) continue;
      for (int32_t index = 0; index < partitions; ++index) {
        set.push_back({TopicNumber(static_cast<uint8_t>(i + 1)), PartitionIndex(index)});
      }
    }
    return MakeSet(set);
  }

  uint64_t seed_;
  uint64_t drawn_ = 0;
  uint64_t requests_ = 0;
  int lives_ = 0;
  Options options_;
  Machine machine_{options_};
  ImagePtr image_;
  std::vector<std::pair<std::string, int32_t>> topics_;
  std::array<Client, kClients> clients_;
  std::vector<Record> log_;
  std::vector<TimerId> timers_;
  TimestampMs now_{1'700'000'000'000};
};

TEST_CASE("consumer group simulation: nobody is given what another holds, and all end well") {
  const uint64_t first = test::FromEnvironment("MILLRACE_GROUP_SEED", 1);
  const uint64_t count = test::FromEnvironment("MILLRACE_GROUP_SEEDS", 10'000);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    INFO("MILLRACE_GROUP_SEED=" << seed << " MILLRACE_GROUP_SEEDS=1");
    Simulation(seed).Run();
  }
}

}  // namespace
}  // namespace millrace::core::group
