#include "storage/transaction_walk.h"

#include <algorithm>

#include "proto/record/open_batch.h"
#include "storage/index_file.h"

namespace millrace::storage {
namespace {

// The key of a marker: version and type, an int16 each.
constexpr size_t kMarkerKeyBytes = 4;
constexpr int16_t kAbortType = 0;
constexpr int16_t kCommitType = 1;
constexpr size_t kMarkerBytesMax = size_t{1} << 20;

}  // namespace

std::optional<TransactionMarker> MarkerOf(std::span<const std::byte> control_batch) {
  std::optional<TransactionMarker> marker;
  const absl::Status walked =
      record::ForEachRecord(control_batch, kMarkerBytesMax, [&](const record::RecordView& record) {
        if (record.key.has_value() && record.key->size() >= kMarkerKeyBytes) {
          const auto type = LoadBig<int16_t>(record.key->data() + sizeof(int16_t));
          if (type == kAbortType) marker = TransactionMarker::kAbort;
          if (type == kCommitType) marker = TransactionMarker::kCommit;
        }
        return record::Walk::kStop;
      });
  if (!walked.ok()) return std::nullopt;
  return marker;
}

void TransactionWalk::OnBatch(const record::BatchView& batch,
                              std::optional<TransactionMarker> marker) {
  const std::optional<record::ProducerStamp> stamp = batch.producer();
  if (!stamp.has_value() || !batch.is_transactional()) return;
  if (!batch.is_control()) {
    // What a cleaning has emptied is no part of a transaction any more.
    if (batch.record_count() == 0) return;
    Producer& producer = producers_[stamp->id];
    if (!producer.open_since.has_value()) producer.open_since = batch.base_offset();
    return;
  }
  if (!marker.has_value()) return;
  Producer& producer = producers_[stamp->id];
  if (*marker == TransactionMarker::kAbort && producer.open_since.has_value()) {
    producer.aborted.push_back({.after = producer.last_marker, .marker = batch.base_offset()});
    ++aborted_count_;
  }
  producer.open_since.reset();
  producer.last_marker = batch.last_offset();
}

bool TransactionWalk::IsAborted(ProducerId producer, Offset last_offset) const {
  const auto found = producers_.find(producer);
  if (found == producers_.end()) return false;
  const std::vector<Aborted>& aborted = found->second.aborted;
  const auto next = std::upper_bound(
      aborted.begin(), aborted.end(), last_offset,
      [](Offset offset, const Aborted& transaction) { return offset < transaction.marker; });
  return next != aborted.end() && last_offset > next->after;
}

std::optional<Offset> TransactionWalk::FirstOpen() const {
  std::optional<Offset> first;
  for (const auto& [id, producer] : producers_) {
    if (!producer.open_since.has_value()) continue;
    if (!first.has_value() || *producer.open_since < *first) first = producer.open_since;
  }
  return first;
}

}  // namespace millrace::storage
