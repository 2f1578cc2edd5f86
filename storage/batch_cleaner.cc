#include "storage/batch_cleaner.h"

#include <limits>
#include <utility>

#include "proto/invariant.h"
#include "proto/record/retain.h"

namespace millrace::storage {

using record::BatchView;

std::span<const std::byte> BatchCleaner::Clean(Bytes batch) {
  const BatchView view(batch);
  if (view.is_control()) return CleanControl(batch);
  if (view.record_count() == 0) return WithoutRecords(view);
  if (view.is_transactional() && view.producer().has_value()) {
    with_data_.insert(view.producer()->id);
  }
  if (IsAborted(view)) return WithoutRecords(view);
  return CleanRecords(batch);
}

// A marker stays until all data of its transaction is gone, and then until its horizon has passed:
// whoever was reading the data meanwhile must learn how it ended.
BatchCleaner::Bytes BatchCleaner::CleanControl(Bytes batch) {
  const BatchView view(batch);
  if (view.record_count() == 0) return WithoutRecords(view);
  const auto producer = view.producer();
  if (!producer.has_value() || !MarkerOf(batch).has_value()) return batch;
  const bool has_data = with_data_.erase(producer->id) > 0;
  if (has_data) return batch;
  if (HasPassed(view)) return WithoutRecords(view);
  record::Retained marked = record::RetainRecords(
      batch, {.max_bytes = rules_.opened_bytes_max, .new_horizon = NewHorizon(view)},
      [](const record::RecordView&) { return true; });
  if (marked.kept != record::Kept::kSome) return batch;
  rewritten_ = std::move(marked.batch);
  return rewritten_;
}

BatchCleaner::Bytes BatchCleaner::CleanRecords(Bytes batch) {
  const BatchView view(batch);
  // Behind what cannot be seen, a tombstone may be what hides an older value there.
  const bool tombstones_go = HasPassed(view) && unopened_batches_ == 0;
  const int64_t keyless_before = keyless_records_;
  record::Retained retained = record::RetainRecords(
      batch, {.max_bytes = rules_.opened_bytes_max, .new_horizon = NewHorizon(view)},
      [&](const record::RecordView& record) { return Stays(record, tombstones_go); });
  switch (retained.kept) {
    case record::Kept::kAll:
      return batch;
    case record::Kept::kUnopened:
      ++unopened_batches_;
      keyless_records_ = keyless_before;
      return batch;
    case record::Kept::kNone:
      return WithoutRecords(view);
    case record::Kept::kSome:
      rewritten_ = std::move(retained.batch);
      return rewritten_;
  }
  return batch;
}

bool BatchCleaner::Stays(const record::RecordView& record, bool tombstones_go) {
  if (record.offset >= rules_.covered) return true;
  if (!record.key.has_value()) {
    ++keyless_records_;
    return false;
  }
  const std::optional<Offset> last = keys_.Find(*record.key);
  if (last.has_value() && record.offset < *last) return false;
  return record.value.has_value() || !tombstones_go;
}

BatchCleaner::Bytes BatchCleaner::WithoutRecords(const BatchView& batch) {
  if (!IsLastOfProducer(batch)) return {};
  const auto empty = record::EmptyBatch(batch, record::EmptyKind::kProducer);
  rewritten_.assign(empty.begin(), empty.end());
  return rewritten_;
}

bool BatchCleaner::IsLastOfProducer(const BatchView& batch) const {
  const auto producer = batch.producer();
  if (!producer.has_value()) return false;
  const auto last = rules_.producers.find(producer->id);
  if (last == rules_.producers.end()) return false;
  const LastOfProducer& known = last->second;
  if (known.last_durable.has_value()) return *known.last_durable == batch.last_offset();
  if (!known.last_offset.has_value()) {
    return batch.is_control() && known.epoch == producer->epoch;
  }
  // Which one was the last before those that are not durable yet is not known any more.
  if (*known.last_offset >= rules_.durable_end) return true;
  return *known.last_offset == batch.last_offset();
}

bool BatchCleaner::IsAborted(const BatchView& batch) const {
  if (!batch.is_transactional() || !batch.producer().has_value()) return false;
  // Of what was cleaned before, only data of committed transactions is left.
  if (batch.last_offset() < rules_.dirty_from) return false;
  return transactions_.IsAborted(batch.producer()->id, batch.last_offset());
}

bool BatchCleaner::HasPassed(const BatchView& batch) const {
  const std::optional<TimestampMs> horizon = batch.delete_horizon();
  return horizon.has_value() && *horizon <= rules_.now;
}

// The time that readers have begins when older values go. So a batch that the map does not cover
// whole has to wait for the next cleaning.
std::optional<TimestampMs> BatchCleaner::NewHorizon(const BatchView& batch) const {
  if (batch.last_offset() >= rules_.covered) return std::nullopt;
  int64_t horizon = 0;
  if (__builtin_add_overflow(rules_.now.value(), rules_.delete_retention_ms, &horizon)) {
    horizon = std::numeric_limits<int64_t>::max();
  }
  return TimestampMs(horizon);
}

}  // namespace millrace::storage
