// The leader epochs of a partition's log: for each epoch the offset at which it started.
//
// One thread (the log's). The batch headers are the truth, this is their summary, kept in
// leader-epoch-checkpoint (docs/formats/checkpoints.md) so that it need not be rebuilt.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "proto/types.h"

namespace millrace::storage {

class LeaderEpochs {
 public:
  struct Entry {
    LeaderEpoch epoch;
    Offset start;
  };
  struct End {
    LeaderEpoch epoch;
    Offset end;
  };

  // Takes note that `epoch` wrote at `offset`; true when that began a new epoch. Epochs never go
  // back: one below the latest (or below 0, as in bytes no leader stamped) is not taken.
  bool Assign(LeaderEpoch epoch, Offset offset);
  std::optional<LeaderEpoch> latest() const;
  // The largest known epoch <= `epoch` and where it ended (`log_end` for the latest).
  std::optional<End> EndOf(LeaderEpoch epoch, Offset log_end) const;
  std::optional<LeaderEpoch> EpochAt(Offset offset) const;
  // Drops what starts at or beyond `end`.
  void TruncateFromEnd(Offset end);
  // The log now starts at `start`: entries before it collapse into one that starts there.
  void TruncateFromStart(Offset start);
  const std::vector<Entry>& entries() const { return entries_; }

  std::string Encode() const;
  static absl::StatusOr<LeaderEpochs> Decode(std::string_view text);

 private:
  std::vector<Entry> entries_;  // ascending in both fields
};

}  // namespace millrace::storage
