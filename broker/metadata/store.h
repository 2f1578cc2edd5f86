// The metadata store: an ordered key-value store with revisions, compare-and-swap transactions and
// a change stream. Every change of cluster state is one transaction; every broker follows the
// stream (decision D7). `LocalStore` serves one machine.
//
// Threading: one shard owns a store; its methods are called there and its watchers run there.
// Keys: docs/formats/metadata.md.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "broker/metadata/change.h"
#include "broker/runtime/async.h"

namespace millrace::metadata {

struct Transaction {
  std::vector<Condition> conditions;
  std::vector<Mutation> mutations;
};

struct CommitOutcome {
  bool committed = false;  // false: a condition did not hold, nothing was changed
  Revision revision;       // of the commit
};

struct Listing {
  Revision revision;  // the state that the entries show
  std::vector<Entry> entries;
};

class MetadataStore {
 public:
  using Watcher = std::function<void(const Change&)>;

  virtual ~MetadataStore() = default;

  // Durable when it answers. A non-OK status means that the outcome is unknown.
  virtual awaitable<absl::StatusOr<CommitOutcome>> Commit(Transaction transaction) = 0;
  // Every entry whose key starts with `prefix`, by key.
  virtual awaitable<absl::StatusOr<Listing>> List(std::string prefix) = 0;
  // Calls `watcher` with every change after `revision`, once each, in order, from now on.
  virtual void Watch(Revision revision, Watcher watcher) = 0;
};

}  // namespace millrace::metadata
