#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <lz4frame.h>
#include <memory>
#include <optional>

#include <fmt/format.h>

#include "proto/invariant.h"
#include "proto/record/compression_codecs.h"

namespace millrace::record {
namespace {

using Bytes = std::span<const std::byte>;

struct FreeContext {
  void operator()(LZ4F_dctx* context) const { LZ4F_freeDecompressionContext(context); }
};
using Context = std::unique_ptr<LZ4F_dctx, FreeContext>;

Context NewContext() {
  LZ4F_dctx* context = nullptr;
  if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)) != 0U) return nullptr;
  return Context(context);
}

absl::Status Damaged(size_t code) {
  return absl::InvalidArgumentError(fmt::format("lz4: {}", LZ4F_getErrorName(code)));
}

// Feeds `head`, then `in`, until they and what the decoder holds back are used up.
absl::Status DecompressFrames(LZ4F_dctx* context, Bytes head, Bytes in, BoundedOutput& out) {
  bool at_frame_end = false;
  while (!head.empty() || !in.empty() || !at_frame_end) {
    Bytes& piece = head.empty() ? in : head;
    const std::span<std::byte> room = out.Room();
    size_t produced = room.size();
    size_t consumed = piece.size();
    const size_t hint =
        LZ4F_decompress(context, room.data(), &produced, piece.data(), &consumed, nullptr);
    if (LZ4F_isError(hint) != 0U) return Damaged(hint);
    piece = piece.subspan(consumed);
    out.Commit(produced);
    if (out.IsOverLimit()) return out.OverLimit();
    at_frame_end = hint == 0;
    if (produced == 0 && consumed == 0 && !at_frame_end) {
      return absl::InvalidArgumentError("lz4: the data end too early");
    }
  }
  return absl::OkStatus();
}

// A frame's header: magic, flags, block descriptor, what the flags add, checksum.
constexpr size_t kFlagsAt = 4;
constexpr size_t kHeaderBytesMin = 7;
constexpr std::byte kContentSizeFlag{0x08};
constexpr std::byte kDictionaryFlag{0x01};

// Where the checksum stands. None: too few bytes, or a dictionary, which nobody uses here.
std::optional<size_t> ChecksumAt(Bytes frame) {
  if (frame.size() < kHeaderBytesMin) return std::nullopt;
  if ((frame[kFlagsAt] & kDictionaryFlag) != std::byte{0}) return std::nullopt;
  const bool has_size = (frame[kFlagsAt] & kContentSizeFlag) != std::byte{0};
  const size_t at = kHeaderBytesMin - 1 + (has_size ? sizeof(int64_t) : 0);
  return at < frame.size() ? std::optional(at) : std::nullopt;
}

// xxHash's 32 bits, seed 0, of fewer than 16 bytes, as the frame format asks for.
uint32_t ShortXxHash(Bytes bytes) {
  constexpr uint32_t kPrime1 = 0x9e3779b1;
  constexpr uint32_t kPrime2 = 0x85ebca77;
  constexpr uint32_t kPrime3 = 0xc2b2ae3d;
  constexpr uint32_t kPrime4 = 0x27d4eb2f;
  constexpr uint32_t kPrime5 = 0x165667b1;
  INVARIANT(bytes.size() < 16);
  uint32_t hash = kPrime5 + static_cast<uint32_t>(bytes.size());
  for (; bytes.size() >= sizeof(uint32_t); bytes = bytes.subspan(sizeof(uint32_t))) {
    uint32_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof(word));  // little-endian, as the hash wants it
    hash = std::rotl(hash + word * kPrime3, 17) * kPrime4;
  }
  for (const std::byte byte : bytes) {
    hash = std::rotl(hash + static_cast<uint32_t>(byte) * kPrime5, 11) * kPrime1;
  }
  hash = (hash ^ (hash >> 15)) * kPrime2;
  hash = (hash ^ (hash >> 13)) * kPrime3;
  return hash ^ (hash >> 16);
}

}  // namespace

absl::Status DecompressLz4(Bytes in, BoundedOutput& out) {
  const Context context = NewContext();
  if (context == nullptr) return absl::ResourceExhaustedError("lz4: out of memory");
  return DecompressFrames(context.get(), {}, in, out);
}

absl::Status DecompressLz4Magic0(Bytes in, BoundedOutput& out) {
  const Context context = NewContext();
  if (context == nullptr) return absl::ResourceExhaustedError("lz4: out of memory");
  const std::optional<size_t> checksum_at = ChecksumAt(in);
  if (!checksum_at.has_value()) return DecompressFrames(context.get(), {}, in, out);
  std::array<std::byte, kHeaderBytesMin + sizeof(int64_t)> header;
  const size_t header_bytes = *checksum_at + 1;
  std::copy_n(in.begin(), header_bytes, header.begin());
  const std::span<std::byte> head = std::span(header).first(header_bytes);
  SetLz4HeaderChecksum(head, Lz4HeaderChecksum::kOfMagic0);
  // Another checksum than that one is left for the decoder to judge.
  if (head.back() == in[*checksum_at]) {
    SetLz4HeaderChecksum(head, Lz4HeaderChecksum::kRight);
  } else {
    head.back() = in[*checksum_at];
  }
  return DecompressFrames(context.get(), head, in.subspan(header_bytes), out);
}

void SetLz4HeaderChecksum(std::span<std::byte> frame, Lz4HeaderChecksum which) {
  const std::optional<size_t> at = ChecksumAt(frame);
  INVARIANT(at.has_value());
  const size_t from = which == Lz4HeaderChecksum::kRight ? kFlagsAt : 0;
  const uint32_t hash = ShortXxHash(frame.subspan(from, *at - from));
  frame[*at] = static_cast<std::byte>(hash >> 8);
}

absl::Status CompressLz4(std::span<const std::byte> in, std::optional<int> level,
                         std::vector<std::byte>& out) {
  LZ4F_preferences_t preferences{};
  // The Java client reads independent blocks only.
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.frameInfo.blockSizeID = LZ4F_max64KB;
  preferences.compressionLevel = level.has_value() ? std::clamp(*level, 1, 12) : 0;
  const size_t start = out.size();
  out.resize(start + LZ4F_compressFrameBound(in.size(), &preferences));
  const size_t written = LZ4F_compressFrame(out.data() + start, out.size() - start, in.data(),
                                            in.size(), &preferences);
  if (LZ4F_isError(written) != 0U) {
    return absl::ResourceExhaustedError(fmt::format("lz4: {}", LZ4F_getErrorName(written)));
  }
  out.resize(start + written);
  return absl::OkStatus();
}

}  // namespace millrace::record
