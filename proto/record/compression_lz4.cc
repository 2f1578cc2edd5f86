#include <algorithm>
#include <lz4frame.h>
#include <memory>

#include <fmt/format.h>

#include "proto/record/compression_codecs.h"

namespace millrace::record {
namespace {

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

// Feeds `in` until it and what the decoder holds back are used up.
absl::Status DecompressFrames(LZ4F_dctx* context, std::span<const std::byte> in,
                              BoundedOutput& out) {
  bool at_frame_end = false;
  while (!in.empty() || !at_frame_end) {
    const std::span<std::byte> room = out.Room();
    size_t produced = room.size();
    size_t consumed = in.size();
    const size_t hint =
        LZ4F_decompress(context, room.data(), &produced, in.data(), &consumed, nullptr);
    if (LZ4F_isError(hint) != 0U) return Damaged(hint);
    in = in.subspan(consumed);
    out.Commit(produced);
    if (out.IsOverLimit()) return out.OverLimit();
    at_frame_end = hint == 0;
    if (produced == 0 && consumed == 0 && !at_frame_end) {
      return absl::InvalidArgumentError("lz4: the data end too early");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status DecompressLz4(std::span<const std::byte> in, BoundedOutput& out) {
  const Context context = NewContext();
  if (context == nullptr) return absl::ResourceExhaustedError("lz4: out of memory");
  return DecompressFrames(context.get(), in, out);
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
