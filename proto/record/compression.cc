#include "proto/record/compression.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "absl/functional/function_ref.h"
#include "proto/invariant.h"
#include "proto/record/compression_codecs.h"

namespace millrace::record {
namespace {

// A usual ratio of text; a wrong guess costs a reallocation or some memory, no more.
constexpr size_t kExpectedRatio = 4;
constexpr size_t kFirstRoomMin = 1024;
constexpr size_t kFirstRoomMax = 1024 * 1024;

absl::Status DecompressInto(CodecType codec, std::span<const std::byte> in, BoundedOutput& out) {
  switch (codec) {
    case CodecType::kNone:
      break;
    case CodecType::kGzip:
      return DecompressGzip(in, out);
    case CodecType::kSnappy:
      return DecompressSnappy(in, out);
    case CodecType::kLz4:
      return DecompressLz4(in, out);
    case CodecType::kZstd:
      return DecompressZstd(in, out);
  }
  const std::span<std::byte> room = out.Room(in.size());
  if (room.size() < in.size()) return out.OverLimit();
  std::copy(in.begin(), in.end(), room.begin());
  out.Commit(in.size());
  return absl::OkStatus();
}

absl::Status CompressInto(Compression how, std::span<const std::byte> in,
                          std::vector<std::byte>& out) {
  switch (how.codec) {
    case CodecType::kNone:
      break;
    case CodecType::kGzip:
      return CompressGzip(in, how.level, out);
    case CodecType::kSnappy:
      return CompressSnappy(in, out);
    case CodecType::kLz4:
      return CompressLz4(in, how.level, out);
    case CodecType::kZstd:
      return CompressZstd(in, how.level, out);
  }
  out.insert(out.end(), in.begin(), in.end());
  return absl::OkStatus();
}

}  // namespace

BoundedOutput::BoundedOutput(std::vector<std::byte>& out, size_t max_bytes, size_t expected_bytes)
    : out_(out),
      start_(out.size()),
      // One byte more than allowed must be countable.
      max_bytes_(std::min(max_bytes, std::numeric_limits<size_t>::max() / 4)) {
  GrowTo(std::min(expected_bytes, max_bytes_ + 1));
}

BoundedOutput::~BoundedOutput() {
  if (!kept_) out_.resize(start_);
}

std::span<std::byte> BoundedOutput::Room() {
  if (out_.size() - start_ == written_)
    GrowTo(std::min(written_ * 2 + kFirstRoomMin, max_bytes_ + 1));
  return std::span(out_).subspan(start_ + written_);
}

std::span<std::byte> BoundedOutput::Room(size_t bytes) {
  if (bytes > max_bytes_ - std::min(written_, max_bytes_)) return {};
  if (out_.size() - start_ < written_ + bytes) {
    GrowTo(std::max(written_ + bytes, std::min(written_ * 2, max_bytes_)));
  }
  return std::span(out_).subspan(start_ + written_, bytes);
}

void BoundedOutput::Commit(size_t bytes) {
  INVARIANT(bytes <= out_.size() - start_ - written_);
  written_ += bytes;
}

absl::Status BoundedOutput::OverLimit() const {
  return absl::ResourceExhaustedError(
      fmt::format("decompressed records take more than {} bytes", max_bytes_));
}

void BoundedOutput::Keep() {
  INVARIANT(!IsOverLimit());
  out_.resize(start_ + written_);
  kept_ = true;
}

void BoundedOutput::GrowTo(size_t bytes) {
  // reserve() takes the size as it is, where resize() alone may take twice as much.
  out_.reserve(start_ + bytes);
  out_.resize(start_ + bytes);
}

namespace {

// `decompress` writes into memory that is bounded and kept only on success.
absl::Status DecompressBounded(size_t in_bytes, size_t max_bytes, std::vector<std::byte>& out,
                               absl::FunctionRef<absl::Status(BoundedOutput&)> decompress) {
  const size_t expected = std::clamp(in_bytes, kFirstRoomMin, kFirstRoomMax) * kExpectedRatio;
  BoundedOutput bounded(out, max_bytes, expected);
  absl::Status status = decompress(bounded);
  if (status.ok() && bounded.IsOverLimit()) status = bounded.OverLimit();
  if (status.ok()) bounded.Keep();
  return status;
}

}  // namespace

absl::Status Compress(Compression how, std::span<const std::byte> in, std::vector<std::byte>& out) {
  const size_t start = out.size();
  absl::Status status = CompressInto(how, in, out);
  if (!status.ok()) out.resize(start);
  return status;
}

absl::Status Decompress(CodecType codec, std::span<const std::byte> in, size_t max_bytes,
                        std::vector<std::byte>& out) {
  return DecompressBounded(in.size(), max_bytes, out, [&](BoundedOutput& bounded) {
    return DecompressInto(codec, in, bounded);
  });
}

absl::Status CompressForMagic0(Compression how, std::span<const std::byte> in,
                               std::vector<std::byte>& out) {
  const size_t start = out.size();
  absl::Status status = Compress(how, in, out);
  if (status.ok() && how.codec == CodecType::kLz4) {
    SetLz4HeaderChecksum(std::span(out).subspan(start), Lz4HeaderChecksum::kOfMagic0);
  }
  return status;
}

absl::Status DecompressForMagic0(CodecType codec, std::span<const std::byte> in, size_t max_bytes,
                                 std::vector<std::byte>& out) {
  if (codec != CodecType::kLz4) return Decompress(codec, in, max_bytes, out);
  return DecompressBounded(in.size(), max_bytes, out, [&](BoundedOutput& bounded) {
    return DecompressLz4Magic0(in, bounded);
  });
}

}  // namespace millrace::record
