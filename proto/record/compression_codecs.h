// The single codecs behind compression.h, one source file each, and what they share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace millrace::record {

// Appends to a vector up to a limit. Growing doubles the block, so that a small input that claims
// much costs little until the bytes are really there. On destruction without Keep() the vector is
// as before.
class BoundedOutput {
 public:
  // `expected_bytes` is a first guess.
  BoundedOutput(std::vector<std::byte>& out, size_t max_bytes, size_t expected_bytes);
  ~BoundedOutput();
  BoundedOutput(const BoundedOutput&) = delete;
  BoundedOutput& operator=(const BoundedOutput&) = delete;

  // Room for at least one more byte, until the limit is exceeded: then OverLimit().
  std::span<std::byte> Room();
  // So many bytes at once; empty when they do not fit in the limit.
  std::span<std::byte> Room(size_t bytes);
  // The first `bytes` of the room are written.
  void Commit(size_t bytes);
  bool IsOverLimit() const { return written_ > max_bytes_; }
  absl::Status OverLimit() const;
  size_t written() const { return written_; }
  // What was written stays.
  void Keep();

 private:
  void GrowTo(size_t bytes);

  std::vector<std::byte>& out_;
  const size_t start_;
  const size_t max_bytes_;
  size_t written_ = 0;
  bool kept_ = false;
};

absl::Status CompressGzip(std::span<const std::byte> in, std::optional<int> level,
                          std::vector<std::byte>& out);
absl::Status CompressSnappy(std::span<const std::byte> in, std::vector<std::byte>& out);
absl::Status CompressLz4(std::span<const std::byte> in, std::optional<int> level,
                         std::vector<std::byte>& out);
absl::Status CompressZstd(std::span<const std::byte> in, std::optional<int> level,
                          std::vector<std::byte>& out);

// Over which bytes of an LZ4 frame's header its checksum goes: its descriptor, or, in messages of
// magic 0, the magic before that, too.
enum class Lz4HeaderChecksum : uint8_t { kRight, kOfMagic0 };
// Precondition: `frame` starts with a frame's header of 15 bytes or less.
void SetLz4HeaderChecksum(std::span<std::byte> frame, Lz4HeaderChecksum which);

absl::Status DecompressGzip(std::span<const std::byte> in, BoundedOutput& out);
absl::Status DecompressSnappy(std::span<const std::byte> in, BoundedOutput& out);
absl::Status DecompressLz4(std::span<const std::byte> in, BoundedOutput& out);
// Takes the frame's header checksum for right if it is the one of magic 0, too.
absl::Status DecompressLz4Magic0(std::span<const std::byte> in, BoundedOutput& out);
absl::Status DecompressZstd(std::span<const std::byte> in, BoundedOutput& out);

}  // namespace millrace::record
