// What a metadata store holds, and what one transaction may demand of it and change in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proto/types.h"

namespace millrace::metadata {

// Counts committed transactions, from 1.
using Revision = StrongCount<struct RevisionTag, uint64_t>;

// Holds when the key was last changed at `modified`; none: when there is no such key.
struct Condition {
  std::string key;
  std::optional<Revision> modified;
};

// Sets a key, or deletes it when there is no value.
struct Mutation {
  std::string key;
  std::optional<std::string> value;
};

// What one committed transaction changed.
struct Change {
  Revision revision;
  std::vector<Mutation> mutations;
};

struct Entry {
  std::string key;
  std::string value;
  Revision modified;
};

}  // namespace millrace::metadata
