// A storage::FileSystem in memory that loses what was not synced, tears writes and fails on demand.
//
//   FaultFileSystem fs;
//   ...
//   fs.Inject({.operation = Operation::kSync, .status = absl::InternalError("EIO")});
//   fs.Crash(seed);   // power loss: open files are dead, what was not synced is lost or torn
//
// To try a crash at every point: count the changes of a run with change_count(), then repeat it
// with StopAfter(0), StopAfter(1), ... and call Crash() after each.
//
// Threading: any thread, one mutex. Open files stay valid memory when the file system is destroyed.
// What a crash may keep: tests/support/simulated_disk.h. A failed sync loses what it should have
// made durable, as Linux does, also when a later one succeeds. A mapping is refreshed by writes;
// one from before a crash keeps its last bytes. Descriptors: none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/file_system.h"
#include "tests/support/simulated_cache.h"

namespace millrace::test {

enum class Operation {
  kOpen,  // the creation of a file included
  kRead,
  kLoad,
  kWrite,
  kSync,
  kStartWriteBack,
  kTruncate,
  kPreallocate,
  kSize,
  kMap,
  kList,
  kCreateDirectories,
  kRename,
  kRemoveFile,
  kRemoveTree,
  kSyncDirectory,
};

// Operations that fail.
struct Fault {
  Operation operation;
  absl::Status status;
  std::string path_contains;   // only on such paths; empty: on all
  int64_t skip = 0;            // so many operations of this kind succeed before
  int64_t times = 1;           // so many fail
  int64_t written_prefix = 0;  // kWrite: so many bytes are written all the same
};

class FaultFileSystem final : public storage::FileSystem {
 public:
  FaultFileSystem();
  ~FaultFileSystem() override;

  absl::StatusOr<std::shared_ptr<storage::File>> Open(const std::string& path,
                                                      storage::OpenMode mode) override;
  absl::StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  absl::Status CreateDirectories(const std::string& path) override;
  absl::Status Rename(const std::string& from, const std::string& to) override;
  absl::Status RemoveFile(const std::string& path) override;
  absl::Status RemoveTree(const std::string& path) override;
  bool Exists(const std::string& path) override;
  absl::Status SyncDirectory(const std::string& path) override;

  void Inject(Fault fault);
  void ClearFaults();
  // The sum of all files' blocks is limited; a write that does not fit writes what does.
  void SetCapacity(std::optional<int64_t> bytes);
  int64_t used_bytes() const;

  // Operations so far that may have changed something; reads are not counted.
  int64_t change_count() const;
  // After so many more changes every operation fails, as if the process had died there. Crash() and
  // KillProcess() end it.
  void StopAfter(int64_t changes);
  // Power loss: without a seed everything unsynced is lost, with one a part of it. Removes faults.
  void Crash(std::optional<uint64_t> seed = std::nullopt);
  // kill -9: open files are dead, nothing is lost. Removes faults.
  void KillProcess();
  // Makes everything durable, for a test that starts from there.
  void SyncAll();
  // Called before each such operation (kPreallocate or kSync), on its thread: who waits there holds
  // it up.
  void Before(Operation operation, std::function<void()> call);
  // Takes the files whose paths contain the text out of the page cache.
  void Evict(const std::string& path_contains);
  // What is in memory, and what was loaded and released so far.
  SimulatedCache cache() const;
  // What a failing medium does. Precondition: the file is that long.
  void FlipBit(const std::string& path, int64_t position, int bit);

 private:
  friend class FaultFile;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace millrace::test
