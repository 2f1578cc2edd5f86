#include "tests/support/simulated_disk.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "proto/invariant.h"
#include "storage/posix_error.h"
#include "tests/support/seeded.h"

namespace millrace::test {
namespace {

using storage::PosixError;
using FilePointer = std::shared_ptr<SimulatedFile>;
using DirectoryPointer = std::shared_ptr<SimulatedDirectory>;

std::vector<std::string> NamesOf(const std::string& path) {
  std::vector<std::string> names;
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    if (end > at) names.push_back(path.substr(at, end - at));
    at = end + 1;
  }
  return names;
}

DirectoryPointer AsDirectory(const std::optional<SimulatedNode>& node) {
  if (!node) return nullptr;
  const DirectoryPointer* directory = std::get_if<DirectoryPointer>(&*node);
  return directory == nullptr ? nullptr : *directory;
}

std::optional<SimulatedNode> Lookup(const SimulatedDirectory& directory, const std::string& name) {
  const auto found = directory.entries().find(name);
  if (found == directory.entries().end()) return std::nullopt;
  return found->second;
}

int64_t UsedBytes(const SimulatedDirectory& directory) {
  int64_t used = 0;
  for (const auto& [name, node] : directory.entries()) {
    if (const auto* file = std::get_if<FilePointer>(&node)) used += (*file)->allocated_end();
    if (const auto* below = std::get_if<DirectoryPointer>(&node)) used += UsedBytes(**below);
  }
  return used;
}

void SyncBelow(SimulatedDirectory& directory) {
  directory.Sync();
  for (const auto& [name, node] : directory.entries()) {
    if (const auto* file = std::get_if<FilePointer>(&node)) (*file)->Sync();
    if (const auto* below = std::get_if<DirectoryPointer>(&node)) SyncBelow(**below);
  }
}

// As a real removal does: children first, each of them a change of its own.
void Empty(SimulatedDirectory& directory) {
  const SimulatedDirectory::Entries entries = directory.entries();
  for (const auto& [name, node] : entries) {
    if (const auto* below = std::get_if<DirectoryPointer>(&node)) Empty(**below);
    directory.Make({{name, std::nullopt}});
  }
}

}  // namespace

void SimulatedDirectory::Apply(const Change& change, Entries& entries) {
  for (const auto& [name, node] : change) {
    if (node) {
      entries.insert_or_assign(name, *node);
    } else {
      entries.erase(name);
    }
  }
}

void SimulatedDirectory::Make(Change change) {
  Apply(change, entries_);
  unsynced_.push_back(std::move(change));
}

void SimulatedDirectory::Sync() {
  durable_ = entries_;
  unsynced_.clear();
}

void SimulatedDirectory::Crash(std::optional<uint64_t> seed, std::set<const void*>& visited) {
  if (!visited.insert(this).second) return;
  const size_t kept = seed ? Mix(*seed, id_) % (unsynced_.size() + 1) : 0;
  for (size_t i = 0; i < kept; ++i) Apply(unsynced_[i], durable_);
  entries_ = durable_;
  unsynced_.clear();
  for (const auto& [name, node] : entries_) {
    if (const auto* below = std::get_if<DirectoryPointer>(&node)) (*below)->Crash(seed, visited);
    const auto* file = std::get_if<FilePointer>(&node);
    if (file != nullptr && visited.insert(file->get()).second) (*file)->Crash(seed);
  }
}

SimulatedDisk::SimulatedDisk() : root_(std::make_shared<SimulatedDirectory>(0)) {}

std::optional<SimulatedNode> SimulatedDisk::Find(const std::string& path) const {
  std::optional<SimulatedNode> node = root_;
  for (const std::string& name : NamesOf(path)) {
    const DirectoryPointer directory = AsDirectory(node);
    if (directory == nullptr) return std::nullopt;
    node = Lookup(*directory, name);
    if (!node) return std::nullopt;
  }
  return node;
}

absl::StatusOr<SimulatedDisk::Place> SimulatedDisk::FindPlace(const std::string& path,
                                                              const char* call) const {
  std::vector<std::string> names = NamesOf(path);
  if (names.empty()) return PosixError(call, path, EBUSY);  // the root
  std::string last = std::move(names.back());
  names.pop_back();
  std::optional<SimulatedNode> node = root_;
  for (const std::string& name : names) {
    const DirectoryPointer directory = AsDirectory(node);
    if (directory == nullptr) return PosixError(call, path, ENOTDIR);
    node = Lookup(*directory, name);
    if (!node) return PosixError(call, path, ENOENT);
  }
  const DirectoryPointer parent = AsDirectory(node);
  if (parent == nullptr) return PosixError(call, path, ENOTDIR);
  return Place{parent, std::move(last)};
}

absl::StatusOr<FilePointer> SimulatedDisk::OpenFile(const std::string& path, bool create) {
  absl::StatusOr<Place> place = FindPlace(path, "open");
  if (!place.ok()) return place.status();
  if (const std::optional<SimulatedNode> node = Lookup(*place->directory, place->name)) {
    const FilePointer* file = std::get_if<FilePointer>(&*node);
    if (file == nullptr) return PosixError("open", path, EISDIR);
    return *file;
  }
  if (!create) return PosixError("open", path, ENOENT);
  auto file = std::make_shared<SimulatedFile>(next_id_++);
  place->directory->Make({{place->name, file}});
  return file;
}

absl::StatusOr<DirectoryPointer> SimulatedDisk::OpenDirectory(const std::string& path) const {
  const std::optional<SimulatedNode> node = Find(path);
  if (!node) return PosixError("open", path, ENOENT);
  DirectoryPointer directory = AsDirectory(node);
  if (directory == nullptr) return PosixError("open", path, ENOTDIR);
  return directory;
}

absl::Status SimulatedDisk::CreateDirectories(const std::string& path) {
  DirectoryPointer directory = root_;
  for (const std::string& name : NamesOf(path)) {
    std::optional<SimulatedNode> next = Lookup(*directory, name);
    if (!next) {
      next = std::make_shared<SimulatedDirectory>(next_id_++);
      directory->Make({{name, next}});
    }
    directory = AsDirectory(next);
    if (directory == nullptr) return PosixError("mkdir", path, EEXIST);
  }
  return absl::OkStatus();
}

absl::Status SimulatedDisk::Rename(const std::string& from, const std::string& to) {
  const absl::StatusOr<Place> source = FindPlace(from, "rename");
  if (!source.ok()) return source.status();
  const absl::StatusOr<Place> target = FindPlace(to, "rename");
  if (!target.ok()) return target.status();
  const std::optional<SimulatedNode> node = Lookup(*source->directory, source->name);
  if (!node) return PosixError("rename", from, ENOENT);
  const std::optional<SimulatedNode> replaced = Lookup(*target->directory, target->name);
  if (replaced == node) return absl::OkStatus();
  if (replaced && (AsDirectory(node) == nullptr) != (AsDirectory(replaced) == nullptr)) {
    return PosixError("rename", to, AsDirectory(replaced) != nullptr ? EISDIR : ENOTDIR);
  }
  const DirectoryPointer below = AsDirectory(replaced);
  if (below != nullptr && !below->entries().empty()) return PosixError("rename", to, ENOTEMPTY);

  if (source->directory == target->directory) {
    source->directory->Make({{source->name, std::nullopt}, {target->name, node}});
  } else {
    target->directory->Make({{target->name, node}});
    source->directory->Make({{source->name, std::nullopt}});
  }
  return absl::OkStatus();
}

absl::Status SimulatedDisk::RemoveFile(const std::string& path) {
  const absl::StatusOr<Place> place = FindPlace(path, "unlink");
  if (!place.ok()) return place.status();
  const std::optional<SimulatedNode> node = Lookup(*place->directory, place->name);
  if (!node) return PosixError("unlink", path, ENOENT);
  if (AsDirectory(node) != nullptr) return PosixError("unlink", path, EISDIR);
  place->directory->Make({{place->name, std::nullopt}});
  return absl::OkStatus();
}

absl::Status SimulatedDisk::RemoveTree(const std::string& path) {
  const absl::StatusOr<Place> place = FindPlace(path, "unlink");
  if (!place.ok()) return place.status();
  const std::optional<SimulatedNode> node = Lookup(*place->directory, place->name);
  if (!node) return PosixError("unlink", path, ENOENT);
  if (const DirectoryPointer directory = AsDirectory(node)) Empty(*directory);
  place->directory->Make({{place->name, std::nullopt}});
  return absl::OkStatus();
}

void SimulatedDisk::Crash(std::optional<uint64_t> seed) {
  std::set<const void*> visited;
  root_->Crash(seed, visited);
}

void SimulatedDisk::SyncAll() { SyncBelow(*root_); }

int64_t SimulatedDisk::used_bytes() const { return UsedBytes(*root_); }

}  // namespace millrace::test
