// Drives the group coordinator of one partition of __consumer_offsets: loads it from the
// partition's log, appends what it decides, and lets answers go once that is committed.
//
//   auto coordinator = std::make_shared<Coordinator>(environment, partition);
//   coordinator->Start();
//   core::group::HeartbeatAnswer answer = co_await coordinator->Call(core::group::Heartbeat{...});
//
// A join or a sync may wait for other members, for minutes: Begin hands it in and End waits.
//
// Threading: the partition's shard. Lifetime: shared with the calls in progress; Stop before the
// shard ends.
// Errors: in the answer's `error`. COORDINATOR_LOAD_IN_PROGRESS while the log is read. A failed
// append drops the machine and reads the log again, for what it decided is not to be.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>

#include "broker/core/cluster_image.h"
#include "broker/core/group/machine.h"
#include "broker/partition/partition.h"
#include "broker/runtime/disk_pool.h"
#include "broker/runtime/task_group.h"
#include "broker/runtime/timers.h"

namespace millrace::service {

struct CoordinatorOptions {
  core::group::Options machine;
  int64_t commit_timeout_ms = 5'000;
  int64_t cleanup_interval_ms = 600'000;
  // When the disk keeps an answer back for so long, members are no longer held to their sessions.
  int64_t stall_ms = 1'000;
};

class Coordinator : public std::enable_shared_from_this<Coordinator> {
 public:
  struct Environment {
    Shard& shard;
    DiskPool& disk_pool;
    // The cluster as the coordinator's shard sees it.
    std::function<core::ImagePtr()> image;
    CoordinatorOptions options;
  };

  Coordinator(Environment environment, std::shared_ptr<partition::Partition> partition);

  // Loads. An empty log is loaded at once.
  void Start();
  // No more calls; timers and loading end.
  awaitable<void> Stop();
  // Whether the topic was deleted: whoever comes is to ask for the coordinator anew.
  bool is_gone() const { return partition_->failure() == ErrorCode::kUnknownTopicOrPartition; }

  // A request whose answer is not there yet, or not committed.
  class PendingCall final : public core::OffsetWaiter {
   public:
    explicit PendingCall(Shard& shard) : wake_(shard.context()) {}
    bool is_settled() const { return settled_; }

   private:
    friend class Coordinator;
    void OnReached() override { Settle(ErrorCode::kNone); }
    void OnFailed(ErrorCode error) override;
    void Settle(ErrorCode failure);

    core::group::RequestId request_{0};
    asio::steady_timer wake_;
    // When it is given up: never before the machine has answered.
    asio::steady_timer::time_point deadline_ = asio::steady_timer::time_point::max();
    std::optional<core::group::Answer> answer_;
    std::optional<MonotonicMs> held_since_;  // the answer is there, and not committed yet
    bool settled_ = false;
    ErrorCode failure_ = ErrorCode::kNone;  // as the client is told
  };
  using Ticket = std::shared_ptr<PendingCall>;

  // Hands the input in. What it views must live until this returns. Then comes End or Abandon.
  template <class Input>
  awaitable<Ticket> Begin(Input input) {
    auto self = shared_from_this();
    auto call = std::make_shared<PendingCall>(environment_.shard);
    ErrorCode refusal = co_await Enter();
    if (refusal != ErrorCode::kNone) {
      call->Settle(refusal);
      co_return call;
    }
    Register(call);
    co_await Perform(machine_->On(call->request_, input, WallNow()));
    co_return call;
  }

  // Until the answer is there and committed, or the coordinator stops, or is abandoned.
  template <class Input>
  awaitable<typename Input::Answer> End(Ticket call) {
    using Answer = typename Input::Answer;
    auto self = shared_from_this();
    Answer failed;
    failed.error = co_await Finish(*call);
    if (failed.error != ErrorCode::kNone) co_return failed;
    co_return std::get<Answer>(*std::move(call->answer_));
  }

  // Nobody wants the answer any more: an End that waits returns soon.
  void Abandon(PendingCall& call);

  template <class Input>
  awaitable<typename Input::Answer> Call(Input input) {
    Ticket call = co_await Begin(std::move(input));
    co_return co_await End<Input>(std::move(call));
  }

 private:
  enum class State { kLoading, kActive, kFailed, kStopped };

  class Alarm final : public Timer {
   public:
    explicit Alarm(std::function<void()> ring) : ring_(std::move(ring)) {}
    int64_t after_ms = 0;  // as it was last set

   private:
    void OnTimer() override { ring_(); }
    std::function<void()> ring_;
  };

  // One input after the other: from Enter until Perform has appended what it decided.
  awaitable<ErrorCode> Enter();
  void Leave();
  void Register(const Ticket& call);
  awaitable<void> Perform(core::group::Output output);
  awaitable<ErrorCode> Finish(PendingCall& call);
  awaitable<ErrorCode> Append(const std::vector<core::group::Record>& records);
  awaitable<ErrorCode> AppendBatch(std::vector<std::byte> batch);
  void OnAppendFailed(ErrorCode error);
  void HandOut(core::group::Reply reply);
  void ChangeTimer(core::group::TimerChange change);
  awaitable<void> Expire(core::group::TimerId timer);
  void Arm(Alarm& alarm, int64_t after_ms);
  // A member says nothing while it waits for an answer that the disk keeps back: no session runs
  // out meanwhile, and all begin anew afterwards.
  bool IsStalled() const;
  void NoteHeldSince(MonotonicMs since);
  awaitable<void> CleanUp();
  void ArmCleanup();
  // coordinator_load.cc
  awaitable<void> Load();
  awaitable<absl::Status> Replay(core::group::Machine& machine);
  awaitable<ErrorCode> WaitCommitted(Offset end);
  void Activate(std::unique_ptr<core::group::Machine> machine);

  Environment environment_;
  std::shared_ptr<partition::Partition> partition_;
  State state_ = State::kLoading;
  std::unique_ptr<core::group::Machine> machine_;  // while kActive
  bool busy_ = false;
  Signal idle_;
  uint64_t next_request_ = 1;
  absl::flat_hash_map<core::group::RequestId, Ticket> calls_;
  absl::flat_hash_map<core::group::TimerId, std::unique_ptr<Alarm>> timers_;
  MonotonicMs sessions_renewed_{0};
  Alarm cleanup_;
  TaskGroup tasks_;
};

}  // namespace millrace::service
