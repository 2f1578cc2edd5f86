#include "proto/record/message_set.h"

#include <catch2/catch.hpp>

#include "proto/record/batch_layout.h"
#include "proto/record/compression.h"
#include "proto/record/crc32.h"
#include "tests/proto/record/support.h"

namespace millrace::record {
namespace {

constexpr size_t kSizeAt = 8;
constexpr size_t kMessageCrcAt = 12;
constexpr size_t kMessageMagicAt = 16;

MessageView Message(int8_t magic, int64_t offset, std::string_view value, int8_t attributes = 0) {
  return {.offset = Offset(offset),
          .magic = magic,
          .attributes = attributes,
          .timestamp = TimestampMs(magic == kMagicV0 ? -1 : 1000 + offset % 1000),
          .key = AsBytes("key"),
          .value = AsBytes(value)};
}

Buffer SetOf(const std::vector<MessageView>& messages) {
  Buffer set;
  for (const MessageView& message : messages) AppendMessage(message, set);
  return set;
}

Buffer Wrapped(int8_t magic, CodecType codec, int64_t offset, const Buffer& inner) {
  Buffer packed;
  const Compression how{.codec = codec};
  REQUIRE((magic == kMagicV0 ? CompressForMagic0(how, inner, packed) : Compress(how, inner, packed))
              .ok());
  MessageView wrapper = Message(magic, offset, "", static_cast<int8_t>(codec));
  wrapper.key.reset();
  wrapper.value = packed;
  return SetOf({wrapper});
}

// Changes bytes of the set's first message and corrects its checksum.
void TamperMessage(Buffer& set, size_t position, int8_t value) {
  set[position] = static_cast<std::byte>(value);
  const auto size = static_cast<size_t>(LoadBigEndian<int32_t>(set.data() + kSizeAt));
  const Bytes covered = Bytes(set).subspan(kMessageMagicAt, size - 4);
  StoreBigEndian(set.data() + kMessageCrcAt, static_cast<int32_t>(Crc32(covered)));
}

MessageFault FaultOf(Bytes set) {
  MessageReader reader(set);
  while (reader.Next().has_value()) {
  }
  return reader.fault();
}

std::optional<BatchFault> Visit(Bytes set, std::vector<std::pair<int64_t, std::string>>& seen,
                                size_t max_bytes = kPlenty) {
  return ForEachMessage(set, max_bytes, [&](const MessageView& message) {
    seen.emplace_back(message.offset.value(), AsText(message.value.value_or(Bytes())));
  });
}

std::optional<BatchFault> Visit(Bytes set, size_t max_bytes = kPlenty) {
  std::vector<std::pair<int64_t, std::string>> seen;
  return Visit(set, seen, max_bytes);
}

}  // namespace

TEST_CASE("message set: a set that is cut at any byte is refused, what came before is read") {
  for (const int8_t magic : {kMagicV0, kMagicV1}) {
    const Buffer first = SetOf({Message(magic, 0, "first")});
    const Buffer set = SetOf({Message(magic, 0, "first"), Message(magic, 1, "second")});
    for (size_t size = 1; size < set.size(); ++size) {
      if (size == first.size()) continue;
      const Buffer cut = Copy(Bytes(set).first(size));
      MessageReader reader(cut);
      while (reader.Next().has_value()) {
      }
      REQUIRE(reader.fault() == MessageFault::kSize);
      REQUIRE(reader.messages_read() == (size < first.size() ? 0 : 1));
      REQUIRE(Visit(cut)->error == ErrorCode::kCorruptMessage);
    }
  }
}

TEST_CASE("message set: a size, magic, checksum or field that lies is refused") {
  for (const int8_t magic : {kMagicV0, kMagicV1}) {
    const Buffer good = SetOf({Message(magic, 0, "value")});
    REQUIRE(FaultOf(good) == MessageFault::kNone);
    for (const int32_t size :
         {0, -1, 13, INT32_MAX, INT32_MIN, static_cast<int32_t>(good.size())}) {
      Buffer set = good;
      StoreBigEndian(set.data() + kSizeAt, size);
      CHECK(FaultOf(set) == MessageFault::kSize);
    }
    for (const int8_t wrong : {-1, 2, 3, 127}) {
      Buffer set = good;
      TamperMessage(set, kMessageMagicAt, wrong);
      CHECK(FaultOf(set) == MessageFault::kMagic);
    }
    const size_t key_at = magic == kMagicV0 ? 18 : 26;
    for (const size_t field_at : {key_at, key_at + 7}) {
      for (const int32_t length : {-2, INT32_MIN, INT32_MAX, 0, 2, 4, 6}) {
        Buffer set = good;
        StoreBigEndian(set.data() + field_at, length);
        TamperMessage(set, kMessageMagicAt, magic);
        CHECK(FaultOf(set) == MessageFault::kFields);
      }
    }
    for (size_t i = kMessageCrcAt; i < good.size(); ++i) {
      if (i == kMessageMagicAt) continue;
      Buffer set = good;
      set[i] ^= std::byte{0x10};
      REQUIRE(FaultOf(set) == MessageFault::kCrc);
    }
  }
}

TEST_CASE("message set: changed bytes never make the walk pass the end") {
  const uint64_t seed = 41;
  INFO("seed " << seed);
  Random random(seed);
  for (const CodecType codec : {CodecType::kNone, CodecType::kGzip, CodecType::kLz4}) {
    const Buffer inner = SetOf({Message(kMagicV1, 0, "first"), Message(kMagicV1, 1, "second")});
    const Buffer good = codec == CodecType::kNone ? inner : Wrapped(kMagicV1, codec, 1, inner);
    for (int round = 0; round < 2000; ++round) {
      Buffer set = good;
      for (uint64_t i = 1 + random.Below(4); i > 0; --i) {
        TamperMessage(set, kMessageMagicAt + random.Below(set.size() - kMessageMagicAt - 1),
                      static_cast<int8_t>(random.Next()));
        if (LoadBigEndian<int32_t>(set.data() + kSizeAt) + 12 != static_cast<int32_t>(set.size())) {
          break;
        }
      }
      std::vector<std::pair<int64_t, std::string>> seen;
      const auto fault = Visit(set, seen, 4000);
      REQUIRE((fault.has_value() || !seen.empty()));
    }
  }
}

TEST_CASE("message set: wrappers that hold nothing, wrappers or another magic are refused") {
  for (const int8_t magic : {kMagicV0, kMagicV1}) {
    const Buffer inner = SetOf({Message(magic, 0, "x")});
    const Buffer wrapper = Wrapped(magic, CodecType::kGzip, 0, inner);
    CHECK_FALSE(Visit(wrapper).has_value());
    CHECK(Visit(Wrapped(magic, CodecType::kGzip, 0, wrapper))->error == ErrorCode::kInvalidRecord);
    CHECK(Visit(Wrapped(magic, CodecType::kGzip, 0, {}))->error == ErrorCode::kInvalidRecord);
    const Buffer other = SetOf({Message(static_cast<int8_t>(1 - magic), 0, "x")});
    CHECK(Visit(Wrapped(magic, CodecType::kGzip, 0, other))->error == ErrorCode::kInvalidRecord);
    Buffer cut = inner;
    cut.pop_back();
    CHECK(Visit(Wrapped(magic, CodecType::kGzip, 0, cut))->error == ErrorCode::kCorruptMessage);
    MessageView null = Message(magic, 0, "", 1);
    null.value.reset();
    CHECK(Visit(SetOf({null}))->error == ErrorCode::kInvalidRecord);
    CHECK(Visit(SetOf({Message(magic, 0, "not gzip", 1)}))->error == ErrorCode::kCorruptMessage);
  }
}

TEST_CASE("message set: codecs that came after it, or that nobody knows, are refused") {
  for (const int8_t codec : {4, 5, 6, 7}) {
    const auto fault = Visit(SetOf({Message(kMagicV1, 0, "x", codec)}));
    REQUIRE(fault.has_value());
    CHECK(fault->error == ErrorCode::kUnsupportedCompressionType);
    CHECK(fault->record_index == 0);
  }
}

TEST_CASE("message set: all wrappers together may not hold more than allowed") {
  const Buffer inner = SetOf({Message(kMagicV1, 0, std::string(100'000, 'x'))});
  const Buffer one = Wrapped(kMagicV1, CodecType::kGzip, 0, inner);
  CHECK_FALSE(Visit(one, inner.size()).has_value());
  CHECK(Visit(one, inner.size() - 1)->error == ErrorCode::kMessageTooLarge);
  Buffer two = one;
  two.insert(two.end(), one.begin(), one.end());
  CHECK_FALSE(Visit(two, 2 * inner.size()).has_value());
  CHECK(Visit(two, 2 * inner.size() - 1)->error == ErrorCode::kMessageTooLarge);
}

TEST_CASE("message set: offsets in a wrapper that overflow or begin below 0 are refused") {
  const Buffer inner = SetOf({Message(kMagicV1, 0, "a"), Message(kMagicV1, 5, "b")});
  CHECK(Visit(Wrapped(kMagicV1, CodecType::kGzip, 4, inner))->error == ErrorCode::kInvalidRecord);
  const Buffer far = SetOf({Message(kMagicV1, INT64_MAX, "a"), Message(kMagicV1, 0, "b")});
  CHECK(Visit(Wrapped(kMagicV1, CodecType::kGzip, 9, far))->error == ErrorCode::kInvalidRecord);
  const Buffer low = SetOf({Message(kMagicV1, INT64_MIN, "a")});
  CHECK(Visit(Wrapped(kMagicV1, CodecType::kGzip, 9, low))->error == ErrorCode::kInvalidRecord);
}

TEST_CASE("message set: offsets in a wrapper are absolute, and of magic 1 count from its last") {
  using Seen = std::vector<std::pair<int64_t, std::string>>;
  const Buffer v0 = SetOf({Message(kMagicV0, 70, "a"), Message(kMagicV0, 75, "b")});
  const Buffer v1 = SetOf({Message(kMagicV1, 0, "a"), Message(kMagicV1, 5, "b")});
  for (const CodecType codec : {CodecType::kGzip, CodecType::kSnappy, CodecType::kLz4}) {
    Seen seen;
    CHECK_FALSE(Visit(Wrapped(kMagicV0, codec, 75, v0), seen).has_value());
    CHECK(seen == Seen{{70, "a"}, {75, "b"}});
    seen.clear();
    CHECK_FALSE(Visit(Wrapped(kMagicV1, codec, 75, v1), seen).has_value());
    CHECK(seen == Seen{{70, "a"}, {75, "b"}});
    seen.clear();
    // Some producers leave the wrapper's offset at 0.
    CHECK_FALSE(Visit(Wrapped(kMagicV1, codec, 0, v1), seen).has_value());
    CHECK(seen == Seen{{0, "a"}, {5, "b"}});
  }
}

TEST_CASE("message set: what was appended is read equal, nulls and empties too") {
  for (const int8_t magic : {kMagicV0, kMagicV1}) {
    MessageView nulls = Message(magic, 3, "");
    nulls.key.reset();
    nulls.value.reset();
    const Buffer set = SetOf({Message(magic, 2, ""), nulls});
    CHECK(set.size() == MessageSize(Message(magic, 2, "")) + MessageSize(nulls));
    MessageReader reader(set);
    const auto first = reader.Next();
    REQUIRE(first.has_value());
    CHECK(first->offset == Offset(2));
    CHECK(first->timestamp == TimestampMs(magic == kMagicV0 ? -1 : 1002));
    CHECK(AsText(*first->key) == "key");
    CHECK(first->value->empty());
    const auto second = reader.Next();
    REQUIRE(second.has_value());
    CHECK_FALSE(second->key.has_value());
    CHECK_FALSE(second->value.has_value());
    CHECK_FALSE(reader.Next().has_value());
    CHECK(reader.fault() == MessageFault::kNone);
  }
}

TEST_CASE("message set: of magic 0 the LZ4 frame is written wrong as of old, and read either way") {
  const Buffer inner = SetOf({Message(kMagicV0, 0, std::string(500, 'x'))});
  Buffer right, wrong;
  REQUIRE(Compress({.codec = CodecType::kLz4}, inner, right).ok());
  REQUIRE(CompressForMagic0({.codec = CodecType::kLz4}, inner, wrong).ok());
  REQUIRE(right.size() == wrong.size());
  CHECK(right[6] == std::byte{0x82});  // of flags 0x60 and block descriptor 0x40
  CHECK(wrong[6] == std::byte{0x1a});  // of the frame's magic, too
  for (const Buffer& frame : {right, wrong}) {
    Buffer out;
    CHECK(DecompressForMagic0(CodecType::kLz4, frame, kPlenty, out).ok());
    CHECK(out == inner);
  }
  Buffer out;
  CHECK(absl::IsInvalidArgument(Decompress(CodecType::kLz4, wrong, kPlenty, out)));
  wrong[6] = std::byte{0};
  CHECK(absl::IsInvalidArgument(DecompressForMagic0(CodecType::kLz4, wrong, kPlenty, out)));
  CHECK(out.empty());
  for (size_t size = 0; size < right.size(); ++size) {
    const Bytes cut = Bytes(right).first(size);
    REQUIRE(absl::IsInvalidArgument(DecompressForMagic0(CodecType::kLz4, cut, kPlenty, out)));
  }
}

}  // namespace millrace::record
