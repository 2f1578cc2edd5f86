#include "proto/record/down_convert.h"

#include <algorithm>
#include <optional>

#include "proto/invariant.h"
#include "proto/record/batch_layout.h"
#include "proto/record/compression.h"
#include "proto/record/message_set.h"
#include "proto/record/open_batch.h"

namespace millrace::record {
namespace {

using Bytes = std::span<const std::byte>;

constexpr int8_t kMessageAppendTimeBit = 0x08;

class DownConverter {
 public:
  explicit DownConverter(const DownConvertOptions& options)
      : options_(options), next_(options.from) {}

  // False: the set ends before this batch.
  bool Add(Bytes batch) {
    const BatchView view(batch);
    if (view.is_control()) return true;
    const std::optional<CodecType> codec = view.codec();
    if (!codec.has_value() || *codec == CodecType::kZstd) {
      return Stop(ErrorCode::kUnsupportedCompressionType);
    }
    return *codec == CodecType::kNone ? AddPlain(batch) : AddWrapper(batch, *codec);
  }

  DownConverted Take() && {
    return {
        .error = set_.empty() ? error_ : ErrorCode::kNone, .set = std::move(set_), .next = next_};
  }
  void Pass(Bytes batch) { next_ = BatchView(batch).next_offset(); }
  bool Stop(ErrorCode error) {
    error_ = error;
    return false;
  }

 private:
  MessageView MessageOf(BatchView batch, const RecordView& record) const {
    const bool marks_time = batch.has_log_append_time() && options_.magic == kMagicV1;
    return {.offset = record.offset,
            .magic = options_.magic,
            .attributes = marks_time ? kMessageAppendTimeBit : int8_t{0},
            .timestamp = record.timestamp,
            .key = record.key,
            .value = record.value};
  }

  bool HasRoom(size_t bytes) const {
    return set_.empty() || bytes <= options_.max_bytes - std::min(set_.size(), options_.max_bytes);
  }

  bool AddPlain(Bytes batch) {
    bool is_full = false;
    const absl::Status walked =
        ForEachRecord(batch, options_.max_decompressed_bytes, [&](const RecordView& record) {
          if (record.offset < options_.from) return Walk::kGoOn;
          const MessageView message = MessageOf(BatchView(batch), record);
          is_full = !HasRoom(MessageSize(message));
          if (is_full) return Walk::kStop;
          AppendMessage(message, set_);
          return Walk::kGoOn;
        });
    return walked.ok() ? !is_full : Stop(ErrorOf(walked));
  }

  // One message whose value is the compressed set of the batch's records; its offset is the last of
  // them, and inner offsets of magic 1 count from the first.
  bool AddWrapper(Bytes batch, CodecType codec) {
    const BatchView view(batch);
    inner_.clear();
    std::optional<Offset> first;
    Offset last;
    TimestampMs max_timestamp(kAbsent);
    const absl::Status walked =
        ForEachRecord(batch, options_.max_decompressed_bytes, [&](const RecordView& record) {
          if (!first.has_value()) first = record.offset;
          last = record.offset;
          max_timestamp = std::max(max_timestamp, record.timestamp);
          MessageView message = MessageOf(view, record);
          if (options_.magic == kMagicV1) message.offset = Offset(record.offset - *first);
          AppendMessage(message, inner_);
          // Messages are longer than records, so that what was read says too little.
          return inner_.size() > options_.max_decompressed_bytes ? Walk::kStop : Walk::kGoOn;
        });
    if (!walked.ok()) return Stop(ErrorOf(walked));
    if (inner_.size() > options_.max_decompressed_bytes) return Stop(ErrorCode::kMessageTooLarge);
    if (!first.has_value()) return true;  // compaction has left none
    packed_.clear();
    const absl::Status packed = options_.magic == kMagicV0
                                    ? CompressForMagic0({.codec = codec}, inner_, packed_)
                                    : Compress({.codec = codec}, inner_, packed_);
    if (!packed.ok()) return Stop(ErrorCode::kUnknownServerError);
    MessageView wrapper = MessageOf(view, {.offset = last,
                                           .timestamp = max_timestamp,
                                           .key = std::nullopt,
                                           .value = Bytes(packed_),
                                           .header_count = 0,
                                           .headers = {}});
    wrapper.attributes = static_cast<int8_t>(wrapper.attributes | static_cast<int8_t>(codec));
    if (!HasRoom(MessageSize(wrapper))) return false;
    AppendMessage(wrapper, set_);
    return true;
  }

  static ErrorCode ErrorOf(const absl::Status& status) {
    return absl::IsResourceExhausted(status) ? ErrorCode::kMessageTooLarge
                                             : ErrorCode::kCorruptMessage;
  }

  const DownConvertOptions options_;
  std::vector<std::byte> set_;
  Offset next_;
  std::vector<std::byte> inner_;
  std::vector<std::byte> packed_;
  ErrorCode error_ = ErrorCode::kNone;
};

}  // namespace

DownConverted DownConvert(Bytes batches, const DownConvertOptions& options) {
  INVARIANT(options.magic == kMagicV0 || options.magic == kMagicV1);
  DownConverter converter(options);
  while (batches.size() >= kBatchHeaderBytes) {
    const int64_t size = BatchView(batches).size_bytes();
    if (size > static_cast<int64_t>(batches.size())) break;
    const Bytes batch =
        batches.first(static_cast<size_t>(std::max<int64_t>(size, kBatchHeaderBytes)));
    batches = batches.subspan(batch.size());
    // Damage must not get a checksum that is right.
    if (!IsIntact(batch)) {
      converter.Stop(ErrorCode::kCorruptMessage);
      break;
    }
    // What lies below `from` as a whole would only be unpacked in vain.
    if (BatchView(batch).last_offset() < options.from) continue;
    if (!converter.Add(batch)) break;
    converter.Pass(batch);
  }
  return std::move(converter).Take();
}

}  // namespace millrace::record
