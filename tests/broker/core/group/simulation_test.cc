// The coordinator under random joins, leaves, heartbeats, time-outs, commits, crashes and moves.
// MILLRACE_GROUP_SEEDS sets how many seeds are run, MILLRACE_GROUP_SEED the first of them.
#include "tests/broker/core/group/simulation.h"

#include <algorithm>
#include <set>
#include <utility>

#include <catch2/catch.hpp>

#include "tests/support/seeded.h"

namespace millrace::core::group {

namespace {

constexpr const char* kGroup = "g";
constexpr int32_t kSessionMs = 10'000;
constexpr int64_t kHeartbeatMs = 3'000;
constexpr int64_t kFaultPhaseMs = 60'000;
// A session, a rebalance, and a sync of somebody who is gone, twice.
constexpr int64_t kProgressMs = 2 * (kSessionMs + 20'000 + 20'000) + 30'000;

TopicPartition PartitionNumber(int number) {
  TopicId topic;
  topic.bytes[15] = std::byte{1};
  return {topic, PartitionIndex(number)};
}

ErrorCode ErrorOf(const Answer& answer) {
  return std::visit([](const auto& one) { return one.error; }, answer);
}

}  // namespace

Simulation::Simulation(uint64_t seed) : random_(seed) {
  options_.initial_rebalance_delay_ms = Chance(50) ? 3'000 : 0;
  if (Chance(20)) options_.members_max = 3;
  machine_ = std::make_unique<Machine>(options_);
  size_t count = 2 + Below(5);
  for (size_t i = 0; i < count; ++i) {
    auto client = std::make_unique<SimulatedClient>();
    client->name = "c" + std::to_string(i);
    client->is_static = Chance(35);
    client->can_skip_assignment = Chance(70);
    client->needs_member_id = Chance(80);
    client->rebalance_timeout_ms = static_cast<int32_t>(8'000 + Below(12'000));
    client->protocols = {"range"};
    if (Chance(50)) client->protocols.insert(client->protocols.begin(), "sticky");
    clients_.push_back(std::move(client));
  }
}

void Simulation::Run() {
  for (auto& client : clients_) {
    After(static_cast<int64_t>(Below(8'000)), [this, &client] { Start(*client); });
  }
  After(1'000, [this] { Fault(); });
  RunUntil(kFaultPhaseMs);
  has_faults_ = false;
  int64_t deadline_ms = now_ms_ + kProgressMs;
  while (Unrest() != nullptr && now_ms_ < deadline_ms) RunUntil(now_ms_ + 500);
  INFO("after the faults: " << (Unrest() == nullptr ? "" : Unrest()));
  REQUIRE(Unrest() == nullptr);
  is_quiet_ = true;
  RunUntil(now_ms_ + 2'000);
  deadline_ms = now_ms_ + kProgressMs;
  // What the dead have asked for is answered, too.
  while (!open_.empty() && now_ms_ < deadline_ms) RunUntil(now_ms_ + 500);
  REQUIRE(open_.empty());
  CheckReplay();
}

void Simulation::After(int64_t delay_ms, Event event) {
  events_.emplace(now_ms_ + delay_ms, std::move(event));
}

void Simulation::RunUntil(int64_t time_ms) {
  while (!events_.empty() && events_.begin()->first <= time_ms) {
    auto next = events_.extract(events_.begin());
    now_ms_ = next.key();
    next.mapped()();
  }
  now_ms_ = time_ms;
}

// The coordinator's driver: what was decided is appended at once, committed a little later, and
// answered then.
void Simulation::Take(Output output) {
  for (const Record& record : output.records) {
    if (const auto* put = std::get_if<PutOffset>(&record)) CheckOffset(*put);
    log_.push_back(Encode(record));
  }
  for (const TimerChange& change : output.timers) SetTimer(change);
  for (Reply& reply : output.replies) held_.push_back({log_.size(), std::move(reply)});
  int64_t lag_ms = static_cast<int64_t>(Below(20));
  After(lag_ms, [this, position = log_.size(), crashes = crashes_] {
    if (crashes == crashes_) Commit(position);
  });
  CheckMachine();
}

void Simulation::SetTimer(const TimerChange& change) {
  if (!change.after_ms.has_value()) {
    timers_.erase(change.id);
    return;
  }
  int version = ++timer_versions_;
  timers_[change.id] = version;
  After(*change.after_ms, [this, id = change.id, version] {
    auto found = timers_.find(id);
    if (found == timers_.end() || found->second != version) return;
    timers_.erase(found);
    Take(machine_->OnTimeout(id, Now()));
  });
}

void Simulation::Commit(size_t position) {
  committed_ = std::max(committed_, position);
  auto first_held = std::find_if(held_.begin(), held_.end(),
                                 [&](const Held& held) { return held.position > committed_; });
  std::vector<Held> due(std::make_move_iterator(held_.begin()),
                        std::make_move_iterator(first_held));
  held_.erase(held_.begin(), first_held);
  for (const Held& held : due) HandOut(held.reply);
}

void Simulation::HandOut(const Reply& reply) {
  auto found = open_.extract(reply.request.value());
  REQUIRE_FALSE(found.empty());  // asked, and not answered yet
  Sent sent = std::move(found.mapped());
  if (const auto* joined = std::get_if<JoinAnswer>(&reply.answer)) CheckTold(*joined);
  if (const auto* synced = std::get_if<SyncAnswer>(&reply.answer)) CheckOwners(sent, *synced);
  const auto* made = std::get_if<CommitAnswer>(&reply.answer);
  if (made != nullptr && made->error == ErrorCode::kNone) {
    int64_t& acknowledged = acknowledged_[sent.partition];
    acknowledged = std::max(acknowledged, sent.offset);
  }
  Hearken(std::move(sent), reply.answer);
}

// Moved to another broker, it has all that was appended; after a crash, all that was committed.
void Simulation::Crash(bool loses_uncommitted) {
  ++crashes_;
  size_t uncommitted = log_.size() - committed_;
  if (loses_uncommitted) log_.resize(committed_ + Below(uncommitted + 1));
  if (!loses_uncommitted) CheckReplay();
  committed_ = log_.size();
  held_.clear();
  timers_.clear();
  machine_ = std::make_unique<Machine>(Replayed());
  offsets_.clear();
  for (const auto& [group_id, group] : machine_->groups()) {
    for (const auto& [partition, committed] : group.offsets) {
      offsets_[partition.index.value()] = committed.offset.value();
    }
  }
  for (auto& [request, sent] : std::exchange(open_, {})) Hearken(std::move(sent), std::nullopt);
  Take(machine_->OnLoaded());
}

Machine Simulation::Replayed() const {
  Machine replayed(options_);
  for (const EncodedRecord& record : log_) replayed.Apply(**Decode(record.key, record.value));
  return replayed;
}

// Messages of a client arrive in the order in which they were sent, as over a connection.
void Simulation::Send(SimulatedClient& client, Hear hear, std::function<void(Sent)> deliver) {
  Sent sent{.client = &client, .incarnation = client.incarnation, .hear = std::move(hear)};
  if (has_faults_ && Chance(3)) return Hearken(std::move(sent), std::nullopt);
  int64_t& arrival = arrivals_[&client];
  size_t slowest = Chance(3) && has_faults_ ? 15'000 : 30;
  arrival = std::max(arrival, now_ms_ + static_cast<int64_t>(Below(slowest)));
  After(arrival - now_ms_,
        [sent = std::move(sent), deliver = std::move(deliver)] { deliver(sent); });
}

void Simulation::Hearken(Sent sent, std::optional<Answer> answer) {
  if (has_faults_ && Chance(3)) answer.reset();
  int64_t delay_ms = answer.has_value() ? static_cast<int64_t>(Below(30)) : 500;
  delay_ms = std::max(delay_ms, sent.client->paused_until_ms - now_ms_);
  After(delay_ms, [sent = std::move(sent), answer = std::move(answer)] {
    if (sent.client->incarnation != sent.incarnation) return;
    sent.hear(answer.has_value() ? &*answer : nullptr);
  });
}

void Simulation::Start(SimulatedClient& client) {
  client.Start();
  After(static_cast<int64_t>(Below(kHeartbeatMs)),
        [this, &client, incarnation = client.incarnation] { Tick(client, incarnation); });
  Join(client);
}

void Simulation::Tick(SimulatedClient& client, int incarnation) {
  if (client.incarnation != incarnation) return;
  After(kHeartbeatMs, [this, &client, incarnation] { Tick(client, incarnation); });
  if (is_quiet_ || client.paused_until_ms > now_ms_) return;
  if (client.state != SimulatedClient::State::kStable) return;
  if (Chance(60)) CommitOffset(client);
  Heartbeat(client);
}

void Simulation::Join(SimulatedClient& client) {
  client.state = SimulatedClient::State::kJoining;
  client.Revoke();
  int attempt = ++client.attempt;
  std::string metadata = std::to_string(client.metadata_version);
  std::string fresh = "id" + std::to_string(++fresh_ids_);
  auto hear = [this, &client, attempt](const Answer* answer) {
    if (client.attempt != attempt) return;
    if (answer == nullptr) return Retry(client, 100);
    OnJoined(client, std::get<JoinAnswer>(*answer));
  };
  auto deliver = [this, &client, metadata, fresh, id = client.member_id](Sent sent) {
    std::vector<group::Join::Protocol> protocols;
    for (const std::string& name : client.protocols) protocols.push_back({name, metadata});
    Deliver(group::Join{.group_id = kGroup,
                        .who = {id, client.instance_id()},
                        .client_id = client.name,
                        .client_host = "/127.0.0.1",
                        .session_timeout_ms = kSessionMs,
                        .rebalance_timeout_ms = client.rebalance_timeout_ms,
                        .protocol_type = "consumer",
                        .protocols = protocols,
                        .needs_member_id = client.needs_member_id,
                        .can_skip_assignment = client.can_skip_assignment,
                        .fresh_id = fresh},
            std::move(sent));
  };
  Send(client, hear, deliver);
}

void Simulation::OnJoined(SimulatedClient& client, const JoinAnswer& answer) {
  if (answer.error == ErrorCode::kMemberIdRequired) {
    client.member_id = answer.member_id;
    return Join(client);
  }
  if (answer.error != ErrorCode::kNone) return OnRefused(client, answer.error);
  client.member_id = answer.member_id;
  client.generation = answer.generation;
  Sync(client, answer);
}

void Simulation::Sync(SimulatedClient& client, const JoinAnswer& joined) {
  client.state = SimulatedClient::State::kSyncing;
  int attempt = ++client.attempt;
  bool shares_out = joined.leader == joined.member_id && !joined.skip_assignment;
  auto shares =
      shares_out ? ShareOut(joined.members) : std::vector<std::pair<std::string, std::string>>();
  auto hear = [this, &client, attempt](const Answer* answer) {
    if (client.attempt != attempt) return;
    if (answer == nullptr) return Retry(client, 100);
    const auto& synced = std::get<SyncAnswer>(*answer);
    if (synced.error != ErrorCode::kNone) return OnRefused(client, synced.error);
    client.state = SimulatedClient::State::kStable;
    client.assignment = synced.assignment;
    FetchPositions(client);
  };
  auto deliver = [this, &client, shares, joined](Sent sent) {
    std::vector<group::Sync::Assignment> assignments;
    for (const auto& [member_id, share] : shares) assignments.push_back({member_id, share});
    sent.generation = joined.generation;
    Deliver(group::Sync{.group_id = kGroup,
                        .who = {joined.member_id, client.instance_id()},
                        .generation = *joined.generation,
                        .protocol_type = *joined.protocol_type,
                        .protocol = *joined.protocol,
                        .assignments = assignments},
            std::move(sent));
  };
  Send(client, hear, deliver);
}

void Simulation::Heartbeat(SimulatedClient& client) {
  int attempt = client.attempt;
  auto hear = [this, &client, attempt](const Answer* answer) {
    if (client.attempt != attempt || answer == nullptr) return;
    ErrorCode error = ErrorOf(*answer);
    if (error != ErrorCode::kNone) OnRefused(client, error);
  };
  auto deliver = [this, &client, id = client.member_id,
                  generation = *client.generation](Sent sent) {
    Deliver(group::Heartbeat{kGroup, {id, client.instance_id()}, generation}, std::move(sent));
  };
  Send(client, hear, deliver);
}

void Simulation::CommitOffset(SimulatedClient& client) {
  bool has_strayed = client.stray_generation == client.generation;
  if (client.positions.empty() || has_strayed) return;
  auto at =
      std::next(client.positions.begin(), static_cast<int64_t>(Below(client.positions.size())));
  int64_t offset = at->second += 1 + static_cast<int64_t>(Below(5));
  auto deliver = [this, &client, partition = at->first, offset, id = client.member_id,
                  generation = *client.generation](Sent sent) {
    sent.partition = partition;
    sent.offset = offset;
    group::Commit::Partition one{PartitionNumber(partition), Offset(offset), std::nullopt, ""};
    Deliver(group::Commit{.group_id = kGroup,
                          .who = {id, client.instance_id()},
                          .generation = generation,
                          .retention_ms = std::nullopt,
                          .partitions = {&one, 1}},
            std::move(sent));
  };
  auto hear = [](const Answer*) {};
  bool is_in_flight = arrivals_[&client] > now_ms_;
  if (!has_faults_ || is_in_flight || !Chance(10)) return Send(client, hear, deliver);
  // Left in a connection that was given up, it arrives after what the client says later. Until its
  // next generation the client commits no more, for the last to arrive would count.
  client.stray_generation = client.generation;
  Sent sent{.client = &client, .incarnation = client.incarnation, .hear = hear};
  After(static_cast<int64_t>(Below(15'000)), [sent, deliver] { deliver(sent); });
}

void Simulation::FetchPositions(SimulatedClient& client) {
  int attempt = client.attempt;
  auto hear = [this, &client, attempt](const Answer* answer) {
    if (client.attempt != attempt) return;
    if (answer == nullptr) return FetchPositions(client);
    for (int p : PartitionsOf(client.assignment)) client.positions[p] = 0;
    for (const FetchAnswer::Found& found : std::get<FetchAnswer>(*answer).found) {
      auto position = client.positions.find(found.partition.index.value());
      if (position == client.positions.end()) continue;
      position->second = found.committed.offset.value();
    }
  };
  auto deliver = [this](Sent sent) {
    Deliver(group::Fetch{.group_id = kGroup, .all = true, .partitions = {}}, std::move(sent));
  };
  Send(client, hear, deliver);
}

void Simulation::Leave(SimulatedClient& client) {
  auto deliver = [this, &client, id = client.member_id](Sent sent) {
    Identity who{id, client.instance_id()};
    Deliver(group::Leave{kGroup, {&who, 1}}, std::move(sent));
  };
  Send(client, [](const Answer*) {}, deliver);
  client.Stop();
}

void Simulation::OnRefused(SimulatedClient& client, ErrorCode error) {
  if (error == ErrorCode::kFencedInstanceId) return client.Stop();
  bool is_full = error == ErrorCode::kGroupMaxSizeReached;
  if (error == ErrorCode::kUnknownMemberId || is_full) client.Forget();
  Retry(client, is_full ? 5'000 : 50);
}

void Simulation::Retry(SimulatedClient& client, int64_t delay_ms) {
  client.state = SimulatedClient::State::kIdle;
  client.Revoke();
  int attempt = ++client.attempt;
  After(delay_ms, [this, &client, attempt, incarnation = client.incarnation] {
    if (client.incarnation == incarnation && client.attempt == attempt) Join(client);
  });
}

void Simulation::Fault() {
  if (!has_faults_) return;
  After(static_cast<int64_t>(Below(4'000)), [this] { Fault(); });
  switch (Below(6)) {
    case 0:
      return Crash(true);
    case 1:
      return Crash(false);
    default:
      return FaultOf(*clients_[Below(clients_.size())]);
  }
}

void Simulation::FaultOf(SimulatedClient& client) {
  if (!client.is_up()) return Start(client);
  bool is_stable = client.state == SimulatedClient::State::kStable;
  switch (Below(7)) {
    case 0:
      return client.Stop();
    case 1:  // a static member that is back before its session is over
      client.Stop();
      return Start(client);
    case 2:
      if (!client.member_id.empty()) Leave(client);
      return;
    case 3:  // everything is asked again, while the first may still wait
      return Join(client);
    case 4:
      client.paused_until_ms = now_ms_ + static_cast<int64_t>(Below(15'000));
      return;
    case 5:
      ++client.metadata_version;
      if (is_stable) Join(client);
      return;
    default:
      if (is_stable) Join(client);
  }
}

// One generation, one protocol, one set of members; and no generation after a later one.
void Simulation::CheckTold(const JoinAnswer& answer) {
  if (answer.error != ErrorCode::kNone) return;
  int generation = answer.generation->value();
  REQUIRE(generation >= generation_told_);
  generation_told_ = generation;
  Told& told = told_[generation];
  if (told.protocol.empty()) told.protocol = *answer.protocol;
  REQUIRE(told.protocol == *answer.protocol);
  if (answer.members.empty()) return;
  std::set<std::string> names;
  for (const JoinAnswer::Member& member : answer.members)
    names.insert(NameOfMember(member.member_id));
  std::string members;
  for (const std::string& name : names) members += name + " ";
  if (told.members.empty()) told.members = members;
  REQUIRE(told.members == members);
}

void Simulation::CheckOwners(const Sent& sent, const SyncAnswer& answer) {
  if (answer.error != ErrorCode::kNone) return;
  Told& told = told_[sent.generation->value()];
  for (int p : PartitionsOf(answer.assignment)) {
    auto [owner, is_first] = told.owners.try_emplace(p, sent.client->name);
    REQUIRE(owner->second == sent.client->name);
  }
}

void Simulation::CheckOffset(const PutOffset& put) {
  int64_t& offset = offsets_[put.partition.index.value()];
  REQUIRE(put.committed.offset.value() >= offset);
  offset = put.committed.offset.value();
}

void Simulation::CheckMachine() {
  for (const auto& [partition, offset] : acknowledged_) REQUIRE(offsets_[partition] >= offset);
  auto group = machine_->groups().find(kGroup);
  if (group == machine_->groups().end()) return;
  const Membership& membership = group->second.membership;
  REQUIRE(membership.generation.value() >= generation_told_);
  REQUIRE(membership.members.size() <= options_.members_max);
}

// The state is what its records say, and nothing else.
void Simulation::CheckReplay() { REQUIRE(Replayed().groups() == machine_->groups()); }

const char* Simulation::Unrest() const {
  auto group = machine_->groups().find(kGroup);
  size_t up = static_cast<size_t>(std::count_if(clients_.begin(), clients_.end(),
                                                [](const auto& one) { return one->is_up(); }));
  if (up == 0) return open_.empty() ? nullptr : "requests of the dead wait";
  if (group == machine_->groups().end()) return "there is no group";
  const Membership& membership = group->second.membership;
  if (membership.state != GroupState::kStable) return "the group is not stable";
  if (membership.members.size() != std::min(up, options_.members_max)) return "members are missing";
  std::set<int> owned;
  size_t shares = 0;
  for (const auto& client : clients_) {
    if (!membership.members.contains(client->member_id)) continue;
    if (client->state != SimulatedClient::State::kStable) return "a member is not stable";
    if (client->generation != membership.generation) return "a member is in another generation";
    for (int p : PartitionsOf(client->assignment)) owned.insert(p);
    shares += client->assignment.size();
  }
  bool is_whole = owned.size() == kPartitions && shares == kPartitions;
  return is_whole ? nullptr : "partitions have no owner, or two";
}

TEST_CASE("groups: whatever happens, and when it ends, its members share the work") {
  const uint64_t first = test::FromEnvironment("MILLRACE_GROUP_SEED", 1);
  const uint64_t count = test::FromEnvironment("MILLRACE_GROUP_SEEDS", 10'000);
  for (uint64_t seed = first; seed < first + count; ++seed) {
    CAPTURE(seed);
    Simulation(seed).Run();
  }
}

}  // namespace millrace::core::group
