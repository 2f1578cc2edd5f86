#include "storage/producer_state.h"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstring>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "proto/invariant.h"
#include "proto/record/crc32c.h"

namespace millrace::storage {
namespace {

constexpr int32_t kSequenceMax = std::numeric_limits<int32_t>::max();

int32_t NextSequence(int32_t sequence) { return sequence == kSequenceMax ? 0 : sequence + 1; }

// Sequences count modulo 2^31.
int32_t AddToSequence(int32_t sequence, int32_t delta) {
  return static_cast<int32_t>((int64_t{sequence} + delta) & kSequenceMax);
}

// docs/formats/producer-snapshot.md
constexpr int16_t kVersion = 1;
constexpr size_t kCrcAt = 2;
constexpr size_t kCountAt = 6;
constexpr size_t kHeaderBytes = 10;
constexpr size_t kEntryBytes = 46;
constexpr int32_t kNoSequence = -1;
constexpr int64_t kNoOffset = -1;
constexpr int32_t kNoCoordinatorEpoch = -1;

struct SnapshotEntry {
  int64_t producer_id;
  int16_t producer_epoch;
  int32_t last_sequence;
  int64_t last_offset;
  int32_t offset_delta;
  int64_t timestamp;
};

template <std::integral T>
void Append(std::string& out, T value) {
  const auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (size_t shift = sizeof(T) * 8; shift > 0; shift -= 8) {
    out.push_back(static_cast<char>(bits >> (shift - 8)));
  }
}

// Precondition: sizeof(T) bytes at `at`. Moves `at` behind them.
template <std::integral T>
T Take(std::string_view bytes, size_t& at) {
  INVARIANT(at + sizeof(T) <= bytes.size());
  uint64_t bits = 0;
  for (size_t i = 0; i < sizeof(T); ++i) bits = bits << 8 | static_cast<uint8_t>(bytes[at++]);
  return static_cast<T>(bits);
}

void AppendEntry(std::string& out, const SnapshotEntry& entry) {
  [[maybe_unused]] const size_t before = out.size();
  Append(out, entry.producer_id);
  Append(out, entry.producer_epoch);
  Append(out, entry.last_sequence);
  Append(out, entry.last_offset);
  Append(out, entry.offset_delta);
  Append(out, entry.timestamp);
  Append(out, kNoCoordinatorEpoch);
  Append(out, kNoOffset);  // no transaction is open
  INVARIANT(out.size() == before + kEntryBytes);
}

SnapshotEntry ReadEntry(std::string_view bytes, size_t at) {
  SnapshotEntry entry{};
  entry.producer_id = Take<int64_t>(bytes, at);
  entry.producer_epoch = Take<int16_t>(bytes, at);
  entry.last_sequence = Take<int32_t>(bytes, at);
  entry.last_offset = Take<int64_t>(bytes, at);
  entry.offset_delta = Take<int32_t>(bytes, at);
  entry.timestamp = Take<int64_t>(bytes, at);
  return entry;  // coordinator epoch and open transaction follow; neither is used yet
}

// An entry without a batch is what Kafka writes for a producer that only ended a transaction.
bool HasBatch(const SnapshotEntry& entry) { return entry.last_offset != kNoOffset; }

bool MakesSense(const SnapshotEntry& entry) {
  if (entry.producer_id < 0 || entry.producer_epoch < 0) return false;
  if (!HasBatch(entry)) return true;
  return entry.last_sequence >= 0 && entry.last_offset >= 0 && entry.offset_delta >= 0 &&
         entry.offset_delta <= entry.last_offset;
}

uint32_t SnapshotCrc(std::string_view bytes) {
  return record::Crc32c(std::as_bytes(std::span(bytes.substr(kCountAt))));
}

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(fmt::format("producer snapshot: {}", what));
}

// The number of entries, once everything around them is right.
absl::StatusOr<size_t> CheckEnvelope(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) {
    return Damaged(fmt::format("{} bytes, shorter than its header", bytes.size()));
  }
  size_t at = 0;
  const auto version = Take<int16_t>(bytes, at);
  if (version != kVersion) return Damaged(fmt::format("version {}, not {}", version, kVersion));
  const auto crc = Take<uint32_t>(bytes, at);
  const uint32_t computed = SnapshotCrc(bytes);
  if (crc != computed) {
    return Damaged(fmt::format("checksum {:08x}, but the bytes have {:08x}", crc, computed));
  }
  const auto count = Take<int32_t>(bytes, at);
  const size_t entry_bytes = bytes.size() - kHeaderBytes;
  if (count < 0 || entry_bytes % kEntryBytes != 0 ||
      entry_bytes / kEntryBytes != static_cast<size_t>(count)) {
    return Damaged(fmt::format("{} entries announced in {} bytes", count, entry_bytes));
  }
  return static_cast<size_t>(count);
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
  size_t entries = 0;
  for (const auto& [id, producer] : producers_) {
    ids.push_back(id);
    entries += std::max<size_t>(producer.count, 1);
  }
  std::sort(ids.begin(), ids.end());

  std::string body;
  body.reserve(entries * kEntryBytes);
  for (ProducerId id : ids) {
    const Producer& producer = producers_.find(id)->second;
    if (producer.count == 0) {
      AppendEntry(body, {id.value(), producer.epoch.value(), kNoSequence, kNoOffset, 0,
                         producer.newest.value()});
    }
    for (size_t i = 0; i < producer.count; ++i) {
      const Batch& batch = producer.batches[i];
      AppendEntry(
          body,
          {id.value(), producer.epoch.value(), batch.last_sequence, batch.last_offset.value(),
           static_cast<int32_t>(batch.last_offset - batch.base_offset), batch.timestamp.value()});
    }
  }
  INVARIANT(body.size() == entries * kEntryBytes);

  std::string counted;
  Append(counted, static_cast<int32_t>(entries));
  counted += body;
  std::string out;
  Append(out, kVersion);
  Append(out, record::Crc32c(std::as_bytes(std::span(counted))));
  INVARIANT(out.size() == kCountAt && kCrcAt == sizeof(kVersion));
  return out + counted;
}

absl::StatusOr<ProducerState> ProducerState::DecodeSnapshot(std::string_view bytes) {
  const absl::StatusOr<size_t> count = CheckEnvelope(bytes);
  if (!count.ok()) return count.status();
  ProducerState state;
  for (size_t i = 0; i < *count; ++i) {
    const SnapshotEntry entry = ReadEntry(bytes, kHeaderBytes + i * kEntryBytes);
    if (!MakesSense(entry)) {
      return Damaged(
          fmt::format("entry {} (producer {}) has impossible values", i, entry.producer_id));
    }
    Producer& producer =
        state.Enter(ProducerId(entry.producer_id), ProducerEpoch(entry.producer_epoch),
                    TimestampMs(entry.timestamp));
    if (!HasBatch(entry)) continue;
    Remember(producer, {.first_sequence = AddToSequence(entry.last_sequence, -entry.offset_delta),
                        .last_sequence = entry.last_sequence,
                        .base_offset = Offset(entry.last_offset - entry.offset_delta),
                        .last_offset = Offset(entry.last_offset),
                        .timestamp = TimestampMs(entry.timestamp)});
  }
  return state;
}

}  // namespace millrace::storage
