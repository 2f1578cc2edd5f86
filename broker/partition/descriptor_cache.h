// A FileSystem whose files give their descriptor back while nobody uses them, so that there may be
// many more files than the process may have descriptors.
//
//   DescriptorCache files(storage::PosixFileSystem(), {.open_max = 8000, .mappings_max = 20'000});
//   auto file = files.Open(path, OpenMode::kReadWrite);   // used like any other file
//
// A file stays usable as long as it lives. When more than `open_max` are open, one that was not
// used lately is closed (second chance) and opened again, by name, at its next use: that takes 2 us
// where the kernel knows the name. What must not meet another file of the same name later (a slice
// on its way to a client, a file that is about to be replaced) holds on to File::Pin().
// Beyond `mappings_max` mappings Map() says ResourceExhausted; index look-ups read then.
//
// Threading: any thread. A file in use costs two atomic additions; only opening and closing take a
// lock. Lifetime: outlives its files. Errors: as the file system below, also from a use that had to
// open the file again; DataLoss when another file stands under its name.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/runtime/locked.h"
#include "storage/file_system.h"

namespace millrace::partition {

class DescriptorCache final : public storage::FileSystem {
 public:
  struct Limits {
    size_t open_max;
    size_t mappings_max;
  };

  DescriptorCache(storage::FileSystem& below, const Limits& limits)
      : below_(below), open_max_(limits.open_max), mappings_max_(limits.mappings_max) {}

  absl::StatusOr<std::shared_ptr<storage::File>> Open(const std::string& path,
                                                      storage::OpenMode mode) override;
  absl::StatusOr<std::shared_ptr<storage::File>> OpenLater(const std::string& path) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    return below_.List(directory);
  }
  absl::Status CreateDirectories(const std::string& path) override {
    return below_.CreateDirectories(path);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return below_.Rename(from, to);
  }
  absl::Status RemoveFile(const std::string& path) override { return below_.RemoveFile(path); }
  absl::Status RemoveTree(const std::string& path) override { return below_.RemoveTree(path); }
  bool Exists(const std::string& path) override { return below_.Exists(path); }
  absl::Status SyncDirectory(const std::string& path) override {
    return below_.SyncDirectory(path);
  }

  // From now on; files that are not in use are closed until no more are open.
  void SetOpenMax(size_t open_max);
  // Descriptors that the cache itself keeps open, and how often a file had to be opened again.
  int64_t open_count() const { return open_count_.load(std::memory_order_relaxed); }
  int64_t reopened() const { return reopened_.load(std::memory_order_relaxed); }
  int64_t mapping_count() const { return mapping_count_.load(std::memory_order_relaxed); }

 private:
  class CachedFile;
  class CountedRegion;
  // Those whose descriptor is open, in no order; the hand goes round.
  struct OpenFiles {
    std::vector<CachedFile*> files;
    size_t hand = 0;
  };

  absl::Status Reopen(CachedFile& file);
  void Add(OpenFiles& open, CachedFile& file);
  void Remove(CachedFile& file);
  void Unlist(OpenFiles& open, CachedFile& file);
  // Takes descriptors from files that are not in use until fewer than `limit` are open; they are
  // closed by whoever destroys `closed`.
  void MakeRoom(OpenFiles& open, size_t limit, std::vector<std::shared_ptr<storage::File>>& closed);
  size_t open_max() const { return open_max_.load(std::memory_order_relaxed); }

  storage::FileSystem& below_;
  std::atomic<size_t> open_max_;
  const size_t mappings_max_;
  std::atomic<int64_t> open_count_ = 0;
  std::atomic<int64_t> reopened_ = 0;
  std::atomic<int64_t> mapping_count_ = 0;
  Locked<OpenFiles> open_;
};

}  // namespace millrace::partition
