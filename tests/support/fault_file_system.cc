#include "tests/support/fault_file_system.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "proto/invariant.h"
#include "storage/posix_error.h"
#include "tests/support/simulated_disk.h"

namespace millrace::test {
namespace {

using storage::File;
using storage::MappedRegion;
using storage::OpenMode;
using storage::PosixError;

bool MayChange(Operation operation) {
  switch (operation) {
    case Operation::kRead:
    case Operation::kLoad:
    case Operation::kSize:
    case Operation::kMap:
    case Operation::kList:
      return false;
    case Operation::kOpen:
    case Operation::kWrite:
    case Operation::kSync:
    case Operation::kStartWriteBack:
    case Operation::kTruncate:
    case Operation::kPreallocate:
    case Operation::kCreateDirectories:
    case Operation::kRename:
    case Operation::kRemoveFile:
    case Operation::kRemoveTree:
    case Operation::kSyncDirectory:
      return true;
  }
  INVARIANT(false);
}

class FaultRegion final : public MappedRegion {
 public:
  explicit FaultRegion(std::shared_ptr<SimulatedMapping> mapping) : mapping_(std::move(mapping)) {}
  const std::byte* data() const override { return mapping_->bytes.get(); }

 private:
  std::shared_ptr<SimulatedMapping> mapping_;
};

}  // namespace

struct FaultFileSystem::State {
  // What befalls this operation: none, or the fault that it meets. Called once for each.
  std::optional<Fault> Meet(Operation operation, const std::string& path);
  bool stopped() const { return stop_at && changes >= *stop_at; }
  absl::Status StatusOf(Operation operation, const std::string& path);
  void CallBefore(Operation operation);
  void Restart();

  mutable std::mutex mutex;
  SimulatedDisk disk;
  SimulatedCache cache;
  std::vector<Fault> faults;
  std::map<Operation, std::function<void()>> before;
  std::optional<int64_t> capacity;
  int64_t changes = 0;
  std::optional<int64_t> stop_at;  // a value of `changes`
  int64_t incarnation = 0;         // files opened in an earlier one are dead
};

void FaultFileSystem::State::CallBefore(Operation operation) {
  std::function<void()> call;
  {
    const std::lock_guard lock(mutex);
    if (const auto found = before.find(operation); found != before.end()) call = found->second;
  }
  if (call) call();
}

std::optional<Fault> FaultFileSystem::State::Meet(Operation operation, const std::string& path) {
  if (stopped()) {
    return Fault{operation, absl::AbortedError(fmt::format("{}: the process is stopped", path))};
  }
  if (MayChange(operation)) ++changes;
  for (Fault& fault : faults) {
    if (fault.operation != operation || fault.times == 0) continue;
    if (path.find(fault.path_contains) == std::string::npos) continue;
    if (fault.skip > 0) {
      --fault.skip;
      continue;
    }
    --fault.times;
    return fault;
  }
  return std::nullopt;
}

absl::Status FaultFileSystem::State::StatusOf(Operation operation, const std::string& path) {
  const std::optional<Fault> fault = Meet(operation, path);
  return fault ? fault->status : absl::OkStatus();
}

void FaultFileSystem::State::Restart() {
  faults.clear();
  stop_at.reset();
  ++incarnation;
}

class FaultFile final : public File {
 public:
  FaultFile(std::shared_ptr<FaultFileSystem::State> state, std::shared_ptr<SimulatedFile> file,
            std::string path, bool writable)
      : state_(std::move(state)),
        file_(std::move(file)),
        path_(std::move(path)),
        writable_(writable),
        incarnation_(state_->incarnation) {}

  absl::StatusOr<size_t> ReadAt(int64_t position, std::span<std::byte> out) const override {
    const std::lock_guard lock(state_->mutex);
    if (absl::Status status = Begin(Operation::kRead); !status.ok()) return status;
    if (position < 0) return PosixError("pread", path_, EINVAL);
    state_->cache.OnRead(path_, position, static_cast<int64_t>(out.size()));
    return file_->Read(position, out);
  }

  absl::Status WriteAt(int64_t position, std::span<const std::byte> bytes) override;

  absl::Status Sync() override {
    state_->CallBefore(Operation::kSync);
    const std::lock_guard lock(state_->mutex);
    const bool runs = alive() && !state_->stopped();
    const absl::Status status = Begin(Operation::kSync);
    if (status.ok()) {
      file_->Sync();
    } else if (runs) {
      file_->ForgetUnsynced();
    }
    return status;
  }

  absl::Status StartWriteBack(int64_t, int64_t) override {
    const std::lock_guard lock(state_->mutex);
    return Begin(Operation::kStartWriteBack);
  }

  absl::Status Truncate(int64_t size) override {
    const std::lock_guard lock(state_->mutex);
    if (absl::Status status = Begin(Operation::kTruncate); !status.ok()) return status;
    if (!writable_ || size < 0) return PosixError("ftruncate", path_, EINVAL);
    file_->Truncate(size);
    return absl::OkStatus();
  }

  absl::Status Preallocate(int64_t position, int64_t length) override {
    state_->CallBefore(Operation::kPreallocate);
    const std::lock_guard lock(state_->mutex);
    if (absl::Status status = Begin(Operation::kPreallocate); !status.ok()) return status;
    if (!writable_) return PosixError("fallocate", path_, EBADF);
    if (position < 0 || length <= 0) return PosixError("fallocate", path_, EINVAL);
    if (RoomUpTo(position + length) < position + length) {
      return PosixError("fallocate", path_, ENOSPC);
    }
    file_->Preallocate(position + length);
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> Size() const override {
    const std::lock_guard lock(state_->mutex);
    if (absl::Status status = Begin(Operation::kSize); !status.ok()) return status;
    return file_->size();
  }

  absl::StatusOr<std::unique_ptr<MappedRegion>> Map(int64_t length) const override {
    const std::lock_guard lock(state_->mutex);
    if (absl::Status status = Begin(Operation::kMap); !status.ok()) return status;
    return std::make_unique<FaultRegion>(file_->Map(length));
  }

  bool IsResident(int64_t position, int64_t length) const override {
    const std::lock_guard lock(state_->mutex);
    return state_->cache.IsResident(path_, position, length);
  }

  absl::Status Load(int64_t position, int64_t length) const override {
    const std::lock_guard lock(state_->mutex);
    if (absl::Status status = Begin(Operation::kLoad); !status.ok()) return status;
    state_->cache.Load(path_, position, length);
    return absl::OkStatus();
  }

  void Release(int64_t position, int64_t length) const override {
    const std::lock_guard lock(state_->mutex);
    state_->cache.Release(path_, position, length);
  }

  std::optional<int> descriptor() const override { return std::nullopt; }
  uint64_t identity() const override { return reinterpret_cast<uintptr_t>(file_.get()); }

 private:
  bool alive() const { return incarnation_ == state_->incarnation; }

  absl::Status Begin(Operation operation) const {
    if (!alive()) {
      return absl::AbortedError(fmt::format("{}: was opened before the crash", path_));
    }
    return state_->StatusOf(operation, path_);
  }

  // How far the file may grow towards `end` before the disk is full.
  int64_t RoomUpTo(int64_t end) const {
    if (!state_->capacity || end <= file_->allocated_end()) return end;
    const int64_t free = std::max<int64_t>(*state_->capacity - state_->disk.used_bytes(), 0);
    return std::min(end, file_->allocated_end() + free);
  }

  std::shared_ptr<FaultFileSystem::State> state_;
  std::shared_ptr<SimulatedFile> file_;
  std::string path_;
  bool writable_;
  int64_t incarnation_;
};

absl::Status FaultFile::WriteAt(int64_t position, std::span<const std::byte> bytes) {
  const std::lock_guard lock(state_->mutex);
  if (!alive()) return Begin(Operation::kWrite);
  if (const std::optional<Fault> fault = state_->Meet(Operation::kWrite, path_)) {
    const auto written = std::min(bytes.size(), static_cast<size_t>(fault->written_prefix));
    file_->Write(position, bytes.first(written));
    return fault->status;
  }
  if (!writable_) return PosixError("pwrite", path_, EBADF);
  if (position < 0) return PosixError("pwrite", path_, EINVAL);
  const int64_t end = position + static_cast<int64_t>(bytes.size());
  const int64_t fits = RoomUpTo(end);
  if (fits < end) {
    file_->Write(position, bytes.first(static_cast<size_t>(std::max(fits, position) - position)));
    return PosixError("pwrite", path_, ENOSPC);
  }
  file_->Write(position, bytes);
  state_->cache.OnWrite(path_, position, static_cast<int64_t>(bytes.size()));
  return absl::OkStatus();
}

FaultFileSystem::FaultFileSystem() : state_(std::make_shared<State>()) {}
FaultFileSystem::~FaultFileSystem() = default;

absl::StatusOr<std::shared_ptr<File>> FaultFileSystem::Open(const std::string& path,
                                                            OpenMode mode) {
  const std::lock_guard lock(state_->mutex);
  if (absl::Status status = state_->StatusOf(Operation::kOpen, path); !status.ok()) return status;
  auto file = state_->disk.OpenFile(path, mode == OpenMode::kCreate);
  if (!file.ok()) return file.status();
  return std::make_shared<FaultFile>(state_, *std::move(file), path, mode != OpenMode::kReadOnly);
}

absl::StatusOr<std::vector<std::string>> FaultFileSystem::List(const std::string& directory) {
  const std::lock_guard lock(state_->mutex);
  const absl::Status status = state_->StatusOf(Operation::kList, directory);
  if (!status.ok()) return status;
  const auto found = state_->disk.OpenDirectory(directory);
  if (!found.ok()) return found.status();
  std::vector<std::string> names;  // a std::map has them sorted
  for (const auto& [name, node] : (*found)->entries()) names.push_back(name);
  return names;
}

absl::Status FaultFileSystem::CreateDirectories(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  const absl::Status status = state_->StatusOf(Operation::kCreateDirectories, path);
  return status.ok() ? state_->disk.CreateDirectories(path) : status;
}

absl::Status FaultFileSystem::Rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock(state_->mutex);
  const absl::Status status = state_->StatusOf(Operation::kRename, from);
  return status.ok() ? state_->disk.Rename(from, to) : status;
}

absl::Status FaultFileSystem::RemoveFile(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  const absl::Status status = state_->StatusOf(Operation::kRemoveFile, path);
  return status.ok() ? state_->disk.RemoveFile(path) : status;
}

absl::Status FaultFileSystem::RemoveTree(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  const absl::Status status = state_->StatusOf(Operation::kRemoveTree, path);
  return status.ok() ? state_->disk.RemoveTree(path) : status;
}

bool FaultFileSystem::Exists(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  return state_->disk.Find(path).has_value();
}

absl::Status FaultFileSystem::SyncDirectory(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  const absl::Status status = state_->StatusOf(Operation::kSyncDirectory, path);
  if (!status.ok()) return status;
  const auto directory = state_->disk.OpenDirectory(path);
  if (!directory.ok()) return directory.status();
  (*directory)->Sync();
  return absl::OkStatus();
}

void FaultFileSystem::Inject(Fault fault) {
  INVARIANT(!fault.status.ok() && fault.skip >= 0 && fault.times > 0 && fault.written_prefix >= 0);
  const std::lock_guard lock(state_->mutex);
  state_->faults.push_back(std::move(fault));
}

void FaultFileSystem::Before(Operation operation, std::function<void()> call) {
  const std::lock_guard lock(state_->mutex);
  state_->before[operation] = std::move(call);
}

void FaultFileSystem::ClearFaults() {
  const std::lock_guard lock(state_->mutex);
  state_->faults.clear();
}

void FaultFileSystem::SetCapacity(std::optional<int64_t> bytes) {
  const std::lock_guard lock(state_->mutex);
  state_->capacity = bytes;
}

int64_t FaultFileSystem::used_bytes() const {
  const std::lock_guard lock(state_->mutex);
  return state_->disk.used_bytes();
}

int64_t FaultFileSystem::change_count() const {
  const std::lock_guard lock(state_->mutex);
  return state_->changes;
}

void FaultFileSystem::StopAfter(int64_t changes) {
  const std::lock_guard lock(state_->mutex);
  state_->stop_at = state_->changes + changes;
}

void FaultFileSystem::Crash(std::optional<uint64_t> seed) {
  const std::lock_guard lock(state_->mutex);
  state_->disk.Crash(seed);
  state_->Restart();
}

void FaultFileSystem::KillProcess() {
  const std::lock_guard lock(state_->mutex);
  state_->Restart();
}

void FaultFileSystem::SyncAll() {
  const std::lock_guard lock(state_->mutex);
  state_->disk.SyncAll();
}

void FaultFileSystem::Evict(const std::string& path_contains) {
  const std::lock_guard lock(state_->mutex);
  state_->cache.Evict(path_contains);
}

SimulatedCache FaultFileSystem::cache() const {
  const std::lock_guard lock(state_->mutex);
  return state_->cache;
}

void FaultFileSystem::FlipBit(const std::string& path, int64_t position, int bit) {
  const std::lock_guard lock(state_->mutex);
  auto file = state_->disk.OpenFile(path, false);
  INVARIANT(file.ok());
  (*file)->FlipBit(position, bit);
}

}  // namespace millrace::test
