// What becomes of each batch of a log that is being compacted: it stays as it is, it is written
// anew with fewer records, only its header stays, or it goes.
//
//   BatchCleaner cleaner(keys, transactions, rules);
//   for each batch from the log's start on, in order: cleaner.Clean(batch)
//
// Pure decisions, one thread; the map and the walk must outlive it. It must see every batch of the
// log, clean ones too: whether a marker may go depends on what of its transaction was there.
// The rules: docs/formats/log.md, "Compaction".
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "proto/record/batch.h"
#include "proto/record/record_reader.h"
#include "proto/types.h"
#include "storage/key_map.h"
#include "storage/transaction_walk.h"

namespace millrace::storage {

// What is known of a producer that is remembered. Its last durable batch must stay, for what came
// later may be lost with the power.
struct LastOfProducer {
  ProducerEpoch epoch;
  std::optional<Offset> last_offset;   // of its last batch; none: only a marker of it is known
  std::optional<Offset> last_durable;  // of its last batch in the dirty part, where that is durable
};

struct CleaningRules {
  Offset dirty_from;  // what lies below was cleaned before
  Offset durable_end;
  Offset covered;  // the map holds all keys of dirty records below
  TimestampMs now;
  int64_t delete_retention_ms = 0;
  size_t opened_bytes_max = 0;
  absl::flat_hash_map<ProducerId, LastOfProducer> producers;
};

class BatchCleaner {
 public:
  BatchCleaner(const KeyMap& keys, const TransactionWalk& transactions, CleaningRules rules)
      : keys_(keys), transactions_(transactions), rules_(std::move(rules)) {}

  // What takes the batch's place, valid until the next call or as long as `batch`; empty: nothing.
  // Precondition: the batch is intact.
  std::span<const std::byte> Clean(std::span<const std::byte> batch);

  int64_t unopened_batches() const { return unopened_batches_; }
  int64_t keyless_records() const { return keyless_records_; }

 private:
  using Bytes = std::span<const std::byte>;

  Bytes CleanControl(Bytes batch);
  Bytes CleanRecords(Bytes batch);
  Bytes WithoutRecords(const record::BatchView& batch);
  bool IsLastOfProducer(const record::BatchView& batch) const;
  bool IsAborted(const record::BatchView& batch) const;
  bool HasPassed(const record::BatchView& batch) const;
  std::optional<TimestampMs> NewHorizon(const record::BatchView& batch) const;
  bool Stays(const record::RecordView& record, bool tombstones_go);

  const KeyMap& keys_;
  const TransactionWalk& transactions_;
  const CleaningRules rules_;
  // Producers of whose transaction data was seen since their last marker.
  absl::flat_hash_set<ProducerId> with_data_;
  std::vector<std::byte> rewritten_;
  int64_t unopened_batches_ = 0;
  int64_t keyless_records_ = 0;
};

}  // namespace millrace::storage
