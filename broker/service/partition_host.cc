#include "broker/service/partition_host.h"

#include <array>
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

// Another topic's checkpoints say nothing about this one, though it has the same name.
storage::OpenOptions HowToOpen(const LogDirectory& directory, const LogDirectory::Found& found,
                               TopicId wanted) {
  const storage::FoundPartition& partition = found.partition;
  if (partition.topic_id != wanted) return {};
  return {.clean = directory.data->was_clean() && !found.was_moved,
          .recovery_point = partition.recovery_point,
          .log_start_offset = partition.log_start_offset,
          .cleaned_until = partition.cleaned_until};
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
      tasks_(environment.shard) {}

awaitable<absl::Status> PartitionHost::OpenFound(const Wanted& wanted, PartitionIndex index,
                                                 LogDirectory& directory,
                                                 std::unique_ptr<storage::Log>& log) {
  const core::TopicImage& topic = *wanted.topic;
  storage::FileSystem& fs = environment_.file_system;
  std::string path = directory.data->PathOf(topic.name, index);
  auto known = directory.found.find(storage::FormatPartitionDirectory(topic.name, index));
  if (known == directory.found.end()) {
    // Nothing was ever written: the directory is made when something is.
    log = storage::Log::Fresh(
        fs, path, wanted.settings.log,
        [&fs, path, id = topic.id] { return PrepareDirectory(fs, path, id); }, WallNow());
    co_return absl::OkStatus();
  }
  storage::FoundPartition& found = known->second->partition;
  if (found.topic_id == topic.id && found.closed != nullptr) {
    storage::ClosedLog closed = std::move(*std::exchange(found.closed, nullptr));
    closed.cleaned_until = found.cleaned_until;
    auto restored =
        storage::Log::Restore(fs, path, wanted.settings.log, std::move(closed), WallNow());
    if (!restored.ok()) co_return restored.status();
    log = *std::move(restored);
    co_return absl::OkStatus();
  }
  storage::OpenOptions how = HowToOpen(directory, *known->second, topic.id);
  // An owner has one load at a time, and the disk is faster than that.
  std::array<char, 4> owners{};
  how.load_ahead = [this, &owners](const std::shared_ptr<const storage::File>& file,
                                   int64_t position, int64_t length) {
    const auto piece = static_cast<size_t>(position / storage::LoadAhead::kPieceBytes);
    environment_.load_pool.Submit(
        environment_.shard, &owners[piece % owners.size()],
        [file, position, length] { return file->Load(position, length); },
        [](const absl::Status&) {});
  };
  absl::Status status = co_await environment_.disk_pool.Run(
      [&] { return OpenLog(fs, path, topic.id, wanted.settings, how, log); });
  if (!status.ok()) co_return status;
  recovered_bytes_ += log->recovery_report().scanned_bytes;
  LogRecovery(path, log->recovery_report());
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
  LogDirectory* directory =
      environment_.directories.Find(topic->partitions[static_cast<size_t>(index.value())]);
  // Reported for all of its partitions at once.
  if (directory == nullptr || !directory->is_online) co_return;
  std::unique_ptr<storage::Log> log;
  absl::Status status = co_await OpenFound(wanted, index, *directory, log);
  if (!status.ok()) {
    spdlog::error("{} is offline: {}", directory->data->PathOf(topic->name, index),
                  status.ToString());
    if (absl::IsResourceExhausted(status)) {
      has_unopened_ = true;
      directory->watch->gate().OnNoSpace();
    }
    if (first_failure.ok()) first_failure = status;
    co_return;
  }
  co_await shard.Run(Adopt({topic->name, topic->id, index}, settings, *directory, std::move(log)));
  // It has failed meanwhile.
  if (!directory->is_online) co_await shard.Run(FailHere(directory->index));
}

// On the partition's shard.
awaitable<void> PartitionHost::Adopt(partition::PartitionName name, TopicSettings settings,
                                     LogDirectory& directory, std::unique_ptr<storage::Log> log) {
  Shard& shard = Shard::Current();
  PartitionKey key{name.topic_id, name.index};
  partition::Environment environment{
      shard,
      environment_.disk_pool,
      environment_.codec_pool,
      environment_.load_pool,
      [this, &directory] {
        environment_.shard.Post([this, &directory] { OnDiskFailure(directory); });
      },
      &directory.watch->gate(),
      IsInternalTopic(name.topic),
      &flushes_,
      directory.index};
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
  const std::string name = storage::FormatPartitionDirectory(topic->name, index);
  for (const auto& directory : environment_.directories.all()) directory->found.erase(name);
  PartitionKey key{topic->id, index};
  Shard& shard = environment_.table.ShardOf(key);
  std::shared_ptr<Partition> hosted = co_await shard.Run(Take(key));
  if (hosted == nullptr) co_return;
  absl::Status closed = co_await shard.Run(hosted->Close(false));
  if (!closed.ok()) spdlog::warn("{}: {}", topic->name, closed.ToString());
  const LogDirectory& directory = *environment_.directories.all()[hosted->log_directory()];
  if (!directory.is_online) co_return;
  std::string from = directory.data->PathOf(topic->name, index);
  std::string to =
      fmt::format("{}/{}", directory.data->path(),
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

}  // namespace millrace::service
