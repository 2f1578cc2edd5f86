// What a partition remembers of idempotent producers: for each producer id its epoch and its last
// five batches, so that a batch sent again is recognised and a gap is refused.
//
// Pure bookkeeping, one thread (the log's). Decide, then apply: Check() changes nothing, Update()
// is called for every batch that reaches the log, live and on recovery alike. Format of a snapshot:
// docs/formats/producer-snapshot.md (Kafka's, with up to five entries for a producer, oldest first;
// Kafka's reader keeps the last one, ours all five).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/status/statusor.h>

#include "proto/error_code.h"
#include "proto/record/batch.h"
#include "proto/types.h"

namespace millrace::storage {

struct ProducerVerdict {
  ErrorCode error = ErrorCode::kNone;
  std::string message;  // why it is refused
  // The batch is already in the log, from this offset on: answer success, append nothing.
  std::optional<Offset> duplicate_base_offset;
};

class ProducerState {
 public:
  // The rules of kafka-protocol.md 2.3: duplicate, INVALID_PRODUCER_EPOCH (older epoch),
  // OUT_OF_ORDER_SEQUENCE_NUMBER (gap, or a new epoch that does not start at 0); an unknown
  // producer may start anywhere. Sequences wrap from 2^31-1 to 0.
  ProducerVerdict Check(const record::BatchView& batch) const;
  // Takes note of a batch with its final offsets. Batches without a producer are ignored.
  void Update(const record::BatchView& batch);
  // Forgets producers whose newest batch has a timestamp older than `oldest`.
  void Expire(TimestampMs oldest);
  // Forgets batches at or beyond `end` (the log was cut there): entries whose batches are all gone
  // disappear.
  void TruncateTo(Offset end);
  void Clear() { producers_.clear(); }
  size_t size() const { return producers_.size(); }
  // What is known of one producer, for those who ask (DescribeProducers).
  struct Active {
    ProducerId id;
    ProducerEpoch epoch;
    TimestampMs newest;
    std::optional<int32_t> last_sequence;  // none: no batch of it is known
    std::optional<Offset> last_offset;     // likewise
  };
  std::vector<Active> ListActive() const;

  std::string EncodeSnapshot() const;
  // DataLossError when the bytes are not a whole snapshot with a right checksum.
  static absl::StatusOr<ProducerState> DecodeSnapshot(std::string_view bytes);

 private:
  static constexpr size_t kBatchesKept = 5;

  struct Batch {
    int32_t first_sequence;
    int32_t last_sequence;
    Offset base_offset;
    Offset last_offset;
    TimestampMs timestamp;
  };
  struct Producer {
    ProducerEpoch epoch;
    // When it last wrote; a producer of which only an end-of-transaction marker is known has no
    // batch.
    TimestampMs newest;
    size_t count = 0;  // how many of `batches` are in use, oldest first
    std::array<Batch, kBatchesKept> batches{};
  };

  static std::optional<Batch> Find(const Producer& producer, int32_t first, int32_t last);
  // The producer with its epoch set; an epoch other than the known one forgets the batches.
  Producer& Enter(ProducerId id, ProducerEpoch epoch, TimestampMs timestamp);
  static void Remember(Producer& producer, const Batch& batch);

  absl::flat_hash_map<ProducerId, Producer> producers_;
};

}  // namespace millrace::storage
