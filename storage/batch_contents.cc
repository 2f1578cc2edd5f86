#include "storage/batch_contents.h"

#include <absl/status/status.h>
#include <fmt/format.h>

#include "proto/record/compression.h"
#include "proto/record/record_reader.h"
#include "proto/record/sound_walk.h"

namespace millrace::storage {
namespace {

using Bytes = std::span<const std::byte>;
using Fault = BatchContents::Fault;

// Version and type of a marker, int16 each.
constexpr size_t kControlKeyBytesMin = 4;

Fault Wrong(FindingKind kind, std::string what) {
  return {.severity = Severity::kError, .kind = kind, .what = std::move(what)};
}

std::optional<Fault> CheckProducer(const record::BatchView& batch) {
  const auto producer = batch.producer();
  if (!producer.has_value()) {
    if (!batch.is_transactional()) return std::nullopt;
    return Wrong(FindingKind::kHeader, "the batch is transactional, but names no producer");
  }
  if (producer->id.value() >= 0 && producer->epoch.value() >= 0 && producer->base_sequence >= -1) {
    return std::nullopt;
  }
  return Wrong(FindingKind::kHeader,
               fmt::format("producer id {}, epoch {} and sequence {} make no sense",
                           producer->id.value(), producer->epoch.value(), producer->base_sequence));
}

std::optional<Fault> CheckHeader(const record::BatchView& batch) {
  if (!batch.codec().has_value()) {
    return Wrong(FindingKind::kHeader,
                 fmt::format("attributes {:#06x} name a codec that nobody knows",
                             static_cast<uint16_t>(batch.attributes())));
  }
  if (batch.record_count() > int64_t{batch.last_offset_delta()} + 1) {
    return Wrong(FindingKind::kHeader,
                 fmt::format("the batch claims {} records at {} offsets", batch.record_count(),
                             int64_t{batch.last_offset_delta()} + 1));
  }
  return CheckProducer(batch);
}

}  // namespace

std::optional<Fault> BatchContents::Check(Bytes bytes) {
  const record::BatchView batch(bytes);
  if (auto fault = CheckHeader(batch)) return fault;
  // What compaction leaves of a batch whose records are all gone: nothing, in no codec.
  if (batch.record_count() == 0 && batch.records().empty()) return std::nullopt;
  if (*batch.codec() == record::CodecType::kNone) return CheckRecords(batch, batch.records());
  memory_.clear();
  const absl::Status opened =
      record::Decompress(*batch.codec(), batch.records(), max_bytes_, memory_);
  if (opened.ok()) return CheckRecords(batch, memory_);
  if (absl::IsResourceExhausted(opened)) {
    return Fault{
        .severity = Severity::kNotice,
        .kind = FindingKind::kTooLarge,
        .what = fmt::format("its records were not looked at: {}", std::string(opened.message()))};
  }
  return Wrong(FindingKind::kRecords,
               fmt::format("its records do not decompress: {}", std::string(opened.message())));
}

std::optional<Fault> BatchContents::CheckRecords(const record::BatchView& batch,
                                                 Bytes block) const {
  // The usual case first: offsets without gaps, no headers.
  if (!batch.is_control() && record::WalkSound(block, batch.record_count(), false).has_value()) {
    return std::nullopt;
  }
  record::RecordReader reader(batch, block);
  int32_t last_delta = -1;
  while (const auto record = reader.Next()) {
    const int32_t index = reader.records_read() - 1;
    if (reader.last_offset_delta() <= last_delta) {
      return Wrong(FindingKind::kRecords,
                   fmt::format("record {} has offset {}, which does not follow that before it",
                               index, record->offset.value()));
    }
    last_delta = reader.last_offset_delta();
    const bool marks = record->key.has_value() && record->key->size() >= kControlKeyBytesMin;
    if (batch.is_control() && !marks) {
      return Wrong(FindingKind::kRecords,
                   fmt::format("record {} of a control batch has no type", index));
    }
  }
  if (reader.fault() == record::RecordFault::kNone) return std::nullopt;
  return Wrong(FindingKind::kRecords, fmt::format("record {}: {}", reader.records_read(),
                                                  record::FaultText(reader.fault())));
}

}  // namespace millrace::storage
