// Legacy message sets (magic 0 and 1): what Produce 0 to 2 carry and Fetch 0 to 3 answer with.
//
//   MessageReader reader(set);
//   while (auto message = reader.Next()) Use(*message);    // compressed wrappers as they stand
//   if (reader.fault() != MessageFault::kNone) ...          // what came before is still right
//
//   auto fault = ForEachMessage(set, max_bytes, [](const MessageView& message) { ... });
//
// Pure; any thread. A view must not outlive its bytes. Format: docs/formats/message-set.md.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "proto/record/batch.h"
#include "proto/record/codec_type.h"
#include "proto/types.h"

namespace millrace::record {

inline constexpr int8_t kMagicV0 = 0;
inline constexpr int8_t kMagicV1 = 1;
// What a message has at least, with its offset and size: no timestamp, no key, no value.
inline constexpr size_t kMessageBytesMin = 26;

struct MessageView {
  // As it stands: of a message inside a wrapper of magic 1 counted from the wrapper's first.
  Offset offset;
  int8_t magic;
  int8_t attributes;
  TimestampMs timestamp;  // -1 where there is none, which is always so with magic 0
  std::optional<std::span<const std::byte>> key;
  std::optional<std::span<const std::byte>> value;

  // Not kNone: the value holds a message set, compressed. None: bits that no codec has.
  std::optional<CodecType> codec() const;
  bool has_log_append_time() const;
};

enum class MessageFault : uint8_t {
  kNone,
  kSize,    // the message's size is less than its fields need, or more than the bytes that follow
  kMagic,   // neither 0 nor 1
  kCrc,     // its bytes have another checksum
  kFields,  // its key and value do not fill its size
};

// A phrase for messages.
std::string_view FaultText(MessageFault fault);

// Walks the messages of one set, without opening wrappers. Each message's checksum is verified.
class MessageReader {
 public:
  explicit MessageReader(std::span<const std::byte> set) : rest_(set) {}

  // None at the end and at the first fault.
  std::optional<MessageView> Next();

  MessageFault fault() const { return fault_; }
  // How many messages Next() has returned: at a fault the index of the message that is wrong.
  int32_t messages_read() const { return read_; }

 private:
  MessageFault Read(MessageView& message);

  std::span<const std::byte> rest_;
  int32_t read_ = 0;
  MessageFault fault_ = MessageFault::kNone;
};

// How many bytes the message at the front claims to have in all; none when it cannot be one.
// Precondition: head.size() >= kMessageBytesMin.
std::optional<int64_t> ClaimedMessageSize(std::span<const std::byte> head);

// The magic of the set's first message, or of the batch that stands there instead.
std::optional<int8_t> MagicOf(std::span<const std::byte> set);

// Every message with a payload of its own, in order: wrappers are opened, and what lies in them has
// its absolute offset, the wrapper's time where that is LogAppendTime, and codec() kNone. All
// wrappers together may hold `max_bytes` decompressed. What is visited before a fault is right.
std::optional<BatchFault> ForEachMessage(std::span<const std::byte> set, size_t max_bytes,
                                         absl::FunctionRef<void(const MessageView&)> visit);

// Appends one message with its offset, size and checksum. Precondition: key and value are shorter
// than 2^31 bytes.
void AppendMessage(const MessageView& message, std::vector<std::byte>& out);
// By how much AppendMessage() makes `out` grow.
size_t MessageSize(const MessageView& message);

}  // namespace millrace::record
