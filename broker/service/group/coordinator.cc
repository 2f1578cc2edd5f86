#include "broker/service/group/coordinator.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include <spdlog/spdlog.h>

#include "broker/runtime/printable.h"
#include "proto/invariant.h"
#include "proto/record/batch_builder.h"

namespace millrace::service {

namespace {

using core::group::EncodedRecord;
using core::group::Output;
using core::group::Record;
using core::group::RequestId;

// A batch of records stays below what a partition takes by default (message.max.bytes); one record
// alone is always smaller (core::group::Options).
constexpr size_t kBatchBytesMax = 1'000'000;

// As Kafka tells the clients of a coordinator that its partition refused an append.
ErrorCode ToClientError(ErrorCode error) {
  bool is_moved =
      error == ErrorCode::kNotLeaderOrFollower || error == ErrorCode::kKafkaStorageError;
  if (is_moved) return ErrorCode::kNotCoordinator;
  bool is_too_large =
      error == ErrorCode::kMessageTooLarge || error == ErrorCode::kRecordListTooLarge;
  return is_too_large ? ErrorCode::kUnknownServerError : ErrorCode::kCoordinatorNotAvailable;
}

// When it runs out the member is removed.
bool IsForMember(const core::group::TimerId& timer) { return !timer.member_id.empty(); }

void LogTimeout(const core::group::TimerId& timer) {
  std::string group_id = Printable(timer.group_id);
  switch (timer.kind) {
    case core::group::TimerKind::kSession:
      spdlog::info("group '{}': the session of member '{}' has run out", group_id,
                   Printable(timer.member_id));
      break;
    case core::group::TimerKind::kJoin:
      if (IsForMember(timer)) {
        spdlog::info("group '{}': member '{}' has not joined again in time", group_id,
                     Printable(timer.member_id));
        break;
      }
      spdlog::debug("group '{}': it waits for members no longer", group_id);
      break;
    case core::group::TimerKind::kSync:
      if (IsForMember(timer)) {
        spdlog::info("group '{}': member '{}' has not asked for its assignment in time", group_id,
                     Printable(timer.member_id));
        break;
      }
      spdlog::info("group '{}': members have not asked for their assignment in time", group_id);
      break;
    case core::group::TimerKind::kRevoke:
      spdlog::info("group '{}': member '{}' has not given up partitions in time", group_id,
                   Printable(timer.member_id));
      break;
    case core::group::TimerKind::kAssign:
      break;
  }
}

std::span<const std::byte> AsBytes(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace

void Coordinator::PendingCall::OnFailed(ErrorCode error) { Settle(ToClientError(error)); }

void Coordinator::PendingCall::Settle(ErrorCode failure) {
  settled_ = true;
  failure_ = failure;
  wake_.cancel();
}

Coordinator::Coordinator(Environment environment, std::shared_ptr<partition::Partition> partition)
    : environment_(std::move(environment)),
      partition_(std::move(partition)),
      idle_(environment_.shard),
      cleanup_([this] { tasks_.Spawn(CleanUp()); }),
      tasks_(environment_.shard) {}

void Coordinator::Start() {
  if (partition_->log().log_start_offset() == partition_->log().log_end()) {
    Activate(std::make_unique<core::group::Machine>(environment_.options.machine));
  } else {
    tasks_.Spawn(Load());
  }
}

awaitable<void> Coordinator::Stop() {
  state_ = State::kStopped;
  timers_.clear();
  cleanup_.Cancel();
  idle_.Notify();
  // The answers of those who wait for other members will not come.
  for (auto& [request, call] : calls_) {
    if (!call->answer_.has_value()) call->Settle(ErrorCode::kCoordinatorNotAvailable);
  }
  co_await tasks_.Join();
}

awaitable<ErrorCode> Coordinator::Enter() {
  while (busy_) co_await idle_.Wait();
  switch (state_) {
    case State::kLoading:
      co_return ErrorCode::kCoordinatorLoadInProgress;
    case State::kFailed:
      co_return ErrorCode::kNotCoordinator;
    case State::kStopped:
      co_return ErrorCode::kCoordinatorNotAvailable;
    case State::kActive:
      break;
  }
  INVARIANT(machine_ != nullptr);
  busy_ = true;
  machine_->SetImage(environment_.image());
  co_return ErrorCode::kNone;
}

void Coordinator::Leave() {
  INVARIANT(busy_);
  busy_ = false;
  idle_.Notify();
}

void Coordinator::Register(const Ticket& call) {
  call->request_ = RequestId(next_request_++);
  calls_[call->request_] = call;
}

awaitable<void> Coordinator::Perform(Output output) {
  INVARIANT(busy_);
  const MonotonicMs begin = SteadyNow();
  ErrorCode error = output.records.empty() ? ErrorCode::kNone : co_await Append(output.records);
  if (error != ErrorCode::kNone) {
    OnAppendFailed(error);
  } else {
    for (core::group::TimerChange& change : output.timers) ChangeTimer(std::move(change));
    for (core::group::Reply& reply : output.replies) HandOut(std::move(reply));
    NoteHeldSince(begin);
  }
  Leave();
}

awaitable<ErrorCode> Coordinator::Append(const std::vector<Record>& records) {
  size_t next = 0;
  while (next < records.size()) {
    record::BatchBuilder builder({});
    TimestampMs now = WallNow();
    do {
      EncodedRecord one = core::group::Encode(records[next]);
      record::NewRecord added{.timestamp = now, .key = AsBytes(one.key)};
      if (one.value.has_value()) added.value = AsBytes(*one.value);
      bool fits = builder.size_bytes() + builder.SizeToAdd(added) <= kBatchBytesMax;
      if (builder.record_count() > 0 && !fits) break;
      builder.Add(added);
      ++next;
    } while (next < records.size());
    auto batch = std::move(builder).Build();
    INVARIANT(batch.ok());
    ErrorCode error = co_await AppendBatch(*std::move(batch));
    if (error != ErrorCode::kNone) co_return error;
  }
  co_return ErrorCode::kNone;
}

awaitable<ErrorCode> Coordinator::AppendBatch(std::vector<std::byte> batch) {
  partition::AppendRequest request{.acks_all = true, .now = WallNow()};
  auto outcome = partition_->TryAppend(batch, request);
  if (!outcome.has_value()) outcome = co_await partition_->Append(batch, request);
  if (outcome->error != ErrorCode::kNone) {
    spdlog::error("{}-{}: group records not appended: {} {}", partition_->name().topic,
                  partition_->name().index.value(), ErrorName(outcome->error), outcome->message);
  }
  co_return outcome->error;
}

// The machine is ahead of the log: it is built anew from what the log has.
void Coordinator::OnAppendFailed(ErrorCode error) {
  machine_.reset();
  timers_.clear();
  cleanup_.Cancel();
  for (auto& [request, call] : calls_) {
    if (!call->answer_.has_value()) call->OnFailed(error);
  }
  if (state_ != State::kActive) return;
  bool is_lost = partition_->failure() != ErrorCode::kNone;
  state_ = is_lost ? State::kFailed : State::kLoading;
  if (!is_lost) tasks_.Spawn(Load());
}

// Most answers rest on all that the machine has applied, and wait for the end of the log.
void Coordinator::HandOut(core::group::Reply reply) {
  auto found = calls_.find(reply.request);
  if (found == calls_.end() || found->second->is_settled()) return;  // it has waited long enough
  PendingCall& call = *found->second;
  call.answer_ = std::move(reply.answer);
  Offset end = partition_->log().log_end();
  if (partition_->failure() != ErrorCode::kNone) {
    call.OnFailed(partition_->failure());
  } else if (reply.is_free || partition_->IsCommitted(end)) {
    call.Settle(ErrorCode::kNone);
  } else {
    partition_->Park(call, end);
    call.held_since_ = SteadyNow();
    MonotonicMs deadline = *call.held_since_ + environment_.options.commit_timeout_ms;
    call.deadline_ = asio::steady_timer::time_point(std::chrono::milliseconds(deadline.value()));
    call.wake_.cancel();  // who waits already, waits until then
  }
}

awaitable<ErrorCode> Coordinator::Finish(PendingCall& call) {
  bool is_late = false;
  while (!call.settled_ && !is_late) {
    call.wake_.expires_at(call.deadline_);
    auto [interrupted] = co_await call.wake_.async_wait(kAwait);
    is_late = !interrupted;
  }
  calls_.erase(call.request_);
  if (call.is_parked()) partition_->Unpark(call);
  if (call.held_since_.has_value()) NoteHeldSince(*call.held_since_);
  if (!call.settled_) co_return ErrorCode::kCoordinatorNotAvailable;
  if (call.failure_ == ErrorCode::kNone) INVARIANT(call.answer_.has_value());
  co_return call.failure_;
}

void Coordinator::Abandon(PendingCall& call) {
  calls_.erase(call.request_);
  if (call.is_parked()) partition_->Unpark(call);
  call.Settle(ErrorCode::kCoordinatorNotAvailable);
}

void Coordinator::ChangeTimer(core::group::TimerChange change) {
  if (state_ != State::kActive) return;
  if (!change.after_ms.has_value()) {
    timers_.erase(change.id);
    return;
  }
  std::unique_ptr<Alarm>& alarm = timers_[change.id];
  if (alarm == nullptr) {
    alarm = std::make_unique<Alarm>([this, id = change.id] { tasks_.Spawn(Expire(id)); });
  }
  Arm(*alarm, std::max<int64_t>(*change.after_ms, 0));
}

void Coordinator::Arm(Alarm& alarm, int64_t after_ms) {
  alarm.after_ms = after_ms;
  environment_.shard.timers().Arm(alarm, SteadyNow() + after_ms);
}

bool Coordinator::IsStalled() const {
  const MonotonicMs now = SteadyNow();
  return std::ranges::any_of(calls_, [&](const auto& entry) {
    const std::optional<MonotonicMs>& since = entry.second->held_since_;
    return since.has_value() && now - *since >= environment_.options.stall_ms;
  });
}

void Coordinator::NoteHeldSince(MonotonicMs since) {
  const MonotonicMs now = SteadyNow();
  if (now - std::max(since, sessions_renewed_) < environment_.options.stall_ms) return;
  sessions_renewed_ = now;
  spdlog::warn("{}-{}: group records took {} ms to reach the disk; sessions begin anew",
               partition_->name().topic, partition_->name().index.value(), now - since);
  for (auto& [timer, alarm] : timers_) {
    if (IsForMember(timer)) Arm(*alarm, alarm->after_ms);
  }
}

// The member may have been heard of since the timer ran out.
awaitable<void> Coordinator::Expire(core::group::TimerId timer) {
  ErrorCode error = co_await Enter();
  if (error != ErrorCode::kNone) co_return;
  auto found = timers_.find(timer);
  if (found == timers_.end() || found->second->is_armed()) {
    Leave();
    co_return;
  }
  if (IsForMember(timer) && IsStalled()) {
    environment_.shard.timers().Arm(*found->second, SteadyNow() + environment_.options.stall_ms);
    Leave();
    co_return;
  }
  timers_.erase(found);
  LogTimeout(timer);
  co_await Perform(machine_->OnTimeout(timer, WallNow()));
}

awaitable<void> Coordinator::CleanUp() {
  ErrorCode error = co_await Enter();
  if (error != ErrorCode::kNone) co_return;
  core::ImagePtr image = environment_.image();
  auto name_of = [&image](const TopicId& id) -> std::optional<std::string_view> {
    const core::TopicImage* topic = image->FindTopic(id);
    return topic == nullptr ? std::nullopt : std::optional<std::string_view>(topic->name);
  };
  co_await Perform(machine_->OnCleanup(name_of, WallNow()));
  ArmCleanup();
}

void Coordinator::ArmCleanup() {
  if (state_ != State::kActive) return;
  environment_.shard.timers().Arm(cleanup_, SteadyNow() + environment_.options.cleanup_interval_ms);
}

}  // namespace millrace::service
