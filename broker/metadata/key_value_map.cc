#include "broker/metadata/key_value_map.h"

#include <fmt/format.h>

#include "proto/internal/metadata.pb.h"
#include "proto/invariant.h"

namespace millrace::metadata {

bool KeyValueMap::Holds(const std::vector<Condition>& conditions) const {
  for (const Condition& condition : conditions) {
    auto found = values_.find(condition.key);
    std::optional<Revision> modified;
    if (found != values_.end()) modified = found->second.modified;
    if (modified != condition.modified) return false;
  }
  return true;
}

void KeyValueMap::Apply(const Change& change) {
  INVARIANT(change.revision == revision_ + 1);
  revision_ = change.revision;
  for (const Mutation& mutation : change.mutations) {
    if (mutation.value.has_value()) {
      values_[mutation.key] = {*mutation.value, change.revision};
    } else {
      values_.erase(mutation.key);
    }
  }
}

std::vector<Entry> KeyValueMap::List(std::string_view prefix) const {
  std::vector<Entry> entries;
  for (auto it = values_.lower_bound(prefix); it != values_.end(); ++it) {
    if (!it->first.starts_with(prefix)) break;
    entries.push_back({it->first, it->second.bytes, it->second.modified});
  }
  return entries;
}

std::string KeyValueMap::EncodeSnapshot() const {
  internal::MetadataSnapshot snapshot;
  snapshot.set_revision(revision_.value());
  for (const auto& [key, value] : values_) {
    internal::MetadataEntry* entry = snapshot.add_entries();
    entry->set_key(key);
    entry->set_value(value.bytes);
    entry->set_modified(value.modified.value());
  }
  return snapshot.SerializeAsString();
}

absl::StatusOr<KeyValueMap> KeyValueMap::DecodeSnapshot(std::string_view bytes) {
  internal::MetadataSnapshot snapshot;
  if (!snapshot.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("the metadata snapshot is damaged");
  }
  KeyValueMap map;
  map.revision_ = Revision(snapshot.revision());
  for (const internal::MetadataEntry& entry : snapshot.entries()) {
    map.values_[entry.key()] = {entry.value(), Revision(entry.modified())};
  }
  return map;
}

std::string EncodeChange(const Change& change) {
  internal::MetadataTransaction transaction;
  transaction.set_revision(change.revision.value());
  for (const Mutation& mutation : change.mutations) {
    internal::MetadataOperation* operation = transaction.add_operations();
    operation->set_key(mutation.key);
    if (mutation.value.has_value()) operation->set_value(*mutation.value);
  }
  return transaction.SerializeAsString();
}

absl::StatusOr<Change> DecodeChange(std::string_view bytes) {
  internal::MetadataTransaction transaction;
  if (!transaction.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("a metadata transaction does not parse");
  }
  Change change{.revision = Revision(transaction.revision())};
  for (const internal::MetadataOperation& operation : transaction.operations()) {
    Mutation mutation{.key = operation.key()};
    if (operation.has_value()) mutation.value = operation.value();
    change.mutations.push_back(std::move(mutation));
  }
  return change;
}

}  // namespace millrace::metadata
