#include "broker/service/partition_host.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "broker/runtime/random.h"
#include "broker/service/internal_topics.h"
#include "storage/partition_directory.h"

namespace millrace::service {

namespace {

using partition::Partition;
using partition::PartitionKey;

bool HasReplica(const core::PartitionImage& partition, BrokerId broker) {
  for (BrokerId replica : partition.replicas) {
    if (replica == broker) return true;
  }
  return false;
}

// A directory of the same name that another topic left is moved aside, never deleted.
absl::Status MoveStrayAside(storage::FileSystem& fs, const std::string& directory,
                            const TopicId& wanted) {
  auto found = storage::ReadPartitionMetadata(fs, directory);
  if (absl::IsNotFound(found.status())) return absl::OkStatus();
  if (!found.ok()) return found.status();
  if (*found == wanted) return absl::OkStatus();
  uint64_t random = static_cast<uint32_t>(FreshPositiveInt());
  std::string aside = fmt::format("{}.{:08x}-stray", directory, random);
  spdlog::warn("{} belongs to another topic: moved to {}", directory, aside);
  return fs.Rename(directory, aside);
}

// On the disk pool.
absl::Status PrepareDirectory(storage::FileSystem& fs, const std::string& directory,
                              const TopicId& topic_id) {
  absl::Status moved = MoveStrayAside(fs, directory, topic_id);
  if (!moved.ok()) return moved;
  absl::Status created = fs.CreateDirectories(directory);
  if (!created.ok()) return created;
  if (storage::ReadPartitionMetadata(fs, directory).ok()) return absl::OkStatus();
  return storage::WritePartitionMetadata(fs, directory, topic_id);
}

// On the disk pool.
absl::Status OpenLog(storage::FileSystem& fs, const std::string& directory, const TopicId& topic_id,
                     const TopicSettings& settings, const storage::OpenOptions& how,
                     std::unique_ptr<storage::Log>& log) {
  absl::Status prepared = PrepareDirectory(fs, directory, topic_id);
  if (!prepared.ok()) return prepared;
  auto opened = storage::Log::Open(fs, directory, settings.log, how, WallNow());
  if (!opened.ok()) return opened.status();
  log = *std::move(opened);
  return absl::OkStatus();
}

// On the table's shard.
awaitable<void> FailHere(partition::PartitionTable& table) {
  for (const auto& hosted : table.On(Shard::Current()).All()) {
    hosted->Fail(ErrorCode::kKafkaStorageError);
  }
  co_return;
}

awaitable<void> MaintainHere(partition::PartitionTable& table) {
  for (const auto& hosted : table.On(Shard::Current()).All()) {
    co_await hosted->Maintain(WallNow());
  }
}

void LogRecovery(const std::string& directory, const storage::RecoveryReport& report) {
  if (report.cut_bytes == 0) return;
  spdlog::warn("{}: {} bytes of a torn tail were cut{}", directory, report.cut_bytes,
               report.kept_cut_bytes ? " and kept in a .cut file, for whole batches follow" : "");
}

}  // namespace

PartitionHost::PartitionHost(Environment environment)
    : environment_(environment),
      maintenance_timer_(environment.shard.context()),
      checkpoint_timer_(environment.shard.context()),
      tasks_(environment.shard) {
  for (storage::FoundPartition& found : environment_.data_directory.TakePartitions()) {
    if (!found.fault.empty()) spdlog::error("{}: {}", found.path, found.fault);
    found_[storage::FormatPartitionDirectory(found.topic, found.partition)] = std::move(found);
  }
}

// Another topic's checkpoints say nothing about this one, though it has the same name.
storage::OpenOptions PartitionHost::HowToOpen(const storage::FoundPartition& found,
                                              TopicId wanted) const {
  if (found.topic_id != wanted) return {};
  return {.clean = environment_.data_directory.was_clean(),
          .recovery_point = found.recovery_point,
          .log_start_offset = found.log_start_offset,
          .cleaned_until = found.cleaned_until};
}

awaitable<absl::Status> PartitionHost::OpenFound(const Wanted& wanted, PartitionIndex index,
                                                 std::unique_ptr<storage::Log>& log) {
  const core::TopicImage& topic = *wanted.topic;
  storage::FileSystem& fs = environment_.file_system;
  std::string directory = environment_.data_directory.PathOf(topic.name, index);
  auto known = found_.find(storage::FormatPartitionDirectory(topic.name, index));
  if (known == found_.end()) {
    // Nothing was ever written: the directory is made when something is.
    log = storage::Log::Fresh(
        fs, directory, wanted.settings.log,
        [&fs, directory, id = topic.id] { return PrepareDirectory(fs, directory, id); }, WallNow());
    co_return absl::OkStatus();
  }
  if (known->second.topic_id == topic.id && known->second.closed.has_value()) {
    storage::ClosedLog closed = *std::exchange(known->second.closed, std::nullopt);
    closed.cleaned_until = known->second.cleaned_until;
    auto restored =
        storage::Log::Restore(fs, directory, wanted.settings.log, std::move(closed), WallNow());
    if (!restored.ok()) co_return restored.status();
    log = *std::move(restored);
    co_return absl::OkStatus();
  }
  storage::OpenOptions how = HowToOpen(known->second, topic.id);
  absl::Status status = co_await environment_.disk_pool.Run(
      [&] { return OpenLog(fs, directory, topic.id, wanted.settings, how, log); });
  if (!status.ok()) co_return status;
  recovered_bytes_ += log->recovery_report().scanned_bytes;
  LogRecovery(directory, log->recovery_report());
  co_return status;
}

awaitable<absl::Status> PartitionHost::Open(core::ClusterImage::TopicPtr topic,
                                            TopicSettings settings) {
  absl::Status first_failure;
  Wanted wanted{topic, std::move(settings)};
  TaskGroup opening(environment_.shard);
  for (size_t p = 0; p < topic->partitions.size(); ++p) {
    if (!HasReplica(topic->partitions[p], environment_.self)) continue;
    PartitionIndex index(static_cast<int32_t>(p));
    opening.Spawn(OpenOne(wanted, index, first_failure));
  }
  co_await opening.Join();
  co_return first_failure;
}

awaitable<void> PartitionHost::Configure(core::ClusterImage::TopicPtr topic,
                                         TopicSettings settings) {
  for (size_t p = 0; p < topic->partitions.size(); ++p) {
    PartitionKey key{topic->id, PartitionIndex(static_cast<int32_t>(p))};
    co_await environment_.table.ShardOf(key).Run(ConfigureOne(key, settings));
  }
}

// On the partition's shard. False: it is not open.
awaitable<bool> PartitionHost::ConfigureOne(PartitionKey key, const TopicSettings& settings) {
  Partition* hosted = environment_.table.On(Shard::Current()).Find(key);
  if (hosted == nullptr) co_return false;
  hosted->SetOptions(settings.log, settings.partition);
  co_return true;
}

awaitable<void> PartitionHost::OpenOne(const Wanted& wanted, PartitionIndex index,
                                       absl::Status& first_failure) {
  const core::ClusterImage::TopicPtr& topic = wanted.topic;
  const TopicSettings& settings = wanted.settings;
  PartitionKey key{topic->id, index};
  Shard& shard = environment_.table.ShardOf(key);
  bool is_open = co_await shard.Run(ConfigureOne(key, settings));
  if (is_open) co_return;
  std::unique_ptr<storage::Log> log;
  absl::Status status = co_await OpenFound(wanted, index, log);
  if (!status.ok()) {
    spdlog::error("{} is offline: {}", environment_.data_directory.PathOf(topic->name, index),
                  status.ToString());
    if (absl::IsResourceExhausted(status)) {
      has_unopened_ = true;
      environment_.disk.OnNoSpace();
    }
    if (first_failure.ok()) first_failure = status;
    co_return;
  }
  co_await shard.Run(Adopt({topic->name, topic->id, index}, settings, std::move(log)));
}

// On the partition's shard.
awaitable<void> PartitionHost::Adopt(partition::PartitionName name, TopicSettings settings,
                                     std::unique_ptr<storage::Log> log) {
  Shard& shard = Shard::Current();
  PartitionKey key{name.topic_id, name.index};
  partition::Environment environment{
      shard,
      environment_.disk_pool,
      environment_.codec_pool,
      environment_.load_pool,
      [this] { environment_.shard.Post([this] { OnDiskFailure(); }); },
      &environment_.disk,
      IsInternalTopic(name.topic),
      &flushes_};
  auto hosted = std::make_shared<Partition>(environment, std::move(name), std::move(log));
  hosted->SetOptions(settings.log, settings.partition);
  environment_.table.On(shard).Put(key, std::move(hosted));
  co_return;
}

awaitable<std::shared_ptr<Partition>> PartitionHost::Take(PartitionKey key) {
  co_return environment_.table.On(Shard::Current()).Take(key);
}

awaitable<void> PartitionHost::Delete(std::vector<core::ClusterImage::TopicPtr> topics) {
  if (topics.empty()) co_return;
  TaskGroup deleting(environment_.shard);
  for (const core::ClusterImage::TopicPtr& topic : topics) {
    for (size_t p = 0; p < topic->partitions.size(); ++p) {
      deleting.Spawn(DeleteOne(topic, PartitionIndex(static_cast<int32_t>(p))));
    }
  }
  co_await deleting.Join();
  absl::Status written = co_await WriteCheckpoints();
  if (!written.ok()) spdlog::error("checkpoints not written: {}", written.ToString());
}

awaitable<void> PartitionHost::DeleteOne(core::ClusterImage::TopicPtr topic, PartitionIndex index) {
  found_.erase(storage::FormatPartitionDirectory(topic->name, index));
  PartitionKey key{topic->id, index};
  Shard& shard = environment_.table.ShardOf(key);
  std::shared_ptr<Partition> hosted = co_await shard.Run(Take(key));
  if (hosted == nullptr) co_return;
  absl::Status closed = co_await shard.Run(hosted->Close(false));
  if (!closed.ok()) spdlog::warn("{}: {}", topic->name, closed.ToString());
  std::string from = environment_.data_directory.PathOf(topic->name, index);
  std::string to =
      fmt::format("{}/{}", environment_.data_directory.path(),
                  storage::FormatDeletedDirectory(topic->name, index, FreshRandomBytes()));
  storage::FileSystem& fs = environment_.file_system;
  absl::Status renamed = co_await environment_.disk_pool.Run([&] { return fs.Rename(from, to); });
  if (absl::IsNotFound(renamed)) co_return;  // nothing was ever written
  if (!renamed.ok()) {
    spdlog::error("{} could not be deleted: {}", from, renamed.ToString());
    co_return;
  }
  environment_.disk_pool.Submit(
      environment_.shard, [&fs, to] { return fs.RemoveTree(to); },
      [to](const absl::Status& status) {
        if (!status.ok()) spdlog::error("{} could not be removed: {}", to, status.ToString());
      });
}

awaitable<absl::Status> PartitionHost::CloseAll() {
  absl::Status first_failure;
  std::vector<storage::PartitionCheckpoint> checkpoints;
  std::vector<storage::ManifestEntry> logs;
  ShardSet& shards = environment_.table.shards();
  for (size_t i = 0; i < shards.size(); ++i) {
    co_await shards[i].Run(CloseShard(shards[i], first_failure));
    co_await shards[i].Run(CollectCheckpoints(shards[i], checkpoints));
    co_await shards[i].Run(CollectClosed(shards[i], logs));
  }
  if (!first_failure.ok()) co_return first_failure;
  co_return co_await environment_.disk_pool.Run(
      [&] { return environment_.data_directory.CloseInOrder(checkpoints, logs); });
}

// All at once: each waits for the disk, which syncs many files nearly as fast as one.
awaitable<void> PartitionHost::CloseShard(Shard& shard, absl::Status& first_failure) {
  TaskGroup closing(shard);
  for (auto& hosted : environment_.table.On(shard).All()) {
    closing.Spawn(CloseOne(std::move(hosted), first_failure));
  }
  co_await closing.Join();
}

awaitable<void> PartitionHost::CloseOne(std::shared_ptr<Partition> hosted,
                                        absl::Status& first_failure) {
  absl::Status closed = co_await hosted->Close(true);
  if (closed.ok()) co_return;
  spdlog::error("{}-{}: not closed in order: {}", hosted->name().topic,
                hosted->name().index.value(), closed.ToString());
  if (first_failure.ok()) first_failure = closed;
}

awaitable<void> PartitionHost::CollectClosed(Shard& shard,
                                             std::vector<storage::ManifestEntry>& all) {
  for (const auto& hosted : environment_.table.On(shard).All()) {
    std::optional<storage::ClosedLog> closed = hosted->log().Closed();
    if (!closed.has_value()) continue;
    const partition::PartitionName& name = hosted->name();
    all.push_back({name.topic, name.index, name.topic_id, *std::move(closed)});
  }
  co_return;
}

awaitable<void> PartitionHost::CollectCheckpoints(Shard& shard,
                                                  std::vector<storage::PartitionCheckpoint>& all) {
  for (const auto& hosted : environment_.table.On(shard).All()) {
    const storage::Log& log = hosted->log();
    std::optional<Offset> cleaned_until;
    if (log.cleaned_until() > Offset(0)) cleaned_until = log.cleaned_until();
    // What nothing was written to has no directory, and nothing to say.
    bool is_nothing = log.recovery_point() == Offset(0) && log.log_start_offset() == Offset(0);
    if (is_nothing && !cleaned_until.has_value()) continue;
    all.push_back({.topic = hosted->name().topic,
                   .partition = hosted->name().index,
                   .recovery_point = log.recovery_point(),
                   .log_start_offset = log.log_start_offset(),
                   .cleaned_until = cleaned_until});
  }
  co_return;
}

awaitable<absl::Status> PartitionHost::WriteCheckpoints() {
  std::vector<storage::PartitionCheckpoint> checkpoints;
  ShardSet& shards = environment_.table.shards();
  for (size_t i = 0; i < shards.size(); ++i) {
    co_await shards[i].Run(CollectCheckpoints(shards[i], checkpoints));
  }
  co_return co_await environment_.disk_pool.Run(
      [&] { return environment_.data_directory.WriteCheckpoints(checkpoints); });
}

awaitable<absl::StatusOr<storage::DiskSpace>> PartitionHost::MeasureDisk() {
  absl::StatusOr<storage::DiskSpace> space = storage::DiskSpace{};
  const std::string& path = environment_.data_directory.path();
  absl::Status measured = co_await environment_.disk_pool.Run([&] {
    space = storage::DiskSpaceOf(path);
    return space.status();
  });
  if (!measured.ok()) co_return measured;
  co_return space;
}

// One failed disk takes the whole log directory offline: what it holds cannot be trusted to stay.
void PartitionHost::OnDiskFailure() {
  ShardSet& shards = environment_.table.shards();
  for (size_t i = 0; i < shards.size(); ++i) {
    tasks_.Spawn(shards[i].Run(FailHere(environment_.table)));
  }
}

awaitable<absl::Status> PartitionHost::StartMaintenance() {
  absl::Status written = co_await WriteCheckpoints();
  // On a full disk older ones must do: a restart reads a little more.
  if (!written.ok() && !absl::IsResourceExhausted(written)) co_return written;
  if (!written.ok()) spdlog::error("checkpoints not written: {}", written.ToString());
  for (const std::string& leftover : environment_.data_directory.leftovers()) {
    storage::FileSystem& fs = environment_.file_system;
    environment_.disk_pool.Submit(
        environment_.shard, [&fs, leftover] { return fs.RemoveTree(leftover); },
        [leftover](const absl::Status& status) {
          if (!status.ok()) spdlog::error("{} not removed: {}", leftover, status.ToString());
        });
  }
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
