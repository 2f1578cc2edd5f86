#include "broker/partition/flusher.h"

#include <memory>
#include <utility>

namespace millrace::partition {

void NextSync::Open(Offset end) {
  auto state = state_.Lock();
  state->is_open = true;
  state->covered = end;
}

bool NextSync::Offer(Tail tail) {
  auto state = state_.Lock();
  if (!state->is_open) return false;
  if (tail.end > state->covered) state->tail = std::move(tail);
  return true;
}

std::optional<NextSync::Tail> NextSync::TakeOrClose() {
  auto state = state_.Lock();
  state->is_open = state->tail.has_value();
  if (state->is_open) state->covered = state->tail->end;
  return std::exchange(state->tail, std::nullopt);
}

bool NextSync::Close() {
  auto state = state_.Lock();
  state->is_open = false;
  return std::exchange(state->tail, std::nullopt).has_value();
}

void Flusher::Want() {
  if (!in_flight_) {
    Start();
    return;
  }
  std::optional<storage::Log::Tail> tail = log_.UnsyncedTail();
  wanted_again_ = !tail.has_value() || !next_.Offer(*std::move(tail));
}

void Flusher::Start() {
  in_flight_ = true;
  wanted_again_ = false;
  next_.Open(log_.log_end());
  started_ = SteadyNowNs();
  auto job = std::make_shared<storage::DiskJob>(log_.Flush());
  disk_pool_.Submit(
      shard_, [this, job] { return SyncWhileOffered(job->run(), job->finish); },
      [this, job](const absl::Status& status) { OnEnd(std::move(job->finish), status); });
}

// On a thread of the pool. `finish` belongs to the sync that ended with `status`, and is exchanged
// for that of the last one. Other jobs come first where they wait for a thread.
absl::Status Flusher::SyncWhileOffered(absl::Status status, Finish& finish) {
  while (status.ok() && !disk_pool_.IsBusy()) {
    std::optional<storage::Log::Tail> tail = next_.TakeOrClose();
    if (!tail.has_value()) break;
    shard_.Post([this, ended = std::move(finish), next = *tail]() mutable {
      log_.OnSyncBegun(next);
      OnSynced(std::move(ended));
    });
    status = tail->file->Sync();
    finish = [this, tail = *std::move(tail)] { log_.OnSynced(tail); };
  }
  return status;
}

void Flusher::OnSynced(Finish finish) {
  Account(std::move(finish));
  on_done_(absl::OkStatus());
}

// A failed sync is never tried again: the kernel may have dropped the pages it could not write.
void Flusher::OnEnd(Finish finish, const absl::Status& status) {
  const bool is_left = next_.Close();
  in_flight_ = false;
  if (status.ok()) {
    Account(std::move(finish));
    if (wanted_again_ || is_left) Start();
  }
  on_done_(status);
}

void Flusher::Account(Finish finish) {
  const int64_t before = log_.undurable_bytes();
  if (finish) finish();
  const MonotonicNs now = SteadyNowNs();
  if (counts_ != nullptr) counts_->Add(before - log_.undurable_bytes(), now - started_);
  started_ = now;
}

}  // namespace millrace::partition
