// Which transactions of a part of a log were aborted, and which are still open: found from the
// headers of its batches and the markers among them.
//
//   TransactionWalk walk;
//   walk.OnBatch(header, marker) for each batch, in order
//   if (walk.IsAborted(producer, last_offset)) ...
//
// Pure; one thread. Remembers 24 bytes for each aborted transaction, and some for each producer.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "proto/record/batch.h"
#include "proto/types.h"

namespace millrace::storage {

enum class TransactionMarker { kAbort, kCommit };

// None: the control batch ends no transaction, or has been emptied by a cleaning.
std::optional<TransactionMarker> MarkerOf(std::span<const std::byte> control_batch);

class TransactionWalk {
 public:
  // Takes note of a batch. `marker`: what MarkerOf() says about a control batch.
  void OnBatch(const record::BatchView& batch, std::optional<TransactionMarker> marker);

  // Whether the transaction that wrote the batch which ends at `last_offset` was aborted. Only for
  // transactional batches of the part that was walked.
  bool IsAborted(ProducerId producer, Offset last_offset) const;
  // Where the oldest transaction began that has no marker in the part; none: all are decided.
  std::optional<Offset> FirstOpen() const;
  size_t aborted_count() const { return aborted_count_; }

 private:
  struct Aborted {
    Offset after;   // the producer's marker before it, or where the walk began
    Offset marker;  // its own
  };
  struct Producer {
    std::optional<Offset> open_since;
    Offset last_marker{-1};
    std::vector<Aborted> aborted;  // ascending
  };

  absl::flat_hash_map<ProducerId, Producer> producers_;
  size_t aborted_count_ = 0;
};

}  // namespace millrace::storage
