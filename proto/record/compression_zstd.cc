#include <algorithm>
#include <memory>
#include <zstd.h>
#include <zstd_errors.h>

#include <fmt/format.h>

#include "proto/record/compression_codecs.h"

namespace millrace::record {
namespace {

// Windows of 8 MiB: what zstd asks every decoder to support, and all that levels up to 19 use.
constexpr int kWindowLogMax = 23;

struct FreeContext {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

absl::Status OutOfMemory() { return absl::ResourceExhaustedError("zstd: out of memory"); }

absl::Status Refuse(size_t code) {
  const std::string message = fmt::format("zstd: {}", ZSTD_getErrorName(code));
  if (ZSTD_getErrorCode(code) == ZSTD_error_frameParameter_windowTooLarge ||
      ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation) {
    return absl::ResourceExhaustedError(message);
  }
  return absl::InvalidArgumentError(message);
}

// Debian's library also reads what versions before 1.0 wrote, with buffers that its limit for the
// window does not hold for; no Kafka client ever wrote that. Their magic numbers are 0xfd2fb522 to
// 27 (the last byte comes first), today's is 0xfd2fb528.
bool IsLegacyFrame(std::span<const std::byte> in) {
  return in.size() >= 4 && in[1] == std::byte{0xb5} && in[2] == std::byte{0x2f} &&
         in[3] == std::byte{0xfd} && in[0] != std::byte{0x28};
}

}  // namespace

absl::Status DecompressZstd(std::span<const std::byte> in, BoundedOutput& out) {
  const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  if (context == nullptr) return OutOfMemory();
  const size_t set = ZSTD_DCtx_setParameter(context.get(), ZSTD_d_windowLogMax, kWindowLogMax);
  if (ZSTD_isError(set) != 0U) return Refuse(set);

  ZSTD_inBuffer input{in.data(), in.size(), 0};
  bool at_frame_end = false;
  while (input.pos < input.size || !at_frame_end) {
    const bool at_frame_start = at_frame_end || input.pos == 0;
    if (at_frame_start && IsLegacyFrame(in.subspan(input.pos))) {
      return absl::InvalidArgumentError("zstd: a frame in a format from before version 1.0");
    }
    const std::span<std::byte> room = out.Room();
    ZSTD_outBuffer output{room.data(), room.size(), 0};
    const size_t before = input.pos;
    const size_t hint = ZSTD_decompressStream(context.get(), &output, &input);
    if (ZSTD_isError(hint) != 0U) return Refuse(hint);
    out.Commit(output.pos);
    if (out.IsOverLimit()) return out.OverLimit();
    at_frame_end = hint == 0;
    if (output.pos == 0 && input.pos == before && !at_frame_end) {
      return absl::InvalidArgumentError("zstd: the data end too early");
    }
  }
  return absl::OkStatus();
}

absl::Status CompressZstd(std::span<const std::byte> in, std::optional<int> level,
                          std::vector<std::byte>& out) {
  const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  if (context == nullptr) return OutOfMemory();
  const int taken =
      std::clamp(level.value_or(ZSTD_defaultCLevel()), ZSTD_minCLevel(), ZSTD_maxCLevel());
  const size_t start = out.size();
  out.resize(start + ZSTD_compressBound(in.size()));
  const size_t written = ZSTD_compressCCtx(context.get(), out.data() + start, out.size() - start,
                                           in.data(), in.size(), taken);
  if (ZSTD_isError(written) != 0U) return Refuse(written);
  out.resize(start + written);
  return absl::OkStatus();
}

}  // namespace millrace::record
