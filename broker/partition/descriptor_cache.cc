#include "broker/partition/descriptor_cache.h"

#include <utility>

#include <fmt/format.h>

#include "proto/invariant.h"

namespace millrace::partition {

using storage::File;
using storage::MappedRegion;
using storage::OpenMode;

// Uses and closings meet in `users_`: a use counts itself in, closing takes it from 0 to kClosing,
// and a use that finds kClosing goes away again and takes the slow way.
class DescriptorCache::CachedFile final : public File {
 public:
  // `open` is null where the file is to be opened later.
  CachedFile(DescriptorCache& cache, std::string path, OpenMode mode, std::shared_ptr<File> open)
      : cache_(cache),
        path_(std::move(path)),
        mode_(mode),
        identity_(open == nullptr ? 0 : open->identity()),
        is_open_(open != nullptr),
        file_(std::move(open)) {}
  ~CachedFile() override { cache_.Remove(*this); }

  absl::StatusOr<size_t> ReadAt(int64_t position, std::span<std::byte> out) const override {
    const Use use(*this);
    return use.ok() ? use->ReadAt(position, out) : use.status();
  }
  absl::Status WriteAt(int64_t position, std::span<const std::byte> bytes) override {
    const Use use(*this);
    return use.ok() ? use->WriteAt(position, bytes) : use.status();
  }
  // One after the other, and none after one that failed: the kernel tells only one of two that wait
  // for the same page that it was not written, and the next one nothing.
  absl::Status Sync() override {
    const Use use(*this);
    if (!use.ok()) return use.status();
    auto status = sync_status_.Lock();
    if (status->ok()) *status = use->Sync();
    return *status;
  }
  absl::Status StartWriteBack(int64_t position, int64_t length) override {
    const Use use(*this);
    return use.ok() ? use->StartWriteBack(position, length) : use.status();
  }
  absl::Status Truncate(int64_t size) override {
    const Use use(*this);
    return use.ok() ? use->Truncate(size) : use.status();
  }
  absl::Status Preallocate(int64_t position, int64_t length) override {
    const Use use(*this);
    return use.ok() ? use->Preallocate(position, length) : use.status();
  }
  absl::StatusOr<int64_t> Size() const override {
    const Use use(*this);
    return use.ok() ? use->Size() : use.status();
  }
  absl::StatusOr<std::unique_ptr<MappedRegion>> Map(int64_t length) const override;
  // A closed file is not: opening it may wait for the disk.
  bool IsResident(int64_t position, int64_t length) const override {
    return Ask(&File::IsResident, position, length);
  }
  bool IsCached(int64_t position, int64_t length) const override {
    return Ask(&File::IsCached, position, length);
  }
  absl::Status Load(int64_t position, int64_t length) const override {
    const Use use(*this);
    return use.ok() ? use->Load(position, length) : use.status();
  }
  void Release(int64_t position, int64_t length) const override {
    if (!TryEnter()) return;
    file_->Release(position, length);
    Leave();
  }
  // Whoever needs the number must keep the file open meanwhile: see Pin().
  std::optional<int> descriptor() const override { return std::nullopt; }
  absl::StatusOr<std::shared_ptr<const File>> Pin() const override {
    const Use use(*this);
    if (!use.ok()) return use.status();
    return file_;
  }
  bool IsOpen() const override { return is_open_.load(std::memory_order_relaxed); }

 private:
  friend class DescriptorCache;
  static constexpr uint32_t kClosing = 1U << 31;
  static constexpr size_t kNotListed = static_cast<size_t>(-1);

  // The open file while it is used.
  class Use {
   public:
    explicit Use(const CachedFile& file) : file_(file) {
      while (!file_.TryEnter()) {
        status_ = file_.cache_.Reopen(const_cast<CachedFile&>(file_));
        if (!status_.ok()) return;
      }
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    ~Use() {
      if (status_.ok()) file_.Leave();
    }
    bool ok() const { return status_.ok(); }
    const absl::Status& status() const { return status_; }
    File* operator->() const { return file_.file_.get(); }

   private:
    const CachedFile& file_;
    absl::Status status_;
  };

  bool Ask(bool (File::*question)(int64_t, int64_t) const, int64_t position, int64_t length) const {
    if (length <= 0) return true;
    if (!TryEnter()) return false;
    const bool answer = (*file_.*question)(position, length);
    Leave();
    return answer;
  }
  bool TryEnter() const {
    const uint32_t before = users_.fetch_add(1, std::memory_order_acquire);
    if ((before & kClosing) != 0 || file_ == nullptr) {
      Leave();
      return false;
    }
    if (!touched_.load(std::memory_order_relaxed)) touched_.store(true, std::memory_order_relaxed);
    return true;
  }
  void Leave() const { users_.fetch_sub(1, std::memory_order_release); }
  // Alone until Readmit(). False: somebody uses the file.
  bool TryExclude() {
    uint32_t nobody = 0;
    return users_.compare_exchange_strong(nobody, kClosing, std::memory_order_acq_rel);
  }
  // The same, where closing it gives a descriptor back: nobody has pinned the file either.
  bool TryExcludeToClose() {
    if (!TryExclude()) return false;
    if (file_.use_count() == 1) return true;
    Readmit();
    return false;
  }
  void Readmit() { users_.fetch_sub(kClosing, std::memory_order_release); }

  DescriptorCache& cache_;
  const std::string path_;
  const OpenMode mode_;
  uint64_t identity_;  // 0: it was not opened yet. Under the lock of OpenFiles
  Locked<absl::Status> sync_status_;
  mutable std::atomic<uint32_t> users_ = 0;
  mutable std::atomic<bool> touched_ = true;
  std::atomic<bool> is_open_;
  std::shared_ptr<File> file_;     // null: closed. Changed only by who excluded all others
  size_t listed_at_ = kNotListed;  // in OpenFiles; under its lock
};

class DescriptorCache::CountedRegion final : public MappedRegion {
 public:
  CountedRegion(std::unique_ptr<MappedRegion> region, std::atomic<int64_t>& count)
      : region_(std::move(region)), count_(count) {}
  ~CountedRegion() override { count_.fetch_sub(1, std::memory_order_relaxed); }
  const std::byte* data() const override { return region_->data(); }

 private:
  std::unique_ptr<MappedRegion> region_;
  std::atomic<int64_t>& count_;
};

absl::StatusOr<std::unique_ptr<MappedRegion>> DescriptorCache::CachedFile::Map(
    int64_t length) const {
  std::atomic<int64_t>& count = cache_.mapping_count_;
  if (count.fetch_add(1, std::memory_order_relaxed) >= static_cast<int64_t>(cache_.mappings_max_)) {
    count.fetch_sub(1, std::memory_order_relaxed);
    return absl::ResourceExhaustedError(path_ + ": too many files are mapped");
  }
  const Use use(*this);
  if (use.ok()) {
    auto region = use->Map(length);
    if (region.ok()) return std::make_unique<CountedRegion>(*std::move(region), count);
    count.fetch_sub(1, std::memory_order_relaxed);
    return region.status();
  }
  count.fetch_sub(1, std::memory_order_relaxed);
  return use.status();
}

absl::StatusOr<std::shared_ptr<File>> DescriptorCache::Open(const std::string& path,
                                                            OpenMode mode) {
  std::vector<std::shared_ptr<File>> closed;
  MakeRoom(*open_.Lock(), open_max(), closed);
  closed.clear();
  auto opened = below_.Open(path, mode);
  if (!opened.ok()) return opened.status();
  // What was created exists from now on; opened again it must not be made anew.
  const OpenMode again = mode == OpenMode::kReadOnly ? mode : OpenMode::kReadWrite;
  auto file = std::make_shared<CachedFile>(*this, path, again, *std::move(opened));
  Add(*open_.Lock(), *file);
  return file;
}

absl::StatusOr<std::shared_ptr<File>> DescriptorCache::OpenLater(const std::string& path) {
  return std::make_shared<CachedFile>(*this, path, OpenMode::kReadWrite, nullptr);
}

absl::Status DescriptorCache::Reopen(CachedFile& file) {
  std::vector<std::shared_ptr<File>> closed;  // destroyed after the lock is gone
  MakeRoom(*open_.Lock(), open_max(), closed);
  closed.clear();
  auto opened = below_.Open(file.path_, file.mode_);
  if (!opened.ok()) return opened.status();
  const uint64_t identity = (*opened)->identity();
  auto open = open_.Lock();
  if (file.listed_at_ != CachedFile::kNotListed) return absl::OkStatus();  // another was faster
  if (file.identity_ == 0) file.identity_ = identity;
  if (file.identity_ != identity) {
    return absl::DataLossError(file.path_ + " was replaced by another file of that name");
  }
  // Uses in between find no file and go away at once.
  while (!file.TryExclude()) {
  }
  file.file_ = *std::move(opened);
  file.is_open_.store(true, std::memory_order_relaxed);
  file.Readmit();
  Add(*open, file);
  reopened_.fetch_add(1, std::memory_order_relaxed);
  return absl::OkStatus();
}

void DescriptorCache::Add(OpenFiles& open, CachedFile& file) {
  file.listed_at_ = open.files.size();
  open.files.push_back(&file);
  open_count_.store(static_cast<int64_t>(open.files.size()), std::memory_order_relaxed);
}

void DescriptorCache::Remove(CachedFile& file) {
  auto open = open_.Lock();
  if (file.listed_at_ != CachedFile::kNotListed) Unlist(*open, file);
}

void DescriptorCache::Unlist(OpenFiles& open, CachedFile& file) {
  CachedFile* last = open.files.back();
  open.files[file.listed_at_] = last;
  last->listed_at_ = file.listed_at_;
  open.files.pop_back();
  file.listed_at_ = CachedFile::kNotListed;
  open_count_.store(static_cast<int64_t>(open.files.size()), std::memory_order_relaxed);
}

void DescriptorCache::SetOpenMax(size_t open_max) {
  std::vector<std::shared_ptr<File>> closed;
  open_max_.store(open_max, std::memory_order_relaxed);
  MakeRoom(*open_.Lock(), open_max + 1, closed);
}

// A file that was used since the hand came by last time is spared once. When all are in use or
// pinned there is no room, and the limit is passed for a moment.
void DescriptorCache::MakeRoom(OpenFiles& open, size_t limit,
                               std::vector<std::shared_ptr<File>>& closed) {
  size_t steps_left = 2 * open.files.size();
  while (open.files.size() >= limit && steps_left > 0) {
    --steps_left;
    if (open.hand >= open.files.size()) open.hand = 0;
    CachedFile& file = *open.files[open.hand];
    if (file.touched_.exchange(false, std::memory_order_relaxed) || !file.TryExcludeToClose()) {
      ++open.hand;
      continue;
    }
    closed.push_back(std::move(file.file_));
    file.file_ = nullptr;
    file.is_open_.store(false, std::memory_order_relaxed);
    file.Readmit();
    Unlist(open, file);
  }
}

}  // namespace millrace::partition
