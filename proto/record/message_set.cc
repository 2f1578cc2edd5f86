#include "proto/record/message_set.h"

#include <algorithm>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "proto/invariant.h"
#include "proto/record/batch_layout.h"
#include "proto/record/compression.h"
#include "proto/record/crc32.h"

namespace millrace::record {
namespace {

using Bytes = std::span<const std::byte>;
using Fault = std::optional<BatchFault>;

// Positions after the offset and the size, which the size does not count.
constexpr size_t kPrefixBytes = 12;
constexpr size_t kChecksumAt = 0;
constexpr size_t kMessageMagicAt = 4;  // the checksum covers everything from here on
constexpr size_t kMessageAttributesAt = 5;
constexpr size_t kFieldsAt = 6;  // after it a timestamp (magic 1), then key and value
constexpr size_t kBodyBytesMin = kFieldsAt + 2 * sizeof(int32_t);
static_assert(kPrefixBytes + kBodyBytesMin == kMessageBytesMin);

constexpr int8_t kMessageCodecMask = 0x07;
constexpr int8_t kMessageAppendTimeBit = 0x08;

Fault Refuse(ErrorCode error, int32_t index, std::string message) {
  return BatchFault{.error = error, .message = std::move(message), .record_index = index};
}

bool TakeField(Bytes& rest, std::optional<Bytes>& field) {
  if (rest.size() < sizeof(int32_t)) return false;
  const auto length = LoadBigEndian<int32_t>(rest.data());
  rest = rest.subspan(sizeof(int32_t));
  if (length == -1) {
    field.reset();
    return true;
  }
  if (length < 0 || static_cast<size_t>(length) > rest.size()) return false;
  field = rest.first(static_cast<size_t>(length));
  rest = rest.subspan(static_cast<size_t>(length));
  return true;
}

ErrorCode ErrorOf(MessageFault fault) {
  switch (fault) {
    case MessageFault::kNone:
      return ErrorCode::kNone;
    case MessageFault::kSize:
    case MessageFault::kCrc:
      return ErrorCode::kCorruptMessage;
    case MessageFault::kMagic:
    case MessageFault::kFields:
      return ErrorCode::kInvalidRecord;
  }
  return ErrorCode::kUnknownServerError;
}

Fault FaultOf(const MessageReader& reader, std::string_view where) {
  if (reader.fault() == MessageFault::kNone) return std::nullopt;
  return Refuse(
      ErrorOf(reader.fault()), reader.messages_read(),
      fmt::format("message {}{}: {}", reader.messages_read(), where, FaultText(reader.fault())));
}

// Opens wrappers one after the other and visits what lies in them.
class WrapperOpener {
 public:
  WrapperOpener(size_t max_bytes, absl::FunctionRef<void(const MessageView&)> visit)
      : bytes_left_(max_bytes), visit_(visit) {}

  Fault Open(const MessageView& wrapper, CodecType codec, int32_t index) {
    if (!wrapper.value.has_value()) {
      return Refuse(ErrorCode::kInvalidRecord, index,
                    fmt::format("message {} is compressed and has no value", index));
    }
    memory_.clear();
    const absl::Status opened =
        wrapper.magic == kMagicV0 ? DecompressForMagic0(codec, *wrapper.value, bytes_left_, memory_)
                                  : Decompress(codec, *wrapper.value, bytes_left_, memory_);
    if (!opened.ok()) {
      const bool too_large = absl::IsResourceExhausted(opened);
      return Refuse(too_large ? ErrorCode::kMessageTooLarge : ErrorCode::kCorruptMessage, index,
                    std::string(opened.message()));
    }
    bytes_left_ -= memory_.size();
    std::optional<MessageView> last;
    if (Fault fault = CheckInner(wrapper.magic, last)) return fault;
    return VisitInner(wrapper, *last);
  }

 private:
  // Offsets of magic 1 hang on the last message, so that one has to be known first.
  Fault CheckInner(int8_t magic, std::optional<MessageView>& last) {
    MessageReader reader(memory_);
    while (const std::optional<MessageView> message = reader.Next()) {
      const int32_t index = reader.messages_read() - 1;
      if (message->codec() != CodecType::kNone) {
        return Refuse(ErrorCode::kInvalidRecord, index,
                      fmt::format("message {} of a wrapper is compressed itself", index));
      }
      if (message->magic != magic) {
        return Refuse(ErrorCode::kInvalidRecord, index,
                      fmt::format("message {} of a wrapper has magic {}, the wrapper has {}", index,
                                  message->magic, magic));
      }
      last = message;
    }
    if (Fault fault = FaultOf(reader, " of a wrapper")) return fault;
    if (last.has_value()) return std::nullopt;
    return BatchFault{.error = ErrorCode::kInvalidRecord,
                      .message = "a compressed message holds no messages",
                      .record_index = std::nullopt};
  }

  Fault VisitInner(const MessageView& wrapper, const MessageView& last) {
    int64_t base = 0;
    // Some producers leave the wrapper's offset at 0.
    if (wrapper.magic == kMagicV1 && wrapper.offset != Offset(0) &&
        __builtin_sub_overflow(wrapper.offset.value(), last.offset.value(), &base)) {
      return BadOffset(wrapper, last);
    }
    if (base < 0) return BadOffset(wrapper, last);
    MessageReader reader(memory_);
    while (std::optional<MessageView> message = reader.Next()) {
      int64_t offset = 0;
      if (__builtin_add_overflow(base, message->offset.value(), &offset)) {
        return BadOffset(wrapper, *message);
      }
      message->offset = Offset(offset);
      if (wrapper.has_log_append_time()) message->timestamp = wrapper.timestamp;
      visit_(*message);
    }
    INVARIANT(reader.fault() == MessageFault::kNone);
    return std::nullopt;
  }

  static Fault BadOffset(const MessageView& wrapper, const MessageView& inner) {
    return BatchFault{.error = ErrorCode::kInvalidRecord,
                      .message = fmt::format("a wrapper at offset {} holds a message at {}",
                                             wrapper.offset.value(), inner.offset.value()),
                      .record_index = std::nullopt};
  }

  size_t bytes_left_;
  absl::FunctionRef<void(const MessageView&)> visit_;
  std::vector<std::byte> memory_;
};

std::byte* StoreField(std::byte* at, const std::optional<Bytes>& field) {
  StoreBigEndian(at, field.has_value() ? static_cast<int32_t>(field->size()) : -1);
  at += sizeof(int32_t);
  return field.has_value() ? std::copy(field->begin(), field->end(), at) : at;
}

}  // namespace

std::optional<CodecType> MessageView::codec() const {
  // zstd came after these formats.
  const int bits = attributes & kMessageCodecMask;
  if (bits > static_cast<int>(CodecType::kLz4)) return std::nullopt;
  return static_cast<CodecType>(bits);
}

bool MessageView::has_log_append_time() const {
  return magic == kMagicV1 && (attributes & kMessageAppendTimeBit) != 0;
}

std::string_view FaultText(MessageFault fault) {
  switch (fault) {
    case MessageFault::kNone:
      return "it is sound";
    case MessageFault::kSize:
      return "its size is less than its fields need, or more than the bytes that follow";
    case MessageFault::kMagic:
      return "its magic is neither 0 nor 1";
    case MessageFault::kCrc:
      return "its checksum is not that of its bytes";
    case MessageFault::kFields:
      return "its key and value do not fill its size";
  }
  return "unknown fault";
}

std::optional<MessageView> MessageReader::Next() {
  std::optional<MessageView> message;
  if (rest_.empty() || fault_ != MessageFault::kNone) return message;
  fault_ = Read(message.emplace());
  if (fault_ == MessageFault::kNone) {
    ++read_;
  } else {
    message.reset();
  }
  return message;
}

MessageFault MessageReader::Read(MessageView& message) {
  if (rest_.size() < kMessageBytesMin) return MessageFault::kSize;
  message.offset = Offset(LoadBigEndian<int64_t>(rest_.data()));
  const auto size = LoadBigEndian<int32_t>(rest_.data() + sizeof(int64_t));
  const Bytes after = rest_.subspan(kPrefixBytes);
  message.magic = static_cast<int8_t>(after[kMessageMagicAt]);
  if (message.magic != kMagicV0 && message.magic != kMagicV1) return MessageFault::kMagic;
  const size_t timestamp_bytes = message.magic == kMagicV1 ? sizeof(int64_t) : 0;
  if (size < static_cast<int32_t>(kBodyBytesMin + timestamp_bytes) ||
      static_cast<size_t>(size) > after.size()) {
    return MessageFault::kSize;
  }
  const Bytes body = after.first(static_cast<size_t>(size));
  const auto crc = static_cast<uint32_t>(LoadBigEndian<int32_t>(body.data() + kChecksumAt));
  if (crc != Crc32(body.subspan(kMessageMagicAt))) return MessageFault::kCrc;

  message.attributes = static_cast<int8_t>(body[kMessageAttributesAt]);
  message.timestamp = TimestampMs(kAbsent);
  Bytes fields = body.subspan(kFieldsAt);
  if (message.magic == kMagicV1) {
    message.timestamp = TimestampMs(LoadBigEndian<int64_t>(fields.data()));
    fields = fields.subspan(sizeof(int64_t));
  }
  const bool is_whole = TakeField(fields, message.key) && TakeField(fields, message.value);
  if (!is_whole || !fields.empty()) return MessageFault::kFields;
  rest_ = after.subspan(body.size());
  return MessageFault::kNone;
}

std::optional<int64_t> ClaimedMessageSize(Bytes head) {
  INVARIANT(head.size() >= kMessageBytesMin);
  const auto magic = static_cast<int8_t>(head[kPrefixBytes + kMessageMagicAt]);
  const auto size = int64_t{LoadBigEndian<int32_t>(head.data() + sizeof(int64_t))};
  if ((magic != kMagicV0 && magic != kMagicV1) || size < int64_t{kBodyBytesMin})
    return std::nullopt;
  return int64_t{kPrefixBytes} + size;
}

std::optional<int8_t> MagicOf(Bytes set) {
  if (set.size() <= kMagicAt) return std::nullopt;
  return static_cast<int8_t>(set[kMagicAt]);
}

Fault ForEachMessage(Bytes set, size_t max_bytes,
                     absl::FunctionRef<void(const MessageView&)> visit) {
  WrapperOpener opener(max_bytes, visit);
  MessageReader reader(set);
  while (const std::optional<MessageView> message = reader.Next()) {
    const std::optional<CodecType> codec = message->codec();
    const int32_t index = reader.messages_read() - 1;
    if (!codec.has_value()) {
      return Refuse(ErrorCode::kUnsupportedCompressionType, index,
                    fmt::format("message {} has codec {}; 0 to 3 are known before magic 2", index,
                                message->attributes & kMessageCodecMask));
    }
    if (*codec == CodecType::kNone) {
      visit(*message);
    } else if (Fault fault = opener.Open(*message, *codec, index)) {
      return fault;
    }
  }
  return FaultOf(reader, "");
}

size_t MessageSize(const MessageView& message) {
  size_t size = kMessageBytesMin + (message.magic == kMagicV1 ? sizeof(int64_t) : 0);
  if (message.key.has_value()) size += message.key->size();
  if (message.value.has_value()) size += message.value->size();
  return size;
}

void AppendMessage(const MessageView& message, std::vector<std::byte>& out) {
  INVARIANT(message.magic == kMagicV0 || message.magic == kMagicV1);
  const size_t size = MessageSize(message);
  const size_t start = out.size();
  out.resize(start + size);
  std::byte* const at = out.data() + start;
  StoreBigEndian(at, message.offset.value());
  StoreBigEndian(at + sizeof(int64_t), static_cast<int32_t>(size - kPrefixBytes));
  std::byte* const body = at + kPrefixBytes;
  StoreBigEndian(body + kMessageMagicAt, message.magic);
  StoreBigEndian(body + kMessageAttributesAt, message.attributes);
  std::byte* field = body + kFieldsAt;
  if (message.magic == kMagicV1) {
    StoreBigEndian(field, message.timestamp.value());
    field += sizeof(int64_t);
  }
  field = StoreField(StoreField(field, message.key), message.value);
  INVARIANT(field == at + size);
  const Bytes covered = Bytes(out).subspan(start + kPrefixBytes + kMessageMagicAt);
  StoreBigEndian(body + kChecksumAt, static_cast<int32_t>(Crc32(covered)));
}

}  // namespace millrace::record
