// The state of a metadata store in memory: pure, changed only by Apply, live and on replay alike.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "broker/metadata/change.h"

namespace millrace::metadata {

class KeyValueMap {
 public:
  Revision revision() const { return revision_; }
  // Whether every condition holds now.
  bool Holds(const std::vector<Condition>& conditions) const;
  // Precondition: the change's revision is the one after revision().
  void Apply(const Change& change);
  std::vector<Entry> List(std::string_view prefix) const;

  std::string EncodeSnapshot() const;
  static absl::StatusOr<KeyValueMap> DecodeSnapshot(std::string_view bytes);

 private:
  struct Value {
    std::string bytes;
    Revision modified;
  };

  Revision revision_{0};
  std::map<std::string, Value, std::less<>> values_;
};

// One transaction as the local store's log holds it (MetadataTransaction).
std::string EncodeChange(const Change& change);
absl::StatusOr<Change> DecodeChange(std::string_view bytes);

}  // namespace millrace::metadata
