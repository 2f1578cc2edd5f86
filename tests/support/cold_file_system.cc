#include "tests/support/cold_file_system.h"

namespace millrace::test {

using storage::File;
using storage::MappedRegion;
using storage::OpenMode;

class ColdFile final : public File {
 public:
  ColdFile(ColdFileSystem& fs, std::shared_ptr<File> under, std::string path)
      : fs_(fs), under_(std::move(under)), path_(std::move(path)) {}

  absl::StatusOr<size_t> ReadAt(int64_t position, std::span<std::byte> out) const override {
    {
      const std::lock_guard lock(fs_.mutex_);
      fs_.cache_.OnRead(path_, position, static_cast<int64_t>(out.size()));
    }
    return under_->ReadAt(position, out);
  }
  absl::Status WriteAt(int64_t position, std::span<const std::byte> bytes) override {
    {
      const std::lock_guard lock(fs_.mutex_);
      fs_.cache_.OnWrite(path_, position, static_cast<int64_t>(bytes.size()));
    }
    return under_->WriteAt(position, bytes);
  }
  absl::Status Sync() override { return under_->Sync(); }
  absl::Status StartWriteBack(int64_t position, int64_t length) override {
    return under_->StartWriteBack(position, length);
  }
  absl::Status Truncate(int64_t size) override { return under_->Truncate(size); }
  absl::Status Preallocate(int64_t position, int64_t length) override {
    return under_->Preallocate(position, length);
  }
  absl::StatusOr<int64_t> Size() const override { return under_->Size(); }
  absl::StatusOr<std::unique_ptr<MappedRegion>> Map(int64_t length) const override {
    return under_->Map(length);
  }
  bool IsResident(int64_t position, int64_t length) const override {
    const std::lock_guard lock(fs_.mutex_);
    return fs_.cache_.IsResident(path_, position, length);
  }
  absl::Status Load(int64_t position, int64_t length) const override {
    return fs_.Load(path_, position, length);
  }
  void Release(int64_t position, int64_t length) const override {
    const std::lock_guard lock(fs_.mutex_);
    fs_.cache_.Release(path_, position, length);
  }
  std::optional<int> descriptor() const override { return under_->descriptor(); }

 private:
  ColdFileSystem& fs_;
  std::shared_ptr<File> under_;
  std::string path_;
};

absl::StatusOr<std::shared_ptr<File>> ColdFileSystem::Open(const std::string& path, OpenMode mode) {
  auto opened = under_.Open(path, mode);
  if (!opened.ok()) return opened.status();
  return std::make_shared<ColdFile>(*this, *std::move(opened), path);
}

void ColdFileSystem::Evict(const std::string& path_contains) {
  const std::lock_guard lock(mutex_);
  cache_.Evict(path_contains);
}

SimulatedCache ColdFileSystem::cache() const {
  const std::lock_guard lock(mutex_);
  return cache_;
}

void ColdFileSystem::HoldLoads() {
  const std::lock_guard lock(mutex_);
  holds_ = true;
}

void ColdFileSystem::LetLoadsGo() {
  const std::lock_guard lock(mutex_);
  holds_ = false;
  changed_.notify_all();
}

void ColdFileSystem::AwaitHeldLoads(int count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return held_ >= count; });
}

void ColdFileSystem::FailLoads(absl::Status status) {
  const std::lock_guard lock(mutex_);
  load_status_ = std::move(status);
}

absl::Status ColdFileSystem::Load(const std::string& path, int64_t position, int64_t length) {
  std::unique_lock lock(mutex_);
  ++held_;
  changed_.notify_all();
  changed_.wait(lock, [&] { return !holds_; });
  --held_;
  if (!load_status_.ok()) return load_status_;
  cache_.Load(path, position, length);
  return absl::OkStatus();
}

}  // namespace millrace::test
