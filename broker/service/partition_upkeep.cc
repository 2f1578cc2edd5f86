// What PartitionHost does regularly, at the end, and when a disk fails.
#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "broker/service/partition_host.h"

namespace millrace::service {

namespace {

awaitable<void> MaintainHere(partition::PartitionTable& table) {
  for (const auto& hosted : table.On(Shard::Current()).All()) {
    co_await hosted->Maintain(WallNow());
  }
}

}  // namespace

awaitable<absl::Status> PartitionHost::CloseAll() {
  WrittenByDirectory written(environment_.directories.all().size());
  ShardSet& shards = environment_.table.shards();
  for (size_t i = 0; i < shards.size(); ++i) {
    co_await shards[i].Run(CloseShard(shards[i], written));
    co_await shards[i].Run(CollectCheckpoints(shards[i], written));
    co_await shards[i].Run(CollectClosed(shards[i], written));
  }
  absl::Status first_failure;
  bool is_any_online = false;
  for (const auto& directory : environment_.directories.all()) {
    if (!directory->is_online) continue;
    is_any_online = true;
    absl::Status closed = co_await CloseDirectory(*directory, written[directory->index]);
    if (first_failure.ok()) first_failure = closed;
  }
  if (!is_any_online) co_return absl::InternalError("every log directory has failed");
  co_return first_failure;
}

awaitable<absl::Status> PartitionHost::CloseDirectory(LogDirectory& directory,
                                                      const Written& written) {
  if (!written.failure.ok()) co_return written.failure;
  co_return co_await environment_.disk_pool.Run(
      [&] { return directory.data->CloseInOrder(written.checkpoints, written.logs); });
}

// All at once: each waits for the disk, which syncs many files nearly as fast as one.
awaitable<void> PartitionHost::CloseShard(Shard& shard, WrittenByDirectory& written) {
  TaskGroup closing(shard);
  for (auto& hosted : environment_.table.On(shard).All()) {
    absl::Status& failure = written[hosted->log_directory()].failure;
    closing.Spawn(CloseOne(std::move(hosted), failure));
  }
  co_await closing.Join();
}

awaitable<void> PartitionHost::CloseOne(std::shared_ptr<partition::Partition> hosted,
                                        absl::Status& failure) {
  // Closed without a sync then: what is on the disk is not what the log says.
  if (hosted->failure() != ErrorCode::kNone && failure.ok()) {
    failure = absl::InternalError("its log directory has failed");
  }
  absl::Status closed = co_await hosted->Close(true);
  if (closed.ok()) co_return;
  spdlog::error("{}-{}: not closed in order: {}", hosted->name().topic,
                hosted->name().index.value(), closed.ToString());
  if (failure.ok()) failure = closed;
}

awaitable<void> PartitionHost::CollectClosed(Shard& shard, WrittenByDirectory& all) {
  for (const auto& hosted : environment_.table.On(shard).All()) {
    std::optional<storage::ClosedLog> closed = hosted->log().Closed();
    if (!closed.has_value()) continue;
    const partition::PartitionName& name = hosted->name();
    all[hosted->log_directory()].logs.push_back(
        {name.topic, name.index, name.topic_id, *std::move(closed)});
  }
  co_return;
}

awaitable<void> PartitionHost::CollectCheckpoints(Shard& shard, WrittenByDirectory& all) {
  for (const auto& hosted : environment_.table.On(shard).All()) {
    const storage::Log& log = hosted->log();
    std::optional<Offset> cleaned_until;
    if (log.cleaned_until() > Offset(0)) cleaned_until = log.cleaned_until();
    // What nothing was written to has no directory, and nothing to say.
    bool is_nothing = log.recovery_point() == Offset(0) && log.log_start_offset() == Offset(0);
    if (is_nothing && !cleaned_until.has_value()) continue;
    all[hosted->log_directory()].checkpoints.push_back({.topic = hosted->name().topic,
                                                        .partition = hosted->name().index,
                                                        .recovery_point = log.recovery_point(),
                                                        .log_start_offset = log.log_start_offset(),
                                                        .cleaned_until = cleaned_until});
  }
  co_return;
}

awaitable<PartitionHost::WrittenByDirectory> PartitionHost::CollectAll() {
  WrittenByDirectory all(environment_.directories.all().size());
  ShardSet& shards = environment_.table.shards();
  for (size_t i = 0; i < shards.size(); ++i) {
    co_await shards[i].Run(CollectCheckpoints(shards[i], all));
  }
  co_return all;
}

awaitable<absl::Status> PartitionHost::WriteOne(LogDirectory& directory, const Written& written) {
  if (!directory.is_online) co_return absl::OkStatus();
  co_return co_await environment_.disk_pool.Run(
      [&] { return directory.data->WriteCheckpoints(written.checkpoints); });
}

awaitable<absl::Status> PartitionHost::WriteCheckpoints() {
  const WrittenByDirectory all = co_await CollectAll();
  absl::Status first_failure;
  for (const auto& directory : environment_.directories.all()) {
    absl::Status written = co_await WriteOne(*directory, all[directory->index]);
    if (first_failure.ok()) first_failure = written;
  }
  co_return first_failure;
}

// The first writes of this broker: they show whether a directory takes any.
awaitable<absl::Status> PartitionHost::WriteFirstCheckpoints() {
  const WrittenByDirectory all = co_await CollectAll();
  for (const auto& directory : environment_.directories.all()) {
    absl::Status written = co_await WriteOne(*directory, all[directory->index]);
    if (written.ok()) continue;
    spdlog::error("{}: checkpoints not written: {}", directory->path, written.ToString());
    // On a full disk older ones must do: a restart reads a little more.
    if (absl::IsResourceExhausted(written)) continue;
    if (directory.get() == &environment_.directories.metadata()) co_return written;
    OnDiskFailure(*directory);
  }
  co_return absl::OkStatus();
}

awaitable<std::vector<LogDirectoryState>> PartitionHost::DescribeHere() {
  std::vector<LogDirectoryState> states;
  for (const auto& directory : environment_.directories.all()) {
    LogDirectoryState& state = states.emplace_back();
    state.path = directory->path;
    state.is_online = directory->is_online;
    if (directory->watch != nullptr) state.gate = &directory->watch->gate();
    if (!directory->is_online) continue;
    absl::StatusOr<storage::DiskSpace> space = storage::DiskSpace{};
    absl::Status measured = co_await environment_.disk_pool.Run([&] {
      space = storage::DiskSpaceOf(directory->data->path());
      return space.status();
    });
    if (measured.ok()) {
      state.space = *space;
    } else {
      spdlog::error("{}: {}", directory->path, measured.ToString());
    }
  }
  co_return states;
}

// One failed write takes the whole log directory offline: what it holds cannot be trusted to stay.
void PartitionHost::OnDiskFailure(LogDirectory& directory) {
  if (environment_.directories.TakeOffline(directory)) tasks_.Spawn(StopUsing(directory));
}

// On a table's shard.
awaitable<void> PartitionHost::FailHere(size_t log_directory) {
  for (const auto& hosted : environment_.table.On(Shard::Current()).All()) {
    if (hosted->log_directory() == log_directory) hosted->Fail(ErrorCode::kKafkaStorageError);
  }
  co_return;
}

awaitable<void> PartitionHost::StopUsing(LogDirectory& directory) {
  ShardSet& shards = environment_.table.shards();
  for (size_t i = 0; i < shards.size(); ++i) co_await shards[i].Run(FailHere(directory.index));
  co_await directory.watch->Stop();
}

void PartitionHost::RemoveLeftovers() {
  storage::FileSystem& fs = environment_.file_system;
  for (const auto& directory : environment_.directories.all()) {
    if (!directory->is_online) continue;
    for (const std::string& leftover : directory->data->leftovers()) {
      environment_.disk_pool.Submit(
          environment_.shard, [&fs, leftover] { return fs.RemoveTree(leftover); },
          [leftover](const absl::Status& status) {
            if (!status.ok()) spdlog::error("{} not removed: {}", leftover, status.ToString());
          });
    }
  }
}

awaitable<absl::Status> PartitionHost::StartMaintenance() {
  absl::Status written = co_await WriteFirstCheckpoints();
  if (!written.ok()) co_return written;
  RemoveLeftovers();
  tasks_.Spawn(MaintainLoop());
  tasks_.Spawn(CheckpointLoop());
  co_return absl::OkStatus();
}

awaitable<void> PartitionHost::StopMaintenance() {
  stopping_ = true;
  maintenance_timer_.cancel();
  checkpoint_timer_.cancel();
  co_await tasks_.Join();
}

// False: stopping.
awaitable<bool> PartitionHost::Sleep(asio::steady_timer& timer, int64_t ms) {
  if (stopping_) co_return false;
  timer.expires_after(std::chrono::milliseconds(ms));
  co_await timer.async_wait(kAwait);
  co_return !stopping_;
}

awaitable<void> PartitionHost::MaintainLoop() {
  int64_t interval_ms = environment_.properties.Integer("log.retention.check.interval.ms");
  for (;;) {
    bool go_on = co_await Sleep(maintenance_timer_, interval_ms);
    if (!go_on) co_return;
    co_await MaintainAll();
  }
}

awaitable<void> PartitionHost::MaintainAll() {
  ShardSet& shards = environment_.table.shards();
  for (size_t i = 0; i < shards.size(); ++i) {
    co_await shards[i].Run(MaintainHere(environment_.table));
  }
  making_room_ = false;
}

void PartitionHost::MakeRoom() {
  if (stopping_ || std::exchange(making_room_, true)) return;
  tasks_.Spawn(MaintainAll());
}

awaitable<void> PartitionHost::CheckpointLoop() {
  int64_t interval_ms = environment_.properties.Integer("log.flush.offset.checkpoint.interval.ms");
  for (;;) {
    bool go_on = co_await Sleep(checkpoint_timer_, std::max<int64_t>(interval_ms, 1000));
    if (!go_on) co_return;
    absl::Status written = co_await WriteCheckpoints();
    if (!written.ok()) spdlog::error("checkpoints not written: {}", written.ToString());
  }
}

}  // namespace millrace::service
