#include "proto/record/open_batch.h"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "proto/record/compression.h"
#include "proto/record/record_check.h"

namespace millrace::record {
namespace {

using Bytes = std::span<const std::byte>;

// The records of the batch, uncompressed: a view into the batch, or into `memory`.
absl::StatusOr<Bytes> OpenRecords(BatchView batch, size_t max_bytes,
                                  std::vector<std::byte>& memory) {
  const std::optional<CodecType> codec = batch.codec();
  if (!codec.has_value()) return absl::InvalidArgumentError("the batch has an unknown codec");
  if (*codec == CodecType::kNone && batch.records().size() <= max_bytes) return batch.records();
  absl::Status status = Decompress(*codec, batch.records(), max_bytes, memory);
  if (!status.ok()) return status;
  return Bytes(memory);
}

}  // namespace

absl::Status ForEachRecord(Bytes batch, size_t max_bytes,
                           absl::FunctionRef<Walk(const RecordView&)> visit) {
  const BatchView view(batch);
  std::vector<std::byte> memory;
  const absl::StatusOr<Bytes> block = OpenRecords(view, max_bytes, memory);
  if (!block.ok()) return block.status();
  RecordReader reader(view, *block);
  while (const std::optional<RecordView> record = reader.Next()) {
    if (visit(*record) == Walk::kStop) return absl::OkStatus();
  }
  if (reader.fault() == RecordFault::kNone) return absl::OkStatus();
  return absl::InvalidArgumentError(fmt::format("record {} of the batch at offset {}: {}",
                                                reader.records_read(), view.base_offset().value(),
                                                FaultText(reader.fault())));
}

absl::StatusOr<std::optional<TimestampedOffset>> FindByTimestamp(Bytes batch, TimestampMs target,
                                                                 Offset start, size_t max_bytes) {
  std::optional<TimestampedOffset> found;
  const absl::Status status = ForEachRecord(batch, max_bytes, [&](const RecordView& record) {
    if (record.offset < start || record.timestamp < target) return Walk::kGoOn;
    found = TimestampedOffset{.offset = record.offset, .timestamp = record.timestamp};
    return Walk::kStop;
  });
  if (!status.ok()) return status;
  return found;
}

absl::StatusOr<std::optional<TimestampedOffset>> FindMaxTimestamp(Bytes batch, size_t max_bytes) {
  std::optional<TimestampedOffset> found;
  const absl::Status status = ForEachRecord(batch, max_bytes, [&](const RecordView& record) {
    if (!found.has_value() || record.timestamp > found->timestamp) {
      found = TimestampedOffset{.offset = record.offset, .timestamp = record.timestamp};
    }
    return Walk::kGoOn;
  });
  if (!status.ok()) return status;
  return found;
}

std::optional<BatchFault> CheckCompressedRecords(Bytes batch, const CheckOptions& options,
                                                 size_t max_bytes) {
  const BatchView view(batch);
  std::vector<std::byte> memory;
  const absl::StatusOr<Bytes> block = OpenRecords(view, max_bytes, memory);
  if (!block.ok()) {
    const bool too_large = absl::IsResourceExhausted(block.status());
    return BatchFault{.error = too_large ? ErrorCode::kMessageTooLarge : ErrorCode::kCorruptMessage,
                      .message = std::string(block.status().message()),
                      .record_index = std::nullopt};
  }
  return CheckRecords(view, *block, options).fault;
}

}  // namespace millrace::record
