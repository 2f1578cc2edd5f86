// The kernel's file system, with a page cache of the test's making: files are as cold as the test
// says, loads wait while it wants, and fail.
//
//   ColdFileSystem fs;
//   fs.Evict(".log");            // nothing of the logs is in memory
//   fs.HoldLoads();              // whoever loads waits ...
//   fs.LetLoadsGo();             // ... until now
//
// Threading: any thread. Must outlive its files.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "storage/file_system.h"
#include "tests/support/simulated_cache.h"

namespace millrace::test {

class ColdFileSystem final : public storage::FileSystem {
 public:
  absl::StatusOr<std::shared_ptr<storage::File>> Open(const std::string& path,
                                                      storage::OpenMode mode) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override {
    return under_.List(directory);
  }
  absl::Status CreateDirectories(const std::string& path) override {
    return under_.CreateDirectories(path);
  }
  absl::Status Rename(const std::string& from, const std::string& to) override {
    return under_.Rename(from, to);
  }
  absl::Status RemoveFile(const std::string& path) override { return under_.RemoveFile(path); }
  absl::Status RemoveTree(const std::string& path) override { return under_.RemoveTree(path); }
  bool Exists(const std::string& path) override { return under_.Exists(path); }
  absl::Status SyncDirectory(const std::string& path) override {
    return under_.SyncDirectory(path);
  }

  void Evict(const std::string& path_contains);
  SimulatedCache cache() const;
  void HoldLoads();
  void LetLoadsGo();
  // Until so many loads wait.
  void AwaitHeldLoads(int count);
  // Loads fail from here on; OK: they succeed again.
  void FailLoads(absl::Status status);

 private:
  friend class ColdFile;

  absl::Status Load(const std::string& path, int64_t position, int64_t length);

  storage::FileSystem& under_ = storage::PosixFileSystem();
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  SimulatedCache cache_;
  bool holds_ = false;
  int held_ = 0;
  absl::Status load_status_;
};

}  // namespace millrace::test
