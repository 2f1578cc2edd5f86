#include <algorithm>
#include <array>
#include <snappy.h>

#include <fmt/format.h>

#include "proto/record/batch_layout.h"
#include "proto/record/compression_codecs.h"

namespace millrace::record {
namespace {

using Bytes = std::span<const std::byte>;

// snappy-java's stream: this magic, two versions (int32), then blocks, each behind its size.
constexpr std::array<std::byte, 8> kMagic = {std::byte{0x82}, std::byte{'S'}, std::byte{'N'},
                                             std::byte{'A'},  std::byte{'P'}, std::byte{'P'},
                                             std::byte{'Y'},  std::byte{0}};
constexpr size_t kStreamHeaderBytes = kMagic.size() + 2 * sizeof(int32_t);
constexpr int32_t kStreamVersion = 1;
constexpr size_t kBlockBytes = 32 * 1024;  // as snappy-java cuts them

// The format's densest element makes 64 bytes of three, so a block that claims more than this lies.
constexpr size_t kMaxRatio = 22;

const char* Chars(Bytes bytes) { return reinterpret_cast<const char*>(bytes.data()); }

bool StartsStream(Bytes bytes) {
  return bytes.size() >= kMagic.size() && std::equal(kMagic.begin(), kMagic.end(), bytes.begin());
}

absl::Status Damaged(const char* what) {
  return absl::InvalidArgumentError(fmt::format("snappy: {}", what));
}

absl::Status DecompressBlock(Bytes block, BoundedOutput& out) {
  size_t claimed = 0;
  if (!snappy::GetUncompressedLength(Chars(block), block.size(), &claimed)) {
    return Damaged("a block has no length");
  }
  if (claimed > block.size() * kMaxRatio) return Damaged("a block claims more than it can hold");
  const std::span<std::byte> room = out.Room(claimed);
  if (room.size() < claimed) return out.OverLimit();
  if (!snappy::RawUncompress(Chars(block), block.size(), reinterpret_cast<char*>(room.data()))) {
    return Damaged("a block is damaged");
  }
  out.Commit(claimed);
  return absl::OkStatus();
}

void AppendInt32(int32_t value, std::vector<std::byte>& out) {
  out.resize(out.size() + sizeof(value));
  StoreBigEndian(out.data() + out.size() - sizeof(value), value);
}

}  // namespace

absl::Status DecompressSnappy(Bytes in, BoundedOutput& out) {
  if (!StartsStream(in)) return DecompressBlock(in, out);
  while (!in.empty()) {
    if (StartsStream(in)) {
      if (in.size() < kStreamHeaderBytes) return Damaged("the stream header ends too early");
      in = in.subspan(kStreamHeaderBytes);
      continue;
    }
    if (in.size() < sizeof(int32_t)) return Damaged("a block size ends too early");
    const auto size = LoadBigEndian<int32_t>(in.data());
    in = in.subspan(sizeof(int32_t));
    if (size < 0 || static_cast<size_t>(size) > in.size()) {
      return Damaged("a block runs past the end");
    }
    absl::Status status = DecompressBlock(in.first(static_cast<size_t>(size)), out);
    if (!status.ok()) return status;
    in = in.subspan(static_cast<size_t>(size));
  }
  return absl::OkStatus();
}

absl::Status CompressSnappy(Bytes in, std::vector<std::byte>& out) {
  out.insert(out.end(), kMagic.begin(), kMagic.end());
  AppendInt32(kStreamVersion, out);
  AppendInt32(kStreamVersion, out);  // the oldest version that can read it
  while (!in.empty()) {
    const Bytes block = in.first(std::min(in.size(), kBlockBytes));
    in = in.subspan(block.size());
    const size_t size_at = out.size();
    const size_t block_at = size_at + sizeof(int32_t);
    out.resize(block_at + snappy::MaxCompressedLength(block.size()));
    size_t compressed = 0;
    snappy::RawCompress(Chars(block), block.size(), reinterpret_cast<char*>(out.data() + block_at),
                        &compressed);
    StoreBigEndian(out.data() + size_at, static_cast<int32_t>(compressed));
    out.resize(block_at + compressed);
  }
  return absl::OkStatus();
}

}  // namespace millrace::record
