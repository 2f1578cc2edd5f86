#include "storage/producer_state.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "proto/invariant.h"
#include "storage/producer_snapshot.h"

namespace millrace::storage {
namespace {

constexpr int32_t kSequenceMax = std::numeric_limits<int32_t>::max();

int32_t NextSequence(int32_t sequence) { return sequence == kSequenceMax ? 0 : sequence + 1; }

// Sequences count modulo 2^31.
int32_t AddToSequence(int32_t sequence, int32_t delta) {
  return static_cast<int32_t>((int64_t{sequence} + delta) & kSequenceMax);
}

ProducerVerdict Refuse(ErrorCode error, std::string message) {
  ProducerVerdict verdict;
  verdict.error = error;
  verdict.message = std::move(message);
  return verdict;
}

}  // namespace

std::optional<ProducerState::Batch> ProducerState::Find(const Producer& producer, int32_t first,
                                                        int32_t last) {
  for (size_t i = 0; i < producer.count; ++i) {
    const Batch& batch = producer.batches[i];
    if (batch.first_sequence == first && batch.last_sequence == last) return batch;
  }
  return std::nullopt;
}

ProducerState::Producer& ProducerState::Enter(ProducerId id, ProducerEpoch epoch,
                                              TimestampMs timestamp) {
  Producer& producer = producers_[id];
  if (producer.epoch != epoch) producer.count = 0;
  producer.epoch = epoch;
  producer.newest = timestamp;
  return producer;
}

void ProducerState::Remember(Producer& producer, const Batch& batch) {
  if (producer.count == kBatchesKept) {
    std::move(producer.batches.begin() + 1, producer.batches.end(), producer.batches.begin());
    --producer.count;
  }
  producer.batches[producer.count++] = batch;
  INVARIANT(producer.count <= kBatchesKept);
}

ProducerVerdict ProducerState::Check(const record::BatchView& batch) const {
  const std::optional<record::ProducerStamp> stamp = batch.producer();
  if (!stamp || batch.is_control()) return {};
  const auto found = producers_.find(stamp->id);
  if (found == producers_.end()) return {};
  const Producer& known = found->second;

  if (stamp->epoch < known.epoch) {
    return Refuse(ErrorCode::kInvalidProducerEpoch,
                  fmt::format("producer {} writes with epoch {}, but epoch {} has written already",
                              stamp->id.value(), stamp->epoch.value(), known.epoch.value()));
  }
  const int32_t first = stamp->base_sequence;
  int32_t expected = 0;  // a new epoch counts from 0
  if (stamp->epoch == known.epoch) {
    const int32_t last = AddToSequence(first, batch.last_offset_delta());
    if (const std::optional<Batch> same = Find(known, first, last)) {
      ProducerVerdict duplicate;
      duplicate.duplicate_base_offset = same->base_offset;
      return duplicate;
    }
    if (known.count > 0) expected = NextSequence(known.batches[known.count - 1].last_sequence);
  }
  if (first == expected) return {};
  return Refuse(ErrorCode::kOutOfOrderSequenceNumber,
                fmt::format("producer {} (epoch {}) sent sequence {}, but {} is next",
                            stamp->id.value(), stamp->epoch.value(), first, expected));
}

void ProducerState::Update(const record::BatchView& batch) {
  const std::optional<record::ProducerStamp> stamp = batch.producer();
  if (!stamp) return;
  Producer& producer = Enter(stamp->id, stamp->epoch, batch.max_timestamp());
  // A marker carries the producer's epoch, but no sequence.
  if (batch.is_control() || stamp->base_sequence < 0) return;
  Remember(producer,
           {.first_sequence = stamp->base_sequence,
            .last_sequence = AddToSequence(stamp->base_sequence, batch.last_offset_delta()),
            .base_offset = batch.base_offset(),
            .last_offset = batch.last_offset(),
            .timestamp = batch.max_timestamp()});
}

void ProducerState::Expire(TimestampMs oldest) {
  absl::erase_if(producers_, [&](const auto& entry) { return entry.second.newest < oldest; });
}

void ProducerState::TruncateTo(Offset end) {
  absl::erase_if(producers_, [&](auto& entry) {
    Producer& producer = entry.second;
    while (producer.count > 0 && producer.batches[producer.count - 1].last_offset >= end) {
      --producer.count;
    }
    if (producer.count > 0) producer.newest = producer.batches[producer.count - 1].timestamp;
    return producer.count == 0;
  });
}

std::vector<ProducerState::Active> ProducerState::ListActive() const {
  std::vector<Active> active;
  active.reserve(producers_.size());
  for (const auto& [id, producer] : producers_) {
    Active& one = active.emplace_back(Active{id, producer.epoch, producer.newest, {}, {}});
    if (producer.count == 0) continue;
    one.last_sequence = producer.batches[producer.count - 1].last_sequence;
    one.last_offset = producer.batches[producer.count - 1].last_offset;
  }
  return active;
}

std::string ProducerState::EncodeSnapshot() const {
  std::vector<ProducerId> ids;  // sorted, so that equal states have equal bytes
  for (const auto& [id, producer] : producers_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());

  std::vector<ProducerSnapshotEntry> entries;
  for (ProducerId id : ids) {
    const Producer& producer = producers_.find(id)->second;
    ProducerSnapshotEntry entry{.id = id, .epoch = producer.epoch, .timestamp = producer.newest};
    if (producer.count == 0) entries.push_back(entry);
    for (size_t i = 0; i < producer.count; ++i) {
      const Batch& batch = producer.batches[i];
      entry.timestamp = batch.timestamp;
      entry.batch = {.last_sequence = batch.last_sequence,
                     .offset_delta = static_cast<int32_t>(batch.last_offset - batch.base_offset),
                     .last_offset = batch.last_offset};
      entries.push_back(entry);
    }
  }
  return EncodeProducerSnapshot(entries);
}

absl::StatusOr<ProducerState> ProducerState::DecodeSnapshot(std::string_view bytes) {
  const auto entries = DecodeProducerSnapshot(bytes);
  if (!entries.ok()) return entries.status();
  ProducerState state;
  for (const ProducerSnapshotEntry& entry : *entries) {
    Producer& producer = state.Enter(entry.id, entry.epoch, entry.timestamp);
    if (!entry.batch.has_value()) continue;
    const ProducerSnapshotEntry::Batch& batch = *entry.batch;
    Remember(producer, {.first_sequence = AddToSequence(batch.last_sequence, -batch.offset_delta),
                        .last_sequence = batch.last_sequence,
                        .base_offset = batch.last_offset - batch.offset_delta,
                        .last_offset = batch.last_offset,
                        .timestamp = entry.timestamp});
  }
  return state;
}

}  // namespace millrace::storage
