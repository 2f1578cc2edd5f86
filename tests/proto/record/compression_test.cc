#include "proto/record/compression.h"

#include <lz4frame.h>
#include <snappy.h>
#include <zlib.h>
#include <zstd.h>

#include <catch2/catch.hpp>

#include "proto/record/batch_layout.h"
#include "tests/proto/record/support.h"

namespace millrace::record {
namespace {

constexpr CodecType kCompressing[] = {CodecType::kGzip, CodecType::kSnappy, CodecType::kLz4,
                                      CodecType::kZstd};

Buffer Pack(CodecType codec, Bytes in, std::optional<int> level = std::nullopt) {
  Buffer out;
  REQUIRE(Compress({.codec = codec, .level = level}, in, out).ok());
  return out;
}

absl::Status Unpack(CodecType codec, Bytes in, size_t max_bytes = kPlenty) {
  Buffer out;
  absl::Status status = Decompress(codec, in, max_bytes, out);
  if (!status.ok()) CHECK(out.empty());
  return status;
}

std::string Unpacked(CodecType codec, Bytes in, size_t max_bytes = kPlenty) {
  Buffer out;
  const absl::Status status = Decompress(codec, in, max_bytes, out);
  INFO(status.ToString());
  REQUIRE(status.ok());
  return AsText(out);
}

std::string SomeText(size_t size) {
  Random random(size);
  std::string text;
  while (text.size() < size) text += "line " + std::to_string(random.Below(1000)) + "\n";
  text.resize(size);
  return text;
}

Buffer Joined(const Buffer& a, const Buffer& b) {
  Buffer joined = a;
  joined.insert(joined.end(), b.begin(), b.end());
  return joined;
}

}  // namespace

TEST_CASE("compression: a stream cut at any byte is refused") {
  for (const CodecType codec : kCompressing) {
    INFO(CodecName(codec).data());
    const Buffer packed = Pack(codec, AsBytes(SomeText(300)));
    for (size_t size = 0; size < packed.size(); ++size) {
      // snappy-java's stream header alone is a stream of no blocks.
      if (codec == CodecType::kSnappy && size == 16) continue;
      REQUIRE(absl::IsInvalidArgument(Unpack(codec, Copy(Bytes(packed).first(size)))));
    }
  }
}

TEST_CASE("compression: bytes that are no stream are refused") {
  for (const CodecType codec : kCompressing) {
    CHECK(absl::IsInvalidArgument(Unpack(codec, {})));
    CHECK(absl::IsInvalidArgument(Unpack(codec, AsBytes("this is not compressed at all"))));
    const Buffer trailing = Joined(Pack(codec, AsBytes("abc")), Copy(AsBytes("\x01junk after")));
    CHECK(absl::IsInvalidArgument(Unpack(codec, trailing)));
  }
}

TEST_CASE("compression: changed bytes never make a decoder pass its limit") {
  const uint64_t seed = 12;
  INFO("seed " << seed);
  Random random(seed);
  const std::string text = SomeText(2000);
  for (const CodecType codec : kCompressing) {
    const Buffer packed = Pack(codec, AsBytes(text));
    for (int round = 0; round < 500; ++round) {
      Buffer changed = packed;
      for (uint64_t i = 1 + random.Below(3); i > 0; --i) {
        changed[random.Below(changed.size())] = static_cast<std::byte>(random.Next());
      }
      Buffer out;
      const absl::Status status = Decompress(codec, changed, 4000, out);
      REQUIRE(out.size() <= 4000);
      REQUIRE(out.capacity() <= 4001);
      if (!status.ok()) REQUIRE(out.empty());
    }
  }
}

TEST_CASE("compression: bombs are refused within the limit") {
  const std::string zeros(32 << 20, '\0');
  constexpr size_t kLimit = 1 << 20;
  for (const CodecType codec : kCompressing) {
    INFO(CodecName(codec).data());
    const Buffer bomb = Pack(codec, AsBytes(zeros), 9);
    Buffer out;
    CHECK(absl::IsResourceExhausted(Decompress(codec, bomb, kLimit, out)));
    CHECK(out.empty());
    CHECK(out.capacity() <= kLimit + 1);
  }
}

TEST_CASE("compression: a limit of exactly the size is enough, and one byte less is not") {
  const std::string text = SomeText(100'000);
  for (const CodecType codec : kCompressing) {
    const Buffer packed = Pack(codec, AsBytes(text));
    CHECK(Unpacked(codec, packed, text.size()) == text);
    CHECK(absl::IsResourceExhausted(Unpack(codec, packed, text.size() - 1)));
    CHECK(absl::IsResourceExhausted(Unpack(codec, packed, 0)));
  }
  CHECK(Unpacked(CodecType::kNone, AsBytes(text), text.size()) == text);
  CHECK(absl::IsResourceExhausted(Unpack(CodecType::kNone, AsBytes(text), text.size() - 1)));
}

TEST_CASE("compression: a snappy block that claims more than it can hold is refused unread") {
  // Length 2^31 as a varint, and one literal byte.
  const std::string liar("\x80\x80\x80\x80\x08\x00x", 7);
  CHECK(absl::IsInvalidArgument(Unpack(CodecType::kSnappy, AsBytes(liar))));
}

TEST_CASE("compression: zstd frames from before its version 1.0 are refused") {
  // As version 0.7 wrote them, with a window of 117 MB; alone, and behind a frame of today.
  const std::vector<unsigned char> old{0x27, 0xb5, 0x2f, 0xfd, 0x00, 0x86, 0, 0, 0, 0};
  std::vector<unsigned char> behind{0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00};
  behind.insert(behind.end(), old.begin(), old.end());
  for (const auto& bytes : {old, behind}) {
    std::vector<std::byte> out;
    const absl::Status status =
        Decompress(CodecType::kZstd, std::as_bytes(std::span(bytes)), 1 << 20, out);
    CHECK(absl::IsInvalidArgument(status));
    CHECK(status.message().find("before version 1.0") != absl::string_view::npos);
  }
}

TEST_CASE("compression: a zstd window above 8 MiB is refused") {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  REQUIRE(context != nullptr);
  ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 24);
  // Nothing pledges the size, so that the frame names its window.
  const std::string text = SomeText(1000);
  Buffer packed(ZSTD_compressBound(text.size()));
  ZSTD_inBuffer in{text.data(), text.size(), 0};
  ZSTD_outBuffer out{packed.data(), packed.size(), 0};
  ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush);
  REQUIRE(ZSTD_compressStream2(context, &out, &in, ZSTD_e_end) == 0);
  ZSTD_freeCCtx(context);
  packed.resize(out.pos);
  CHECK(absl::IsResourceExhausted(Unpack(CodecType::kZstd, packed)));
}

TEST_CASE("compression: what was there before stays, in success and failure") {
  for (const CodecType codec : kCompressing) {
    Buffer out = Copy(AsBytes("before "));
    const Buffer packed = Pack(codec, AsBytes("and after"));
    CHECK_FALSE(Decompress(codec, Bytes(packed).first(packed.size() / 2), kPlenty, out).ok());
    CHECK(AsText(out) == "before ");
    CHECK(Decompress(codec, packed, kPlenty, out).ok());
    CHECK(AsText(out) == "before and after");
  }
}

TEST_CASE("compression: every codec gives back what it was given, at any size") {
  for (const CodecType codec : kAllCodecs) {
    for (const size_t size : {0, 1, 100, 4096, 32768, 32769, 65536, 65537, 300'000, 2'000'000}) {
      const std::string text = SomeText(size);
      REQUIRE(Unpacked(codec, Pack(codec, AsBytes(text))) == text);
    }
  }
}

TEST_CASE("compression: every level, also one out of bounds, can be read") {
  const std::string text = SomeText(20'000);
  for (const CodecType codec : kCompressing) {
    for (const int level : {-200'000, -5, 0, 1, 6, 9, 12, 19, 1000}) {
      REQUIRE(Unpacked(codec, Pack(codec, AsBytes(text), level)) == text);
    }
  }
}

TEST_CASE("compression: streams after one another are read as one") {
  for (const CodecType codec : kCompressing) {
    const Buffer two = Joined(Pack(codec, AsBytes("one,")), Pack(codec, AsBytes("two")));
    CHECK(Unpacked(codec, two) == "one,two");
  }
}

TEST_CASE("compression: raw snappy is read too") {
  const std::string text = SomeText(100'000);
  std::string raw;
  snappy::Compress(text.data(), text.size(), &raw);
  CHECK(Unpacked(CodecType::kSnappy, AsBytes(raw)) == text);
}

TEST_CASE("compression: snappy is written in snappy-java's framing, in blocks of 32 KiB") {
  const Buffer packed = Pack(CodecType::kSnappy, AsBytes(std::string(40'000, 'a')));
  CHECK(AsText(Bytes(packed).first(8)) == std::string("\x82SNAPPY\0", 8));
  CHECK(LoadBigEndian<int32_t>(packed.data() + 8) == 1);
  CHECK(LoadBigEndian<int32_t>(packed.data() + 12) == 1);
  const auto first = static_cast<size_t>(LoadBigEndian<int32_t>(packed.data() + 16));
  size_t length = 0;
  REQUIRE(snappy::GetUncompressedLength(reinterpret_cast<const char*>(packed.data() + 20), first,
                                        &length));
  CHECK(length == 32 * 1024);
}

TEST_CASE("compression: lz4 frames are such that the Java client reads them") {
  const Buffer packed = Pack(CodecType::kLz4, AsBytes(SomeText(200'000)));
  CHECK(LoadBigEndian<int32_t>(packed.data()) == 0x04224d18);
  const auto flags = static_cast<uint8_t>(packed[4]);
  CHECK((flags >> 6) == 1);             // version
  CHECK((flags & 0x20) != 0);           // independent blocks
  CHECK((flags & 0x0f) == 0);           // no content size, checksum or dictionary
  CHECK(packed[5] == std::byte{0x40});  // blocks of 64 KiB
}

TEST_CASE("compression: lz4 blocks that depend on each other are read, as some clients write") {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.blockMode = LZ4F_blockLinked;
  preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  const std::string text = SomeText(300'000);
  Buffer packed(LZ4F_compressFrameBound(text.size(), &preferences));
  packed.resize(
      LZ4F_compressFrame(packed.data(), packed.size(), text.data(), text.size(), &preferences));
  CHECK(Unpacked(CodecType::kLz4, packed) == text);
}

}  // namespace millrace::record
