// One group under faults, in a time of its own: clients come, go, die and come back, messages are
// lost, the coordinator crashes and loses what was not committed. What must hold is checked all the
// time; afterwards the faults stop and the group must become stable.
//
// Everything follows from the seed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "broker/core/group/machine.h"
#include "tests/broker/core/group/simulated_client.h"

namespace millrace::core::group {

class Simulation {
 public:
  explicit Simulation(uint64_t seed);

  // The fault phase; then as long as a group may need; then the checks of progress.
  void Run();

 private:
  using Event = std::function<void()>;
  // Null: the connection was lost.
  using Hear = std::function<void(const Answer*)>;
  struct Sent {
    SimulatedClient* client = nullptr;
    int incarnation = 0;
    Hear hear;
    // What a sync or a commit was about, for the checks.
    std::optional<GenerationId> generation = std::nullopt;
    int partition = 0;
    int64_t offset = 0;
  };
  struct Held {
    size_t position;
    Reply reply;
  };
  // What everybody who was told of a generation must have been told alike.
  struct Told {
    std::string protocol;
    std::string members;                // names, by the leader's answer; empty: not told yet
    std::map<int, std::string> owners;  // by partition
  };

  size_t Below(size_t bound) { return random_() % bound; }
  bool Chance(size_t percent) { return Below(100) < percent; }
  void After(int64_t delay_ms, Event event);
  void RunUntil(int64_t time_ms);

  // The coordinator's driver.
  template <class Input>
  void Deliver(const Input& input, Sent sent) {
    RequestId request(++requests_);
    open_[request.value()] = std::move(sent);
    Take(machine_->On(request, input, Now()));
  }
  TimestampMs Now() const { return TimestampMs(1'700'000'000'000 + now_ms_); }
  void Take(Output output);
  void SetTimer(const TimerChange& change);
  void Commit(size_t position);
  void HandOut(const Reply& reply);
  void Crash(bool loses_uncommitted);
  Machine Replayed() const;

  // The clients' side. `deliver` makes the input when it has arrived, and hands it in.
  void Send(SimulatedClient& client, Hear hear, std::function<void(Sent)> deliver);
  void Hearken(Sent sent, std::optional<Answer> answer);
  void Join(SimulatedClient& client);
  void Sync(SimulatedClient& client, const JoinAnswer& joined);
  void Heartbeat(SimulatedClient& client);
  void CommitOffset(SimulatedClient& client);
  void FetchPositions(SimulatedClient& client);
  void Leave(SimulatedClient& client);
  void OnJoined(SimulatedClient& client, const JoinAnswer& answer);
  void OnRefused(SimulatedClient& client, ErrorCode error);
  void Retry(SimulatedClient& client, int64_t delay_ms);
  void Tick(SimulatedClient& client, int incarnation);
  void Start(SimulatedClient& client);
  void Fault();
  void FaultOf(SimulatedClient& client);

  // What must hold.
  void CheckTold(const JoinAnswer& answer);
  void CheckOwners(const Sent& sent, const SyncAnswer& answer);
  void CheckOffset(const PutOffset& put);
  void CheckMachine();
  void CheckReplay();
  // Null: the group is stable; otherwise what is amiss.
  const char* Unrest() const;

  std::mt19937_64 random_;
  Options options_;
  int64_t now_ms_ = 0;
  bool has_faults_ = true;
  bool is_quiet_ = false;  // clients say nothing of their own accord
  std::multimap<int64_t, Event> events_;

  std::unique_ptr<Machine> machine_;
  int crashes_ = 0;
  std::vector<EncodedRecord> log_;
  size_t committed_ = 0;
  std::vector<Held> held_;
  absl::flat_hash_map<TimerId, int> timers_;  // to the version that counts
  int timer_versions_ = 0;
  uint64_t requests_ = 0;
  int fresh_ids_ = 0;
  std::map<uint64_t, Sent> open_;

  std::vector<std::unique_ptr<SimulatedClient>> clients_;
  std::map<const SimulatedClient*, int64_t> arrivals_;  // messages of a client arrive in order
  std::map<int, Told> told_;                            // by generation
  int generation_told_ = 0;
  std::map<int, int64_t> acknowledged_;  // offsets, by partition
  std::map<int, int64_t> offsets_;       // as the coordinator has them
};

}  // namespace millrace::core::group
