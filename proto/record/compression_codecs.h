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

absl::Status DecompressGzip(std::span<const std::byte> in, BoundedOutput& out);
absl::Status DecompressSnappy(std::span<const std::byte> in, BoundedOutput& out);
absl::Status DecompressLz4(std::span<const std::byte> in, BoundedOutput& out);
absl::Status DecompressZstd(std::span<const std::byte> in, BoundedOutput& out);

}  // namespace millrace::record
