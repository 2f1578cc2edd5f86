// A disk in memory that knows what a power loss would take: every file and directory has the state
// that readers see and the state that is on stable storage, and remembers the changes between them.
//
// Not thread-safe: FaultFileSystem holds its mutex around every call. Paths are absolute, without
// "." and "..". Errors are statuses as storage/file_system.h names them.
//
// What a crash may keep of unsynced changes is what real file systems may keep:
//  - of a file, for each 512-byte sector any of its states since the last sync, and any of the
//  sizes;
//  - of a directory, any prefix of its changes; a rename within a directory is one change. A rename
//    between directories is one change in each.
// Without a seed it keeps none of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace millrace::test {

inline constexpr int64_t kSectorBytes = 512;

// What a mapping of a file reads; follows the file's content.
struct SimulatedMapping {
  explicit SimulatedMapping(int64_t length);
  void Refresh(const std::vector<std::byte>& content, int64_t from, int64_t to);

  struct Free {
    void operator()(std::byte* bytes) const;
  };
  int64_t size;
  std::unique_ptr<std::byte, Free> bytes;  // zeroed by the kernel, so a long mapping costs little
};

class SimulatedFile {
 public:
  explicit SimulatedFile(uint64_t id) : id_(id) {}

  size_t Read(int64_t position, std::span<std::byte> out) const;
  void Write(int64_t position, std::span<const std::byte> bytes);
  void Truncate(int64_t size);
  void Preallocate(int64_t end);
  void Sync();
  // A failed sync: the kernel forgets that the pages are dirty, readers still see them, and no
  // later sync makes them durable.
  void ForgetUnsynced() { unsynced_.clear(); }
  void FlipBit(int64_t position, int bit);
  void Crash(std::optional<uint64_t> seed);
  std::shared_ptr<SimulatedMapping> Map(int64_t length);

  int64_t size() const { return static_cast<int64_t>(content_.size()); }
  // Up to where it holds blocks.
  int64_t allocated_end() const;

 private:
  // A write, or a truncation to `position` when there are no bytes.
  struct Change {
    int64_t position;
    std::vector<std::byte> bytes;
    bool truncates;
  };
  class Survivors;

  static void Apply(const Change& change, std::vector<std::byte>& bytes);
  static int64_t SizeAfter(const Change& change, int64_t size);
  void RefreshMappings(int64_t from, int64_t to);

  uint64_t id_;
  std::vector<std::byte> content_;
  std::vector<std::byte> durable_;
  std::vector<Change> unsynced_;
  int64_t reserved_end_ = 0;
  std::vector<std::weak_ptr<SimulatedMapping>> mappings_;
};

class SimulatedDirectory;
using SimulatedNode =
    std::variant<std::shared_ptr<SimulatedFile>, std::shared_ptr<SimulatedDirectory>>;

class SimulatedDirectory {
 public:
  using Entries = std::map<std::string, SimulatedNode>;
  // New nodes for names, or none where a name goes; all of it happens or nothing.
  using Change = std::vector<std::pair<std::string, std::optional<SimulatedNode>>>;

  explicit SimulatedDirectory(uint64_t id) : id_(id) {}

  const Entries& entries() const { return entries_; }
  void Make(Change change);
  void Sync();
  void Crash(std::optional<uint64_t> seed, std::set<const void*>& visited);

 private:
  static void Apply(const Change& change, Entries& entries);

  uint64_t id_;
  Entries entries_;
  Entries durable_;
  std::vector<Change> unsynced_;
};

class SimulatedDisk {
 public:
  SimulatedDisk();

  std::optional<SimulatedNode> Find(const std::string& path) const;
  absl::StatusOr<std::shared_ptr<SimulatedFile>> OpenFile(const std::string& path, bool create);
  absl::StatusOr<std::shared_ptr<SimulatedDirectory>> OpenDirectory(const std::string& path) const;
  absl::Status CreateDirectories(const std::string& path);
  absl::Status Rename(const std::string& from, const std::string& to);
  absl::Status RemoveFile(const std::string& path);
  absl::Status RemoveTree(const std::string& path);
  void Crash(std::optional<uint64_t> seed);
  void SyncAll();
  // Blocks held by all files that have a name.
  int64_t used_bytes() const;

 private:
  // The directory that holds the last name of a path, and that name.
  struct Place {
    std::shared_ptr<SimulatedDirectory> directory;
    std::string name;
  };
  absl::StatusOr<Place> FindPlace(const std::string& path, const char* call) const;

  uint64_t next_id_ = 1;
  std::shared_ptr<SimulatedDirectory> root_;
};

}  // namespace millrace::test
