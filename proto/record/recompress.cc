#include "proto/record/recompress.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "proto/invariant.h"
#include "proto/record/batch_layout.h"
#include "proto/record/record_check.h"

namespace millrace::record {
namespace {

using Bytes = std::span<const std::byte>;

BatchFault Refuse(ErrorCode error, std::string message) {
  return {.error = error, .message = std::move(message), .record_index = std::nullopt};
}

// The records of the batch, decompressed into `memory` where they are compressed, and checked.
std::optional<BatchFault> OpenAndCheck(std::span<std::byte> batch, const RecompressOptions& options,
                                       std::vector<std::byte>& memory, bool& needs_more_bytes) {
  // Uncompressed records are checked here.
  if (auto fault = AdmitBatch(batch, options.check)) return fault;
  const BatchView view(batch);
  const CodecType codec = view.codec().value_or(CodecType::kNone);
  if (codec == CodecType::kNone) return std::nullopt;
  const absl::Status opened = Decompress(codec, view.records(), options.max_bytes, memory);
  if (!opened.ok()) {
    needs_more_bytes = absl::IsResourceExhausted(opened);
    return Refuse(needs_more_bytes ? ErrorCode::kMessageTooLarge : ErrorCode::kCorruptMessage,
                  std::string(opened.message()));
  }
  RecordsCheck check = CheckRecords(view, memory, options.check);
  if (check.fault.has_value()) return std::move(check.fault);
  if (check.max_timestamp != view.max_timestamp()) StampMaxTimestamp(batch, check.max_timestamp);
  return std::nullopt;
}

absl::Status Rebuild(Bytes batch, Bytes block, Compression wanted, std::vector<std::byte>& out) {
  out.assign(batch.begin(), batch.begin() + kBatchHeaderBytes);
  absl::Status packed = Compress(wanted, block, out);
  if (!packed.ok()) return packed;
  if (out.size() > std::numeric_limits<int32_t>::max()) {
    return absl::ResourceExhaustedError("the batch is longer than 2^31 - 1 bytes");
  }
  // A codec takes room for the worst case first.
  out.shrink_to_fit();
  const int attributes =
      (BatchView(batch).attributes() & ~kCodecMask) | static_cast<int>(wanted.codec);
  StoreBigEndian(out.data() + kAttributesAt, static_cast<int16_t>(attributes));
  StoreBigEndian(out.data() + kBatchLengthAt, static_cast<int32_t>(out.size() - kBatchPrefixBytes));
  StoreBigEndian(out.data() + kCrcAt, static_cast<int32_t>(ComputeBatchCrc(out)));
  return absl::OkStatus();
}

}  // namespace

Recompressed Recompress(std::span<std::byte> batch, const RecompressOptions& options) {
  Recompressed result;
  std::vector<std::byte> memory;
  result.fault = OpenAndCheck(batch, options, memory, result.needs_more_bytes);
  if (result.fault.has_value()) return result;
  const BatchView view(batch);
  const CodecType own = view.codec().value_or(CodecType::kNone);
  if (!options.wanted.has_value() || options.wanted->codec == own) return result;

  const Bytes block = own == CodecType::kNone ? view.records() : Bytes(memory);
  const absl::Status rebuilt = Rebuild(batch, block, *options.wanted, result.batch);
  if (!rebuilt.ok()) {
    result.fault = Refuse(ErrorCode::kUnknownServerError, std::string(rebuilt.message()));
  } else if (static_cast<int64_t>(result.batch.size()) > options.check.max_batch_bytes) {
    result.fault =
        Refuse(ErrorCode::kMessageTooLarge,
               fmt::format("with {} the batch is {} bytes; the limit is {} (max.message.bytes)",
                           CodecName(options.wanted->codec), result.batch.size(),
                           options.check.max_batch_bytes));
  }
  if (result.fault.has_value()) {
    result.batch.clear();
  } else {
    INVARIANT(BatchView(result.batch).codec() == options.wanted->codec);
  }
  return result;
}

}  // namespace millrace::record
