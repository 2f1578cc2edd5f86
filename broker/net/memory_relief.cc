#include "broker/net/memory_relief.h"

#include <algorithm>
#include <tuple>

#include "broker/net/connection.h"

namespace millrace::net {

namespace {

constexpr int64_t kLookMs = 20;
constexpr int64_t kIdleLookMs = 200;  // when nobody waits
constexpr int64_t kGraceMs = 500;
constexpr int64_t kShortGraceMs = 100;  // when even the last quarter is used up
constexpr int64_t kReturnMs = 1000;
// Looks in vain until frames that wait for memory are taken from: two seconds, in which every other
// shard has closed who stalls.
constexpr int kFruitlessRoundsMax = 100;
// When even the last quarter is used up, or who waits has had requests answered.
constexpr int kUrgentRoundsMax = 10;
// Likewise, until one is taken from that had requests answered before: the others have had their
// turn on every shard.
constexpr int kHopelessRounds = 1000;
constexpr size_t kMuchBytes = 16 << 10;

}  // namespace

void MemoryRelief::Start() {
  if (!is_armed() && !stopped_) shard_.timers().Arm(*this, SteadyNow() + kLookMs);
}

void MemoryRelief::Await(Connection& connection, size_t bytes) {
  if (waiters_.empty()) Cancel();  // it may be set for later
  Start();
  for (Waiter& waiter : waiters_) {
    if (waiter.connection != &connection) continue;
    waiter.bytes = bytes;
    waiter.is_told = false;
    return;
  }
  // Who has had requests answered goes before the others: a flood of half frames has not.
  auto place = waiters_.end();
  if (connection.is_proven()) {
    place = std::find_if(waiters_.begin(), waiters_.end(),
                         [](const Waiter& one) { return !one.connection->is_proven(); });
  }
  waiters_.insert(place, {&connection, bytes, false});
}

void MemoryRelief::Forget(Connection& connection) {
  std::erase_if(waiters_, [&](const Waiter& one) { return one.connection == &connection; });
}

bool MemoryRelief::HasEnough(size_t bytes) const { return buffers_.memory().HasShared(bytes); }

bool MemoryRelief::FreeSpare(size_t bytes) {
  buffers_.Trim(1);
  if (HasEnough(bytes)) return true;
  for (Connection* connection : open_) connection->ReleaseSpare();
  return HasEnough(bytes);
}

bool MemoryRelief::CloseStalled(size_t bytes, MonotonicMs before) {
  // Who has had requests answered comes last.
  std::vector<std::tuple<bool, MonotonicMs, Connection*>> stalled;
  for (Connection* connection : open_) {
    auto since = connection->stalled_since();
    if (since.has_value() && *since <= before)
      stalled.emplace_back(connection->is_proven(), *since, connection);
  }
  std::sort(stalled.begin(), stalled.end());
  for (auto& [is_proven, since, connection] : stalled) {
    if (HasEnough(bytes)) return true;
    connection->GiveUp(CloseReason::kMemory);
    buffers_.Trim(1);
  }
  return HasEnough(bytes);
}

void MemoryRelief::AnswerWaiting() {
  for (Connection* connection : open_) connection->AnswerWaiting();
}

void MemoryRelief::Free(size_t bytes) {
  MonotonicMs now = SteadyNow();
  if (FreeSpare(bytes)) return;
  will_return_ = true;
  Start();
  if (CloseStalled(bytes, now - kGraceMs)) return;
  AnswerWaiting();
  if (buffers_.memory().is_exhausted()) CloseStalled(bytes, now - kShortGraceMs);
}

// What was closed and answered gives up its memory only in later turns of the loop, and in pieces
// that the allocator keeps.
void MemoryRelief::ReturnMemory() {
  MonotonicMs now = SteadyNow();
  if (!will_return_ || now < last_return_ + kReturnMs) return;
  last_return_ = now;
  will_return_ = false;
  ReturnFreeMemory();
}

// What those who have waited longest need, but no more than a part of what there is.
size_t MemoryRelief::WantedBytes() const {
  if (waiters_.empty()) return 0;
  auto part = static_cast<size_t>(buffers_.memory().budget().shared_limit() / 8);
  size_t sum = 0;
  for (const Waiter& waiter : waiters_) {
    if (sum >= part) break;
    sum += waiter.bytes;
  }
  return std::max(std::min(sum, part), waiters_.front().bytes);
}

// Where whoever holds memory waits for memory, the latest to wait make room for the first: those
// that never had a request answered if there are such, for that is how a flood looks.
void MemoryRelief::CloseLastWaiters() {
  bool is_stalled = std::any_of(open_.begin(), open_.end(), [](const Connection* connection) {
    return connection->stalled_since().has_value() && connection->held_bytes() >= kMuchBytes;
  });
  fruitless_rounds_ = is_stalled ? 0 : fruitless_rounds_ + 1;
  bool is_urgent = buffers_.memory().is_exhausted() ||
                   (!waiters_.empty() && waiters_.front().connection->is_proven());
  if (fruitless_rounds_ < (is_urgent ? kUrgentRoundsMax : kFruitlessRoundsMax)) return;
  std::vector<Connection*> latest_first;  // a connection that is closed is no waiter any more
  for (size_t i = waiters_.size(); i > 1; --i) latest_first.push_back(waiters_[i - 1].connection);
  for (Connection* connection : latest_first) {
    if (HasEnough(waiters_.front().bytes)) return;
    if (connection->held_bytes() < kMuchBytes) continue;
    if (connection->is_proven() && fruitless_rounds_ < kHopelessRounds) continue;
    connection->GiveUp(CloseReason::kMemory);
    buffers_.Trim(1);
  }
}

void MemoryRelief::TellWaiters() {
  std::vector<Connection*> told;
  for (Waiter& waiter : waiters_) {
    waiter.is_told = true;
    told.push_back(waiter.connection);
  }
  for (Connection* connection : told) connection->OnMemory();
}

void MemoryRelief::OnTimer() {
  // Who was told and has not asked again has what it needs.
  std::erase_if(waiters_, [](const Waiter& one) { return one.is_told; });
  size_t wanted = WantedBytes();
  if (!HasEnough(wanted)) {
    Free(wanted);
    if (!HasEnough(wanted)) {
      ask_others_(wanted);
      CloseLastWaiters();
    }
  }
  if (HasEnough(wanted)) fruitless_rounds_ = 0;
  TellWaiters();
  ReturnMemory();
  if (!waiters_.empty()) return Start();
  if (will_return_ || !HasEnough(0)) shard_.timers().Arm(*this, SteadyNow() + kIdleLookMs);
}

}  // namespace millrace::net
