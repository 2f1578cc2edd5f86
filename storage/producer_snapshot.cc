#include "storage/producer_snapshot.h"

#include <concepts>
#include <cstddef>
#include <span>
#include <type_traits>

#include <absl/status/status.h>
#include <fmt/format.h>

#include "proto/invariant.h"
#include "proto/record/crc32c.h"

namespace millrace::storage {
namespace {

constexpr int16_t kVersion = 1;
constexpr size_t kCountAt = 6;
constexpr size_t kHeaderBytes = 10;
constexpr size_t kEntryBytes = 46;
constexpr int32_t kNoSequence = -1;
constexpr int64_t kNoOffset = -1;
constexpr int32_t kNoCoordinatorEpoch = -1;

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

void AppendEntry(std::string& out, const ProducerSnapshotEntry& entry) {
  const size_t before = out.size();
  const bool has_batch = entry.batch.has_value();
  Append(out, entry.id.value());
  Append(out, entry.epoch.value());
  Append(out, has_batch ? entry.batch->last_sequence : kNoSequence);
  Append(out, has_batch ? entry.batch->last_offset.value() : kNoOffset);
  Append(out, has_batch ? entry.batch->offset_delta : 0);
  Append(out, entry.timestamp.value());
  Append(out, entry.coordinator_epoch.value_or(kNoCoordinatorEpoch));
  Append(out, entry.transaction_start.value_or(Offset(kNoOffset)).value());
  INVARIANT(out.size() == before + kEntryBytes);
}

ProducerSnapshotEntry ReadEntry(std::string_view bytes, size_t at) {
  ProducerSnapshotEntry entry;
  entry.id = ProducerId(Take<int64_t>(bytes, at));
  entry.epoch = ProducerEpoch(Take<int16_t>(bytes, at));
  const auto last_sequence = Take<int32_t>(bytes, at);
  const auto last_offset = Take<int64_t>(bytes, at);
  const auto offset_delta = Take<int32_t>(bytes, at);
  entry.timestamp = TimestampMs(Take<int64_t>(bytes, at));
  const auto coordinator_epoch = Take<int32_t>(bytes, at);
  const auto transaction_start = Take<int64_t>(bytes, at);
  // An entry without a batch is what Kafka writes for a producer that only ended a transaction.
  if (last_offset != kNoOffset) {
    entry.batch = {.last_sequence = last_sequence,
                   .offset_delta = offset_delta,
                   .last_offset = Offset(last_offset)};
  }
  if (coordinator_epoch != kNoCoordinatorEpoch) entry.coordinator_epoch = coordinator_epoch;
  if (transaction_start != kNoOffset) entry.transaction_start = Offset(transaction_start);
  return entry;
}

bool MakesSense(const ProducerSnapshotEntry& entry) {
  if (entry.id.value() < 0 || entry.epoch.value() < 0) return false;
  if (!entry.batch.has_value()) return true;
  const ProducerSnapshotEntry::Batch& batch = *entry.batch;
  return batch.last_sequence >= 0 && batch.last_offset.value() >= 0 && batch.offset_delta >= 0 &&
         batch.offset_delta <= batch.last_offset.value();
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

}  // namespace

std::string EncodeProducerSnapshot(const std::vector<ProducerSnapshotEntry>& entries) {
  std::string counted;
  counted.reserve(sizeof(int32_t) + entries.size() * kEntryBytes);
  Append(counted, static_cast<int32_t>(entries.size()));
  for (const ProducerSnapshotEntry& entry : entries) AppendEntry(counted, entry);
  std::string out;
  Append(out, kVersion);
  Append(out, record::Crc32c(std::as_bytes(std::span(counted))));
  INVARIANT(out.size() == kCountAt);
  return out + counted;
}

absl::StatusOr<std::vector<ProducerSnapshotEntry>> DecodeProducerSnapshot(std::string_view bytes) {
  const absl::StatusOr<size_t> count = CheckEnvelope(bytes);
  if (!count.ok()) return count.status();
  std::vector<ProducerSnapshotEntry> entries;
  entries.reserve(*count);
  for (size_t i = 0; i < *count; ++i) {
    entries.push_back(ReadEntry(bytes, kHeaderBytes + i * kEntryBytes));
    if (MakesSense(entries.back())) continue;
    return Damaged(
        fmt::format("entry {} (producer {}) has impossible values", i, entries.back().id.value()));
  }
  return entries;
}

}  // namespace millrace::storage
