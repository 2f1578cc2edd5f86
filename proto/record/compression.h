// Compresses and decompresses the record block of a batch, as the Java client does: gzip (RFC
// 1952), snappy (snappy-java's framing; raw blocks are read too), lz4 (frame format), zstd.
//
// Pure and without state between calls; any thread. Errors are values:
//   InvalidArgument    the bytes are not what the codec writes, or end too early
//   ResourceExhausted  more bytes than allowed would come out, or memory is short
// `out` is appended to; after an error it holds what it held before.
// Format: docs/formats/record-batch.md.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "proto/record/codec_type.h"

namespace millrace::record {

struct Compression {
  CodecType codec = CodecType::kNone;
  // gzip 1 to 9, lz4 1 to 12, zstd -131072 to 22; snappy has none. Absent: Kafka's default. A level
  // outside the bounds is taken as the nearest bound.
  std::optional<int> level;
};

absl::Status Compress(Compression how, std::span<const std::byte> in, std::vector<std::byte>& out);

// Output grows as bytes come out, never past `max_bytes` (by one byte, to see that there would be
// more), whatever the input claims. Besides that, decoders hold at most about 9 MiB of their own:
// zstd windows above 8 MiB are refused as ResourceExhausted. Several gzip members, lz4 frames, zstd
// frames or snappy streams after one another are read as one; other bytes after them are refused.
absl::Status Decompress(CodecType codec, std::span<const std::byte> in, size_t max_bytes,
                        std::vector<std::byte>& out);

// The same for what stands in a message of magic 0: there the header of an LZ4 frame carries a
// checksum of the wrong bytes, the frame's magic included. Old clients write and expect it so; read
// is either.
absl::Status CompressForMagic0(Compression how, std::span<const std::byte> in,
                               std::vector<std::byte>& out);
absl::Status DecompressForMagic0(CodecType codec, std::span<const std::byte> in, size_t max_bytes,
                                 std::vector<std::byte>& out);

}  // namespace millrace::record
